"""Clinics' sheets of many shapes, made here; every person and value in them is invented."""

from __future__ import annotations

import csv
import datetime
import io
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import openpyxl

ROOT = Path(__file__).resolve().parents[3]
REDCAP = ROOT / "exports" / "redcap_project"
WEEKS = (0, 4, 16, 52)
N_PATIENTS = 12
EXTRACTION = "extraction_date: 2021-12-31\nis_synthetic: true\n"
PHENOTYPES = ("classico", "generalizzato", "prurigo nodulare", "nummulare")


def start_of(patient: int) -> datetime.date:
    """The first day of dupilumab of an invented patient."""
    return datetime.date(2019, 1, 10) + datetime.timedelta(days=29 * patient)


def visit_of(patient: int, week: int) -> datetime.date:
    return start_of(patient) + datetime.timedelta(days=7 * week)


def easi_of(patient: int, week: int) -> float:
    return round((20 + 1.7 * patient) / (1 + week / 4), 1)


def is_seen(patient: int, week: int) -> bool:
    """Some visits did not happen."""
    return (patient + week) % 7 != 0 or week == 0


def _comma(number: float) -> str:
    return f"{number:.1f}".replace(".", ",")


def written(rows: Iterable[Sequence[object]], delimiter: str = ";") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "delivery.yml").write_text(EXTRACTION)
    return folder


def italian_wide(folder: Path) -> Path:
    """One row per patient, saved from a spreadsheet as CSV: title, line of groups, totals."""
    return Path(shutil.copytree(ROOT / "exports" / "italian_sheet", folder))


