"""The neighbours of the listed faults, and how each of them must end."""

from __future__ import annotations

from own_faults import (
    OwnFault,
    again_under_another_number,
    both,
    contradicting_visit,
    day_first,
    every,
    extraction,
    inserted,
    later,
    later_part_with_mark,
    lines,
    lookalike,
    lost_patients,
    merged_people,
    moved_down,
    other_export,
    put,
    second_file,
    serial,
    swapped,
    text,
    trailing,
    undecodable,
)

SAME, FLAG, NULL, QUARANTINE, REJECT = (
    "same", "load_flag", "null_value", "quarantine", "reject_file",
)  # fmt: skip

OWN_FAULTS: dict[str, OwnFault] = {
    "utf16_big_endian": OwnFault(
        text("visits", lambda t: "\ufeff" + t, "utf-16-be"), REJECT, "wrong_encoding"
    ),
    "utf16_without_mark": OwnFault(text("visits", str, "utf-16-le"), REJECT, "wrong_encoding"),
    "half_a_surrogate_pair": OwnFault(undecodable, QUARANTINE, "invalid_utf8"),
    "mixed_line_ends": OwnFault(
        lines("visits", lambda old: [*old[:50], *(x.replace("\n", "\r\n") for x in old[50:])]),
        SAME,
    ),
    "cr_inside_lf": OwnFault(
        lines(
            "visits",
            lambda old: [*old[:50], *(x.replace("\n", "\r") for x in old[50:60]), *old[60:]],
        ),
        REJECT,
        "mixed_line_ends",
    ),
    "second_part_with_mark": OwnFault(later_part_with_mark, QUARANTINE, "header_repeated"),
    "trailing_comma_in_records": OwnFault(
        text("visits", lambda t: trailing(t, False)), REJECT, "too_many_faults"
    ),
    "trailing_comma_everywhere": OwnFault(text("visits", lambda t: trailing(t, True)), SAME),
    "excel_sep_line": OwnFault(inserted("sep=,\n", 0), REJECT, "preamble"),
    "blank_line_in_the_middle": OwnFault(inserted("\n", 40), QUARANTINE, "empty_record"),
    "header_in_italian": OwnFault(
        text("visits", lambda t: t.replace("visit_date", "data_visita", 1)),
        REJECT,
        "column_missing",
    ),
    "other_export_under_this_name": OwnFault(other_export, REJECT, "column_missing"),
    "copy_with_a_number": OwnFault(second_file("visits (1).csv"), REJECT, "unknown_file"),
    "copy_in_other_case": OwnFault(second_file("Visits.csv"), REJECT, "several_files"),
    "copy_as_text": OwnFault(second_file("visits.txt"), REJECT, "unknown_file"),
    "itch_and_sleep_swapped": OwnFault(
        swapped("visits", "itch_nrs_score", "sleep_nrs_score"),
        REJECT,
        "mart_fct_patient_timepoints.itch_nrs_score_as_before",
    ),
    "visit_and_patient_number_swapped": OwnFault(
        swapped("visits", "visit_id", "patient_id"), REJECT, "export_visits.visit_id_unique"
    ),
    "face_and_hands_swapped": OwnFault(
        swapped("patients", "involves_face", "involves_hands"), REJECT, "recode"
    ),
    "visit_dates_moved_down": OwnFault(moved_down("visits", "visit_date"), REJECT, "recode"),
    "easi_rounded": OwnFault(
        every("visits", "easi_score", lambda c: c.partition(".")[0]), REJECT, "recode"
    ),
    "decimal_comma_in_half": OwnFault(
        every("visits", "easi_score", lambda c: c.replace(".", ","), 2),
        REJECT,
        "export_visits.easi_score_refused",
    ),
    "no_numbers": OwnFault(
        both(
            put("visits", "dlqi_score", "n/a", "NA", "-", "17.5"),
            put("visits", "easi_score", "NaN", "inf", "1e308", "1.234,5", "1 234", ".", "12.55"),
            put("visits", "itch_nrs_score", "999", "-9"),
            put("visits", "nominal_timepoint", "week -4"),
        ),
        NULL,
        "not_a_number|not_integer|not_on_step|out_of_range|unknown_code",
    ),
    "no_dates": OwnFault(
        both(
            put("visits", "visit_date", "2021-02-29", "2020-04-31", "43922", "20220-01-01"),
            put("visits", "visit_date", "0202-06-01", "31/12/2020", "2020-01-01 25:00:00"),
        ),
        QUARANTINE,
        "date_format|date_range|impossible_date",
    ),
    "serial_dates_all": OwnFault(
        every("visits", "visit_date", serial), REJECT, "export_visits.visit_date_refused"
    ),
    "day_first_in_half": OwnFault(
        every("visits", "visit_date", day_first, 2), REJECT, "export_visits.visit_date_refused"
    ),
    "visits_a_day_later": OwnFault(
        every("visits", "visit_date", later(1)), REJECT, "export_visits.treated_patients_seen"
    ),
    "default_visit_date": OwnFault(
        every("visits", "visit_date", lambda _: "2020-01-01", 3),
        REJECT,
        "export_visits.visit_date_not_a_default",
    ),
    "default_start_date": OwnFault(
        every("prescriptions", "start_date", lambda _: "2019-01-01", 3),
        REJECT,
        "export_prescriptions.start_date_not_a_default",
    ),
    "open_end_code": OwnFault(
        put("prescriptions", "end_date", "9999-12-31", "2999-12-31"), NULL, "date_range"
    ),
    "extraction_in_the_future": OwnFault(
        both(put("visits", "visit_date", "2098-01-01"), extraction("2099-01-01")),
        REJECT,
        "settings",
    ),
    "sexes_swapped": OwnFault(
        every("patients", "sex", lambda c: "female" if c == "male" else "male"), REJECT, "recode"
    ),
    "numbers_of_other_width": OwnFault(
        every("visits", "patient_id", lambda c: c.replace("P0", "P")),
        REJECT,
        "export_visits.patient",
    ),
    "lookalike_letter": OwnFault(lookalike, QUARANTINE, "orphan"),
    "invisible_inside": OwnFault(
        put("visits", "patient_id", "P0\u200b001", "P0\u2028001"),
        QUARANTINE,
        "control_character|id_format",
    ),
    "two_people_one_number": OwnFault(
        merged_people, QUARANTINE, "conflicting_duplicate|parent_rejected"
    ),
    "visit_told_twice": OwnFault(again_under_another_number, SAME),
    "visit_contradicts_itself": OwnFault(contradicting_visit, QUARANTINE, "conflicting_duplicate"),
    "patients_lost_from_one_file": OwnFault(lost_patients, REJECT, "export_visits.patient"),
    "line_break_in_text": OwnFault(
        put("prescriptions", "body_site", 'face,\n"hands"\nneck'), QUARANTINE, "control_character"
    ),
    "mojibake": OwnFault(put("prescriptions", "drug_name", "Protopic 0,1% crÃ¨me"), FLAG),
    "reviews_left_out": OwnFault(
        every("visits", "topical_adherence", lambda _: ""),
        REJECT,
        "mart_fct_patient_timepoints.regimens_known",
    ),
}
