"""Table S1: who the patients are: sex, age, comorbidities, earlier treatments."""

from __future__ import annotations

from analysis_py.report_rows import NothingToShowError, ResultRows
from analysis_py.results import Estimate
from analysis_py.rounding import MISSING, format_count, format_number
from analysis_py.tables.table import Line, Table, heading

AGES = {
    "age_at_data_collection_years": "At data collection",
    "age_at_diagnosis_years": "At diagnosis",
    "age_at_index_years": "At the first dose of dupilumab",
}
EARLIER = "prior_"
AGE_DECIMALS = 0


def build(rows: ResultRows) -> Table:
    """Lay out A01 and A03.

    Raises
    ------
    NothingToShowError
        If A01 was not run or nobody is enrolled.
    """
    enrolled = rows.need("A01", "enrolled", "n")
    if not enrolled.n:
        raise NothingToShowError("nobody is enrolled")
    lines, used = [heading("Sex, n (%)")], [enrolled]
    for sex in ("male", "female"):
        row = rows.need("A01", sex, "n")
        lines.append(_count_line(row))
        used.append(row)
    lines.append(heading("Age in years, mean ± SD; median (quartiles); range"))
    for age in AGES:
        line, found = _age_line(rows, age)
        lines.append(line)
        used += found
    history = rows.find("A03", statistic="n")
    blocks = {"Comorbidities, n (%)": False, "Earlier treatments, n (%)": True}
    for title, is_treatment in blocks.items():
        found = [row for row in history if row.term.startswith(EARLIER) == is_treatment]
        if found:
            lines += [heading(title), *map(_count_line, found)]
            used += found
    return Table(
        name="table_s1_patients",
        number="Table S1",
        title="Patients at enrolment: sex, age, comorbidities and earlier treatments",
        stub="Characteristic",
        columns=(f"Enrolled patients (n = {enrolled.n})", "Not recorded"),
        lines=tuple(lines),
        notes=(
            "Percentages of all enrolled patients; a patient may have several comorbidities and "
            "earlier treatments. A comorbidity or treatment that is not recorded counts as absent. "
            "–: nobody.",
            "SD: sample standard deviation. Quartiles: linear interpolation (type 7).",
        ),
        rows=tuple(used),
    )


def _count_line(row: Estimate) -> Line:
    return Line(row.term_label, (format_count(row.n, row.denominator), ""))


def _age_line(rows: ResultRows, term: str) -> tuple[Line, list[Estimate]]:
    names = ("mean", "sd", "median", "first_quartile", "third_quartile", "minimum", "maximum")
    found = {name: rows.need("A01", term, name) for name in (*names, "n_missing")}
    text = {name: format_number(found[name].value, AGE_DECIMALS) for name in names}
    if found["mean"].value is None:
        cell = MISSING
    else:
        cell = (
            f"{text['mean']} ± {text['sd']}; "
            f"{text['median']} ({text['first_quartile']}–{text['third_quartile']}); "
            f"{text['minimum']}–{text['maximum']}"
        )
    missing = str(found["n_missing"].n)
    return Line(AGES[term], (cell, missing)), list(found.values())
