"""Write the tables that may leave the registry: a fixed list, in the release form.

Rows of patients never leave. Every number passes `privacy.release.release`; every level of a
dimension has its row, because a missing row would show that no patient has it.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from openpyxl import Workbook
from openpyxl.styles import Font

from core import duck
from core.settings import Settings, is_inside
from core.spreadsheet import csv_bytes, saved, write_cell
from core.stop import ExitCode, Stop
from privacy.release import FORM, Released, release
from refresh.store import folders, manifest
from refresh.store.versions import open_published, require_served_sound

Cell = str | int | float | None
Levels = dict[str, str]
"""Code to label of every level that a dimension can have, in order."""

ALL = "All"
NOT_RECORDED = "Not recorded"
WORKBOOK = "registry_tables.xlsx"
READ_ME = "README.txt"
_ENROLLED = "marts.dim_patients"
_WITH_EASI = "marts.fct_patient_timepoints where is_attended and easi_score is not null"
_REVIEWED = "marts.fct_patient_timepoints where is_regimen_evaluable"
_SCORED = "marts.fct_scores where score_value is not null"


@dataclass(frozen=True)
class Table:
    """A table of the release.

    Attributes
    ----------
    source : str
        SQL: where the counted rows come from.
    row, column : str
        Columns of the source; a share refers to all rows of its column. At most these two
        dimensions, beside the timepoint: finer tables would single out patients.
    value : str
        Column of the values whose mean and median are released, or "".
    """

    name: str
    title: str
    source: str
    row: str
    column: str = ""
    has_timepoint: bool = False
    value: str = ""


TABLES = (
    Table("sex_by_course", "Enrolled patients by disease course and sex", _ENROLLED,
          "disease_course_code", "sex_code"),
    Table("sex_by_phenotype", "Enrolled patients by clinical phenotype and sex", _ENROLLED,
          "clinical_phenotype_code", "sex_code"),
    Table("sex_by_critical_area", "Enrolled patients by critical area and sex", _ENROLLED,
          "critical_area_code", "sex_code"),
    Table("sex_by_index_season", "Enrolled patients by season of first dose and sex", _ENROLLED,
          "index_season_start_date", "sex_code"),
    Table("regimen_by_timepoint", "Reviewed visits by topical regimen and timepoint", _REVIEWED,
          "topical_regimen_code", has_timepoint=True),
    Table("severity_by_regimen", "Visits with an EASI by its band, topical regimen and timepoint",
          _WITH_EASI, "easi_study_band_code", "topical_regimen_code", has_timepoint=True),
    Table("response_by_regimen",
          "Visits with an EASI by EASI-75 response, topical regimen and timepoint",
          _WITH_EASI, "has_easi_75_response", "topical_regimen_code", has_timepoint=True),
    Table("scores_by_timepoint", "Score values by score and timepoint", _SCORED,
          "score_code", has_timepoint=True, value="score_value"),
)  # fmt: skip
"""With the flow chart, everything that leaves."""


@dataclass(frozen=True)
class ReleasedTable:
    """A table in the release form: header and lines, ready for any writer."""

    name: str
    title: str
    header: tuple[str, ...]
    lines: list[tuple[Cell, ...]]


def write(settings: Settings, out: Path) -> list[Path]:
    """Write every table as CSV, all of them as one workbook, and a README that says the form.

    Raises
    ------
    Stop
        When nothing is published, the served version was changed on disk, or ``out`` lies in the
        vault or the published folder.
    """
    folder = out if out.is_absolute() else settings.root / out
    for private in (settings.vault, settings.published):
        if is_inside(folder, private):
            raise Stop(
                ExitCode.ENVIRONMENT,
                f"{folder} lies in {private}",
                "name a folder outside vault and published folder with --out",
                "path_nested",
            )
    with folders.locked(settings, "registry export"):
        require_served_sound(settings)
        with open_published(settings.published) as db:
            about = _about(db)
            tables = released_tables(db, code_labels(settings.root))
        folder.mkdir(parents=True, exist_ok=True)
        contents = {f"{table.name}.csv": csv_bytes(table.header, table.lines) for table in tables}
        contents[WORKBOOK] = _workbook(about, tables)
        contents[READ_ME] = "\n".join([*about, "", *FORM, "", *_titles(tables), ""]).encode()
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        manifest.append(settings.manifest, {"event": "exported", "released": about[-1]})
    return [folder / name for name in contents]


def code_labels(root: Path) -> dict[str, Levels]:
    """Return the labels of every kind of code in seed ``code_labels``, and of the seasons.

    The code of a season is the number of its first month.
    """
    labels: dict[str, Levels] = {}
    with (root / "seeds" / "codelists" / "code_labels.csv").open(encoding="utf-8") as stream:
        for line in csv.DictReader(stream):
            labels.setdefault(line["code_kind"], {})[line["code"]] = line["code_label"]
    with (root / "seeds" / "protocol" / "seasons.csv").open(encoding="utf-8") as stream:
        labels["season"] = {
            line["first_month_number"]: line["season_label"] for line in csv.DictReader(stream)
        }
    return labels


def released_tables(
    db: duckdb.DuckDBPyConnection, labels: dict[str, Levels]
) -> list[ReleasedTable]:
    """Return every table of the fixed list, and the flow chart, in the release form.

    Parameters
    ----------
    db : duckdb.DuckDBPyConnection
        A published version.
    """
    levels = _levels(db, labels)
    scales = {
        code: (float(low), float(high))
        for code, low, high in db.execute(
            "select score_code, min_value, max_value from marts.dim_scores"
        ).fetchall()
    }
    return [_flow_chart(db), *(_released(db, table, levels, scales) for table in TABLES)]


def _levels(db: duckdb.DuckDBPyConnection, labels: dict[str, Levels]) -> dict[str, Levels]:
    """Return every dimension's levels; none of them is taken from the patients."""

    def of_dimension(query: str) -> Levels:
        return {str(code): str(label) for code, label in db.execute(query).fetchall()}

    return {
        # An unknown sex is null in the marts, and so in the group that is not recorded.
        "sex_code": {code: label for code, label in labels["sex"].items() if code != "unknown"},
        "disease_course_code": labels["disease_course"],
        "clinical_phenotype_code": labels["clinical_phenotype"],
        "critical_area_code": labels["critical_area"],
        "topical_regimen_code": labels["topical_regimen"],
        "has_easi_75_response": {"true": "Response", "false": "No response"},
        "timepoint_code": of_dimension(
            "select timepoint_code, timepoint_label from marts.dim_timepoints "
            "order by timepoint_number"
        ),
        "score_code": of_dimension(
            "select score_code, score_label from marts.dim_scores order by 1"
        ),
        "easi_study_band_code": of_dimension(
            "select band_code, band_label from marts.dim_score_bands "
            "where scheme_code = 'study' and score_code = 'easi' order by band_number"
        ),
        "index_season_start_date": _seasons_of_the_study(db, labels["season"]),
    }


