"""Faults of values: impossible scores, other date forms, unsafe or identifying text."""

from __future__ import annotations

import datetime
import unicodedata
from collections.abc import Callable, Sequence

from simulator.faults.bench import Bench

_ESCAPE = "\x1b[2J"


def _values(export: str, column: str, values: Sequence[str]) -> Callable[[Bench], None]:
    """Return a fault that writes these values into one column."""

    def fault(bench: Bench) -> None:
        rows = bench.pick(export, len(values), column)
        for row, value in zip(rows, values, strict=True):
            bench.put(export, row, column, value)

    return fault


def nrs_range(bench: Bench) -> None:
    """Write an itch of 11, a sleep of -2 and of 100."""
    _values("visits", "itch_nrs_score", ["11"])(bench)
    _values("visits", "sleep_nrs_score", ["-2", "100"])(bench)


def shifted_fields(bench: Bench) -> None:
    """Shift the four scores by one column in three records."""
    names = ["easi_score", "itch_nrs_score", "sleep_nrs_score", "dlqi_score"]
    table = bench.tables["visits"]
    rows = bench.pick(
        "visits", 3, "easi_score", lambda cell: cell.partition(".")[2] not in ("", "0")
    )
    for row in rows:
        values = [table.cell(row, name) for name in names]
        for name, value in zip(names, [*values[1:], values[0]], strict=True):
            bench.put("visits", row, name, value)


def float_noise(bench: Bench) -> None:
    """Give five EASI the noise of binary floating point."""
    table = bench.tables["visits"]
    for row in bench.pick("visits", 5, "easi_score", lambda cell: "." in cell):
        value = table.cell(row, "easi_score")
        bench.put("visits", row, "easi_score", f"{value}00000000000001")


def only_women(bench: Bench) -> None:
    """Deliver only women, with sex written F."""
    table = bench.tables["patients"]
    sex, key = table.place("sex"), table.place("patient_id")
    bench.keep_patients({row[key] for row in table.rows if row[sex] == "female"})
    for row in range(len(table.rows)):
        bench.put("patients", row, "sex", "F")


def constant_column(bench: Bench) -> None:
    """Write an itch of 5 into every visit."""
    for row in range(len(bench.tables["visits"].rows)):
        bench.put("visits", row, "itch_nrs_score", "5")


def all_days_ambiguous(bench: Bench) -> None:
    """Move every day to the 1st to 12th of its month and write day/month/year."""
    for export, table in bench.tables.items():
        for column in [name for name in table.header if name.endswith("_date")]:
            for row in range(len(table.rows)):
                cell = table.cell(row, column)
                if len(cell) == 10:
                    year, month, day = cell.split("-")
                    moved = (int(day) - 1) % 12 + 1
                    bench.put(export, row, column, f"{moved:02d}/{month}/{year}")


def two_digit_years(bench: Bench) -> None:
    """Write five birth dates with two-digit years."""
    table = bench.tables["patients"]
    for row in bench.pick("patients", 5, "birth_date", lambda cell: len(cell) == 10):
        year, month, day = table.cell(row, "birth_date").split("-")
        bench.put("patients", row, "birth_date", f"{day}/{month}/{year[2:]}")


def born_too_late(bench: Bench) -> None:
    """Give one patient a birth date in the future and one after the first visit."""
    first, second = bench.pick_patients(2)
    table = bench.tables["patients"]
    place = table.place("patient_id")
    visits = bench.tables["visits"]
    days = [
        row[visits.place("visit_date")]
        for row in visits.rows
        if row[visits.place("patient_id")] == second
    ]
    after = datetime.date.fromisoformat(min(days)) + datetime.timedelta(days=10)
    for patient, birth in ((first, "2071-03-01"), (second, after.isoformat())):
        row = next(n for n, cells in enumerate(table.rows) if cells[place] == patient)
        bench.put("patients", row, "birth_date", birth)


def default_births(bench: Bench) -> None:
    """Give a third of the patients the default birth date of a form."""
    for row in range(0, len(bench.tables["patients"].rows), 3):
        bench.put("patients", row, "birth_date", "1900-01-01")


def ends_before_start(bench: Bench) -> None:
    """End three prescriptions a month before they start."""
    table = bench.tables["prescriptions"]
    for row in bench.pick("prescriptions", 3, "end_date"):
        start = datetime.date.fromisoformat(table.cell(row, "start_date"))
        end = start - datetime.timedelta(days=30)
        bench.put("prescriptions", row, "end_date", end.isoformat())


