"""Tables S11 and S12: adverse events, and prescriptions beside the paper's scheme."""

from __future__ import annotations

from collections.abc import Sequence

from analysis_py.report_rows import NothingToShowError, ResultRows, Timepoint
from analysis_py.results import Estimate
from analysis_py.rounding import MISSING, format_interval, format_number
from analysis_py.tables.table import Line, Table, heading
from analysis_py.vocabulary import ALL, label

OVERALL = ("any_adverse_event", "serious_adverse_event")


def build_events(rows: ResultRows) -> Table:
    """Lay out A20: patients with each treatment-emergent adverse event, the most frequent first.

    Raises
    ------
    NothingToShowError
        If A20 was not run, nobody is enrolled, or no such event is recorded.
    """
    overall = [rows.need("A20", term, "percent") for term in OVERALL]
    if not overall[0].n:
        raise NothingToShowError("no adverse event that began under dupilumab is recorded")
    undated = rows.need("A20", OVERALL[0], "n_onset_not_recorded")
    kinds = [row for row in rows.find("A20", statistic="percent") if row.term not in OVERALL]
    kinds.sort(key=lambda row: (-(row.n or 0), row.term_label))
    lines = [*map(_share_line, overall), heading("By kind"), *map(_share_line, kinds)]
    return Table(
        name="table_s11_adverse_events",
        number="Table S11",
        title="Adverse events that began under dupilumab",
        stub="Adverse event",
        columns=(f"Enrolled patients (n = {overall[0].denominator})", "%", "95% CI"),
        lines=tuple(lines),
        notes=(
            "Patients with at least one event on or after the first dose; a patient may stand in "
            "several lines. Percentages of everybody enrolled, however long they were followed. "
            "Intervals: Wilson. Events are those that the clinic wrote down; patients with an "
            f"event whose onset is not recorded: {undated.n}.",
        ),
        rows=(*overall, undated, *kinds),
    )


def build_algorithm(rows: ResultRows, timepoints: Sequence[Timepoint]) -> Table:
    """Lay out A21: prescriptions that agree with the paper's scheme, at each timepoint.

    Raises
    ------
    NothingToShowError
        If A21 was not run, or no visit has a recommendation and a known regimen.
    """
    lines: list[Line] = []
    used: list[Estimate] = []
    for time in timepoints:
        found = rows.find("A21", timepoint=time.code, statistic="percent")
        agreement = [row for row in found if row.term == "agreement" and row.denominator]
        if not agreement:
            continue
        visits = {row.term: row for row in found if row.term != "agreement"}
        lines.append(heading(f"{time.label} ({_coverage(visits)})"))
        for row in agreement:
            name = "Any recommendation" if row.group == ALL else label(row.group)
            cells = (f"{row.n} of {row.denominator}", *_percent(row))
            lines.append(Line(name, cells))
        used += [*visits.values(), *agreement]
    if not lines:
        raise NothingToShowError("no visit has both a recommendation and a known regimen")
    return Table(
        name="table_s12_treatment_algorithm",
        number="Table S12",
        title="Prescriptions beside the scheme that the paper proposes",
        stub="Recommendation",
        columns=("Prescription agreed", "%", "95% CI"),
        lines=tuple(lines),
        notes=(
            "Visits with a recommendation (IGA recorded, dupilumab not begun in summer) of "
            "patients whose topical regimen is known. Intervals: Wilson. The scheme was published "
            "after these visits; agreement describes and does not grade.",
        ),
        rows=tuple(used),
    )


def _share_line(row: Estimate) -> Line:
    return Line(row.term_label, (str(row.n), *_percent(row)))


def _percent(row: Estimate) -> tuple[str, str]:
    if not row.denominator:
        return MISSING, MISSING
    return format_number(row.value, 1), format_interval(row.ci_lower, row.ci_upper, 1)


def _coverage(visits: dict[str, Estimate]) -> str:
    with_one = visits["recommendation"]
    return f"{with_one.n} of {with_one.denominator} visits with a recommendation"