def _seasons_of_the_study(db: duckdb.DuckDBPyConnection, names: Levels) -> Levels:
    """Return the first day and the name of every season that the study period touches."""
    period = db.execute(
        "select first_month, last_month from marts.dim_eligibility_criteria "
        "where first_month is not null"
    ).fetchone()
    if period is None:
        return {}
    first, last = (12 * int(month[:4]) + int(month[5:]) - 1 for month in period)
    while str(first % 12 + 1) not in names:
        first -= 1
    starts = [month for month in range(first, last + 1) if str(month % 12 + 1) in names]
    return {
        f"{month // 12}-{month % 12 + 1:02}-01": (
            f"{names[str(month % 12 + 1)]} from {month // 12}-{month % 12 + 1:02}"
        )
        for month in starts
    }


def _released(
    db: duckdb.DuckDBPyConnection,
    table: Table,
    levels: dict[str, Levels],
    scales: dict[str, tuple[float, float]],
) -> ReleasedTable:
    dimensions = [table.row, *filter(None, [table.column])]
    timepoint = ["timepoint_code"] if table.has_timepoint else []
    counted = _counted(db, table, [*timepoint, *dimensions])
    grid = [list(levels[name].items()) for name in timepoint]
    grid += [
        [*levels[name].items(), (NOT_RECORDED, NOT_RECORDED), (ALL, ALL)] for name in dimensions
    ]
    if table.value:
        grid[-1] = list(levels[table.row].items())  # no mean over different scores
    known = set(itertools.product(*([code for code, _ in level] for level in grid)))
    unknown = {key for key in counted if key not in known and (not table.value or ALL not in key)}
    if unknown:
        raise Stop(
            ExitCode.CHECKS_FAILED,
            f"table {table.name}: {len(unknown)} groups have a code that is in no code list",
            "add the code to its seed and publish again; nothing was written",
            "unknown_code",
        )
    lines: list[tuple[Cell, ...]] = []
    for cell in itertools.product(*grid):
        key = tuple(code for code, _ in cell)
        n, mean, median = counted.get(key, (0, None, None))
        row = len(timepoint)
        group = (*key[:row], ALL, *key[row + 1 :])
        denominator = None if table.value or key[row] == ALL else counted.get(group, (0,))[0]
        numbers = release(n, denominator, mean, median, scales.get(key[row]))
        lines.append((*(label for _, label in cell), *_cells(numbers, bool(table.value))))
    names = [
        name.removesuffix("_code").removesuffix("_start_date") for name in (*timepoint, *dimensions)
    ]
    return ReleasedTable(table.name, table.title, (*names, *_header(bool(table.value))), lines)