def unpadded_dates(bench: Bench) -> None:
    """Write four visit dates without leading zeros."""
    table = bench.tables["visits"]
    rows = bench.pick("visits", 4, "visit_date", lambda cell: cell[8:9] == "0")
    for number, row in enumerate(rows):
        year, month, day = table.cell(row, "visit_date").split("-")
        short = f"{year}-{int(month)}-{int(day)}" if number % 2 else f"{year}-{month}-{int(day)}"
        bench.put("visits", row, "visit_date", short)


def time_stamps(bench: Bench) -> None:
    """Write three visit dates as time stamps near midnight with a zone."""
    table = bench.tables["visits"]
    tails = ("T23:30:00Z", "T23:45:00+02:00", "T00:15:00-01:00")
    for row, tail in zip(bench.pick("visits", 3, "visit_date"), tails, strict=True):
        bench.put("visits", row, "visit_date", table.cell(row, "visit_date") + tail)


def decomposed_unicode(bench: Bench) -> None:
    """Write free text in decomposed Unicode."""
    text = unicodedata.normalize("NFD", "avambraccio, più lesioni")
    for row in bench.pick("prescriptions", 5, "drug_name"):
        bench.put("prescriptions", row, "body_site", text)


def control_characters(bench: Bench) -> None:
    """Put an escape sequence into an identifier and a fake log line into a text."""
    row = bench.pick("visits", 1, "patient_id")[0]
    patient = bench.tables["visits"].cell(row, "patient_id")
    bench.put("visits", row, "patient_id", patient + _ESCAPE)
    row = bench.pick("prescriptions", 1, "drug_name")[0]
    bench.put("prescriptions", row, "body_site", "face\b\r\nERROR fake")


def spreadsheet_formulas(bench: Bench) -> None:
    """Write text that a spreadsheet would run as a formula."""
    values = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", '=HYPERLINK("x")', "+39 face")
    rows = bench.pick("prescriptions", len(values), "drug_name")
    for row, value in zip(rows, values, strict=True):
        bench.put("prescriptions", row, "body_site", value)


def _unimportant_names(values: Sequence[str]) -> Callable[[Bench], None]:
    """Return a fault that writes these drug names where they change no regimen."""

    def fault(bench: Bench) -> None:
        table = bench.tables["prescriptions"]
        place = table.place("atc_code")
        codes = [row[place] for row in table.rows if len(row) == len(table.header)]
        # Antihistamines where there are any, earlier systemic treatments otherwise
        prefix = next(
            prefix
            for prefix in ("R06", "H02", "")
            if sum(code.startswith(prefix) for code in codes) >= len(values)
        )
        rows = bench.pick(
            "prescriptions", len(values), "atc_code", lambda code: code.startswith(prefix)
        )
        for row, value in zip(rows, values, strict=True):
            bench.put("prescriptions", row, "drug_name", value)
            bench.put("prescriptions", row, "atc_code", "")

    return fault


FAULTS: dict[str, Callable[[Bench], None]] = {
    "F071": _values("visits", "easi_score", ["-1", "-0.1"]),
    "F074": _values("visits", "dlqi_score", ["31", "-1"]),
    "F075": nrs_range,
    "F079": _values("visits", "easi_score", [">20", "12.5 pts", "~7", "7/10", "7-8", "12.5*"]),
    "F080": _values("visits", "easi_score", ["1_0", "0x10", "1e1", "+7", ".5e1"]),
    "F081": _values("visits", "dlqi_score", ["\uff11\uff12", "\u0661\u0662", "\u22127"]),
    "F085": shifted_fields,
    "F086": float_noise,
    "F087": only_women,
    "F101": all_days_ambiguous,
    "F105": two_digit_years,
    "F108": _values("visits", "visit_date", ["infinity", "-infinity", "epoch", "today"]),
    "F109": time_stamps,
    "F110": _values("visits", "visit_date", ["2099-01-01", "2099-06-15"]),
    "F112": born_too_late,
    "F113": _values("patients", "birth_date", ["1850-05-05", "1880-05-05"]),
    "F114": default_births,
    "F115": ends_before_start,
    "F118": _values("visits", "visit_date", ["1 giu 2020", "01-Jun-20", "June 1, 2020"]),
    "F121": unpadded_dates,
    "F152": constant_column,
    "F154": decomposed_unicode,
    "F160": spreadsheet_formulas,
    "F162": _unimportant_names(["'); DROP TABLE visits; --", "1; DELETE FROM patients"]),
    "F163": _unimportant_names(["{{ env_var('HOME') }}", "{% do run_query('drop') %}"]),
    "F165": _unimportant_names(
        ["Zanfrilloni Maria, tel. 333 0102030", "scrivere a q.belmondoro@example.org"]
    ),
    "F168": control_characters,
}