def two_sheets(folder: Path) -> Path:
    """A workbook with a sheet of patients and one of visits, dates as cells of the workbook."""
    book = openpyxl.Workbook()
    people = book.active
    people.title = "Anagrafica"
    people.append(["Ambulatorio - anagrafica (sintetica)"])
    people.append(
        ["Codice", "Sesso", "Data di nascita", "Fenotipo", "Comorbilità", "Data inizio Dupixent"]
    )
    visits = book.create_sheet("Visite")
    visits.append(["Visite e punteggi"])
    visits.append(["Codice", "Data visita", "Tempo", "EASI", "NRS", "DLQI"])
    for patient in range(1, N_PATIENTS + 1):
        code = f"DA{patient:03d}"
        birth = datetime.datetime(1950 + 3 * patient, 5, 12)
        start = datetime.datetime.combine(start_of(patient), datetime.time())
        people.append([code, "MF"[patient % 2], birth, PHENOTYPES[patient % 4], "asma", start])
        for week in WEEKS:
            if is_seen(patient, week):
                day = datetime.datetime.combine(visit_of(patient, week), datetime.time())
                easi = easi_of(patient, week)
                visits.append([code, day, f"T{week}", easi, max(0, 9 - week // 6), 12])
    people.append(["Totale", N_PATIENTS])
    book.save(_folder(folder) / "registro.xlsx")
    return folder


def german_sheet(folder: Path) -> Path:
    """Two CSV files with German headers, day.month.year, and a two-line header over the scores."""
    patients: list[list[object]] = [
        ["Patientennummer", "Nachname", "Geschlecht", "Geburtsdatum", "Begleiterkrankungen",
         "Beginn Dupixent", "Bemerkungen"]
    ]  # fmt: skip
    upper: list[object] = [
        "Pat-Nr",
        "Datum",
        "",
        "",
        "",
        "EASI",
        "",
        "",
        "",
        "Juckreiz",
        "",
        "",
        "",
    ]
    lower: list[object] = [
        "",
        *[text for _ in range(3) for text in ("Baseline", "Woche 4", "Woche 16", "Woche 52")],
    ]
    scores = [upper, lower]
    for patient in range(1, N_PATIENTS + 1):
        code = f"K-{patient:03d}"
        birth = f"{patient:02d}.0{1 + patient % 9}.{1950 + patient}"
        start = start_of(patient).strftime("%d.%m.%Y")
        patients.append(
            [code, f"Erfunden{patient}", "wm"[patient % 2], birth, "Asthma; Rhinitis", start,
             "frei erfundene Bemerkung"]
        )  # fmt: skip
        seen = [week for week in WEEKS if is_seen(patient, week)]
        row: list[object] = [code]
        row += [visit_of(patient, w).strftime("%d.%m.%Y") if w in seen else "k.A." for w in WEEKS]
        row += [_comma(easi_of(patient, w)) if w in seen else "k.A." for w in WEEKS]
        row += [max(0, 9 - w // 6) if w in seen else "k.A." for w in WEEKS]
        scores.append(row)
    _folder(folder)
    (folder / "Patienten.csv").write_text(written(patients), encoding="utf-8-sig", newline="")
    (folder / "Werte.csv").write_text(written(scores), encoding="utf-8", newline="")
    return folder


def ages_and_days(folder: Path) -> Path:
    """Ages and days since the first dose in place of dates."""
    patients = [["subject_id", "age", "sex"]]
    visits = [["subject_id", "day", "easi", "itch", "BSA"]]
    drugs = [["subject_id", "drug", "start", "end"]]
    for patient in range(1, N_PATIENTS + 1):
        code = f"S{patient:03d}"
        patients.append([code, str(30 + patient), "FM"[patient % 2]])
        drugs.append([code, "dupilumab", "day 1", "day 400"])
        for week in WEEKS:
            if is_seen(patient, week):
                easi, itch = str(easi_of(patient, week)), str(max(0, 9 - week // 6))
                visits.append([code, f"day {7 * week + 1}", easi, itch, str(60 - week)])
    _folder(folder)
    for name, rows in {"patients": patients, "visits": visits, "drugs": drugs}.items():
        (folder / f"{name}.csv").write_text(written(rows, ","), newline="")
    return folder


def long_scores(folder: Path) -> Path:
    """One row per measurement: patient, day, name of the score, value."""
    patients = [["patient_id", "sex", "birth_date", "dupilumab_start"]]
    values = [["patient_id", "date", "parameter", "value"]]
    for patient in range(1, N_PATIENTS + 1):
        code = f"M{patient:03d}"
        start = start_of(patient).isoformat()
        patients.append([code, "FM"[patient % 2], f"{1950 + patient}-05-12", start])
        for week in WEEKS:
            if is_seen(patient, week):
                day = visit_of(patient, week).isoformat()
                values.append([code, day, "EASI", str(easi_of(patient, week))])
                values.append([code, day, "DLQI", str(max(1, 20 - week // 3))])
                values.append([code, day, "SCORAD", str(70 - week)])
    _folder(folder)
    (folder / "subjects.csv").write_text(written(patients, ","), newline="")
    (folder / "measurements.csv").write_text(written(values, ","), newline="")
    return folder


DICTIONARY = (
    "Variable / Field Name,Form Name,Field Type,Field Label,"
    '"Choices, Calculations, OR Slider Labels",Text Validation Type OR Show Slider Number,'
    "Identifier?\n"
    "record_id,demo,text,Record ID,,,\n"
    "surname,demo,text,Surname,,,y\n"
    'gender_c,demo,radio,Gender,"1, Female | 2, Male",,\n'
    "dob,demo,text,Date of birth,,date_ymd,y\n"
    'como,demo,checkbox,Comorbidities,"1, Asthma | 2, Rhinitis",,\n'
    'areas,demo,checkbox,Areas involved,"1, Face | 2, Hands",,\n'
    "visit_dt,visit,text,Date of visit,,date_ymd,\n"
    "easi_tot,visit,text,EASI score,,number_1dp,\n"
    "itch,visit,text,Itch,,integer,\n"
    "drug,treatment,text,Drug,,,\n"
    "drug_from,treatment,text,Start date,,date_ymd,\n"
    "bmi,visit,text,Body mass index,,number,\n"
)


def redcap_project(folder: Path, ticked: str = "1") -> Path:
    """A longitudinal project with a repeating instrument, groups, and a missing-data code."""
    header = ["record_id", "redcap_event_name", "redcap_repeat_instrument"]
    header += ["redcap_repeat_instance", "redcap_data_access_group", "surname", "gender_c", "dob"]
    header += ["como___1", "como___2", "areas___1", "areas___2", "visit_dt", "easi_tot", "itch"]
    header += ["drug", "drug_from", "bmi", "demo_complete"]
    rows: list[list[object]] = [header]
    unticked = "Unchecked" if ticked == "Checked" else "0"
    for patient in range(1, N_PATIENTS + 1):
        group = ("milan", "rome")[patient % 2]
        for week in WEEKS:
            name = "baseline_arm_1" if week == 0 else f"week_{week}_arm_1"
            row: list[object] = [patient, name, "", "", group, *[""] * 7]
            if week == 0:
                row[5:8] = [f"Inventata{patient}", 1 + patient % 2, f"{1950 + patient}-05-12"]
                row[8:] = [ticked, unticked, unticked, ticked]
            itch = "UNK" if patient < 4 else 9 - week // 6
            day = visit_of(patient, week).isoformat() if patient != 5 else "UNK"
            rows.append([*row, day, easi_of(patient, week), itch, "", "", "21.5", 2])
        start = start_of(patient).isoformat()
        rows.append([patient, "baseline_arm_1", "treatment", 1, group, *[""] * 10,
                     "Dupixent", start, "", ""])  # fmt: skip
    _folder(folder)
    (folder / "export.csv").write_text(written(rows, ","), newline="")
    (folder / "dictionary.csv").write_text(DICTIONARY)
    return folder


_BOXES = {"1": "Checked", "0": "Unchecked"}


def redcap_in_form(folder: Path, form: str) -> Path:
    """Write the project of ``exports/redcap_project`` as REDCap exports it in another form.

    ``decimals``: codes as a program of statistics writes them. ``labels``: headers, events,
    instruments, choices and boxes by their labels; ``two arms with labels``: some patients in a
    second arm.
    """
    shutil.copytree(REDCAP, folder)
    fields = {row["Variable / Field Name"]: row for row in _dicts(REDCAP / "dictionary.csv")}
    choices = {name: _choices_of(row) for name, row in fields.items()}
    events = {r["unique_event_name"]: r["event_name"] for r in _dicts(REDCAP / "events.csv")}
    header, *rows = csv.reader((REDCAP / "redcap_export.csv").read_text().splitlines())
    labels = {name: row["Field Label"] for name, row in fields.items()}
    new: list[list[str]] = [[]]
    for name in header:
        base, _, code = name.partition("___")
        status = "Complete?" if name.endswith("_complete") else name.removeprefix("redcap_")
        label = labels.get(base, status.replace("_", " ").capitalize())
        box = f"{label} (choice={choices[base][code]})" if code else label
        new[0].append(name if form == "decimals" else box)
    for row in rows:
        arm = f" (Arm {1 + (int(row[0]) > 5)}: Dupilumab)" if form.startswith("two") else ""
        cells = []
        for name, cell in zip(header, row, strict=True):
            base, _, code = name.partition("___")
            known = _BOXES if code else choices.get(base, {})
            if form == "decimals":
                is_number = cell and all(key.isdecimal() for key in known) and known
                cells.append(f"{cell}.0" if is_number else cell)
            elif name == "redcap_event_name":
                cells.append(events[cell] + arm)
            elif name == "redcap_repeat_instrument":
                cells.append(cell.replace("_", " ").capitalize())
            else:
                cells.append(known.get(cell, cell))
        new.append(cells)
    (folder / "redcap_export.csv").write_text(written(new, ","), newline="")
    return folder


def _dicts(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _choices_of(field: dict[str, str]) -> dict[str, str]:
    if field["Field Type"] == "yesno":
        return {"1": "Yes", "0": "No"}
    pairs = field["Choices, Calculations, OR Slider Labels"].split("|")
    return {
        code.strip(): label.strip() for code, _, label in (p.partition(",") for p in pairs) if label
    }
