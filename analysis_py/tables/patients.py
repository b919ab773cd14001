"""Tables of the enrolled patients: Table I (clinical features), S1 (who they are), S11 (events)."""

from __future__ import annotations

from analysis_py.phrases import interval_cell, value_cell
from analysis_py.results import Estimate
from analysis_py.rounding import MISSING, format_count, format_number
from analysis_py.rows import NothingToShowError, ResultRows
from analysis_py.tables.table import Table
from analysis_py.vocabulary import ALL

GROUPS = {"male": "Males", "female": "Females", ALL: "Total"}
FEATURES = {
    "disease_course": "Disease course",
    "clinical_phenotype": "Clinical phenotype",
    "critical_area": "Critical area",
}
AGES = {
    "age_at_data_collection_years": "At data collection (year less year of birth)",
    "age_at_diagnosis_years": "At diagnosis",
    "age_at_index_years": "At the first dose of {}",
}
AGE_STATISTICS = ("mean", "sd", "median", "first_quartile", "third_quartile", "minimum", "maximum")
EARLIER = "prior_"
OVERALL = ("any_adverse_event", "serious_adverse_event")


def clinical_features(rows: ResultRows) -> Table:
    """Lay out A02 as the paper prints it, with the patients in whom a feature is not recorded."""
    totals = [rows.need("A02", "column_total", "n", group=group) for group in GROUPS]
    if not totals[-1].n:
        raise NothingToShowError("no patient is enrolled")
    table = Table(
        "Table I",
        "Clinical features of atopic dermatitis at baseline",
        "Feature",
        tuple(
            f"{name} (n = {total.n}), n (%)"
            for name, total in zip(GROUPS.values(), totals, strict=True)
        ),
    )

    def add(term: str, statistic: str, name: str = "") -> None:
        found = [rows.need("A02", term, statistic, group=group) for group in GROUPS]
        table.line(name or found[0].term_label, *map(_count, found))

    for feature, terms in _terms(rows).items():
        table.heading(FEATURES.get(feature, feature))
        for term in terms:
            add(term, "n")
        add(feature, "n_missing", "Not recorded")
    unknown = rows.need("A01", "sex", "n_missing").n
    return table.finished(
        "Enrolled patients. Percentages of the column total, which includes patients without "
        "the feature recorded. –: no patient."
        + (f" The total includes {unknown} whose sex is not recorded." if unknown else ""),
        "A patient has one disease course, one phenotype and at most one entry of critical areas.",
    )


def _terms(rows: ResultRows) -> dict[str, list[str]]:
    """Terms of each feature, in the order of the analysis; a feature ends with its n_missing."""
    features: dict[str, list[str]] = {}
    terms: list[str] = []
    for row in rows.find("A02", group=ALL):
        if row.statistic == "n_missing":
            features[row.term], terms = terms, []
        elif row.statistic == "n" and row.term != "column_total":
            terms.append(row.term)
    return features


def _count(row: Estimate) -> str:
    return format_count(row.n, row.denominator)


def patients(rows: ResultRows) -> Table:
    """Lay out A01 and A03: sex, age, comorbidities, earlier treatments."""
    enrolled = rows.need("A01", "enrolled", "n")
    if not enrolled.n:
        raise NothingToShowError("no patient is enrolled")
    table = Table(
        "Table S1",
        "Patients at enrolment: sex, age, comorbidities and earlier treatments",
        "Characteristic",
        (f"Enrolled patients (n = {enrolled.n})", "Not known"),
    )
    table.heading("Sex, n (%)")
    for row in (rows.need("A01", sex, "n") for sex in ("male", "female")):
        table.line(row.term_label, _count(row), "")
    unknown = rows.need("A01", "sex", "n_missing")
    if unknown.n:
        table.line("Not recorded", _count(unknown), "")
    table.heading("Age in years, mean ± SD; median (quartiles); range")
    for age, name in AGES.items():
        table.line(
            name.format(rows.index_treatment),
            _age(rows, age),
            str(rows.need("A01", age, "n_missing").n),
        )
    history = rows.find("A03", statistic="n")
    blocks = {"Comorbidities, n (%)": False, "Earlier treatments, n (%)": True}
    for title, is_treatment in blocks.items():
        block = [row for row in history if row.term.startswith(EARLIER) == is_treatment]
        if block:
            table.heading(title)
        for row in block:
            unknown = rows.need("A03", row.term, "n_not_known")
            table.line(row.term_label, _count(row), str(unknown.n) if unknown.n else "")
    return table.finished(
        "Percentages of the enrolled patients in whom it is known; a patient may have several "
        "comorbidities and earlier treatments. One that is not recorded counts as absent, unless "
        "a term or drug that no list knows, or a partial date, may hide it. –: no patient.",
        "SD: sample standard deviation. Quartiles: linear interpolation (type 7).",
    )


def _age(rows: ResultRows, term: str) -> str:
    values = [rows.need("A01", term, statistic).value for statistic in AGE_STATISTICS]
    if values[0] is None:
        return MISSING
    mean, sd, median, low, high, least, most = (format_number(value, 0) for value in values)
    return f"{mean} ± {sd}; {median} ({low}–{high}); {least}–{most}"


def adverse_events(rows: ResultRows) -> Table:
    """Lay out A20: patients with each treatment-emergent adverse event, most frequent first."""
    overall = [rows.need("A20", term, "percent") for term in OVERALL]
    if not overall[0].n:
        raise NothingToShowError(
            f"no adverse event that began under {rows.index_treatment} is recorded"
        )
    n_enrolled = rows.need("A20", OVERALL[0], "n_not_known").denominator
    kinds = [row for row in rows.find("A20", statistic="percent") if row.term not in OVERALL]
    kinds.sort(key=lambda row: (-(row.n or 0), row.term_label))
    table = Table(
        "Table S11",
        f"Adverse events that began under {rows.index_treatment}",
        "Adverse event",
        (f"Enrolled patients (n = {n_enrolled})", "%", "95% CI", "Not known"),
    )
    for row in (*overall, *kinds):
        if row in kinds[:1]:
            table.heading("By kind")
        unknown = rows.need("A20", row.term, "n_not_known").n
        cells = str(row.n), value_cell(row), interval_cell(row), str(unknown or "")
        table.line(row.term_label, *cells)
    return table.finished(
        "Patients with at least one event on or after the first dose; a patient may be counted "
        "in several lines. Percentages of the enrolled patients in whom it is known, regardless of "
        "the length of follow-up. Not known: a record of an event was refused, its onset or "
        "seriousness is not recorded, or its term is on no list. Intervals: Wilson. Events are "
        "those that the clinic recorded."
    )