def _counted(
    db: duckdb.DuckDBPyConnection, table: Table, columns: list[str]
) -> dict[tuple[str, ...], tuple[int, float | None, float | None]]:
    """Return exact numbers of every group and total, by its codes; the timepoint has no total."""
    values = f"avg({table.value}), median({table.value})" if table.value else "null, null"
    codes = ", ".join(
        f"coalesce({duck.quote(name)}::varchar, '{NOT_RECORDED}') as {duck.quote(name)}"
        for name in columns
    )
    more = f", {table.value}" if table.value else ""
    always = columns[:1] if table.has_timepoint else []
    crossed = [duck.quote(name) for name in columns if name not in always]
    grouping = ", ".join([*map(duck.quote, always), f"cube ({', '.join(crossed)})"])
    found = db.execute(
        f"with counted as (select {codes}{more} from {table.source}) "
        f"select {', '.join(map(duck.quote, columns))}, count(*), {values} from counted "
        f"group by {grouping}"
    ).fetchall()
    width = len(columns)
    return {
        tuple(ALL if code is None else code for code in row[:width]): tuple(row[width:])
        for row in found
    }


def _flow_chart(db: duckdb.DuckDBPyConnection) -> ReleasedTable:
    """Return the patients left after each criterion, as shares of the register."""
    steps = db.execute(
        "select criterion_label, n_patients, max(n_patients) over () "
        "from marts.fct_cohort_attrition order by step_number"
    ).fetchall()
    lines = [
        (label, *_cells(release(n, in_register), has_values=False))
        for label, n, in_register in steps
    ]
    title = "Patients of the register left after each criterion"
    return ReleasedTable("flow_chart", title, ("criterion", *_header(has_values=False)), lines)


def _header(has_values: bool) -> tuple[str, ...]:
    return ("n", "mean", "median") if has_values else (
        "n", "denominator", "share_pct", "ci_lower_pct", "ci_upper_pct"
    )  # fmt: skip


def _cells(numbers: Released, has_values: bool) -> tuple[Cell, ...]:
    n: Cell = numbers.n_text if numbers.n is None else numbers.n
    if has_values:
        return n, numbers.mean, numbers.median
    share = (numbers.share_pct, numbers.ci_lower_pct, numbers.ci_upper_pct)
    return n, numbers.denominator, *share


def _about(db: duckdb.DuckDBPyConnection) -> list[str]:
    row = db.execute(
        "select build_number, delivery_label, is_synthetic from metadata.build"
    ).fetchone()
    number, label, is_synthetic = row or (None, None, None)
    return [
        "Synthetic data: no real patients" if is_synthetic else "Registry data",
        str(label or "No label"),
        f"Version {number}",
    ]


def _titles(tables: Sequence[ReleasedTable]) -> list[str]:
    return [f"{table.name}: {table.title}" for table in tables]


def _workbook(about: list[str], tables: Sequence[ReleasedTable]) -> bytes:
    """Return one workbook: a sheet that says the form, then a sheet per table."""
    book = Workbook()
    notes: list[Sequence[Any]] = [[line] for line in (*about, *FORM, *_titles(tables))]
    sheets = {"README": notes} | {
        table.name: [[table.title], [about[0]], table.header, *table.lines] for table in tables
    }
    book.remove(book.active)
    for name, lines in sheets.items():
        sheet = book.create_sheet(name[:31])
        for row, line in enumerate(lines, start=1):
            for column, cell in enumerate(line, start=1):
                written = write_cell(sheet.cell(row, column), cell)
                if row == 1 or (row == 3 and name != "README"):
                    written.font = Font(bold=True)
    return saved(book)
