"""Table I: clinical features of atopic dermatitis at baseline, by sex."""

from __future__ import annotations

from analysis_py.report_rows import NothingToShowError, ResultRows
from analysis_py.results import Estimate
from analysis_py.rounding import format_count
from analysis_py.tables.table import Line, Table, heading
from analysis_py.vocabulary import ALL

GROUPS = {"male": "Males", "female": "Females", ALL: "Total"}
FEATURES = {
    "disease_course": "Disease course",
    "clinical_phenotype": "Clinical phenotype",
    "critical_area": "Critical area",
}


def build(rows: ResultRows) -> Table:
    """Lay out A02 as the paper prints it, with the patients in whom a feature is not recorded.

    Raises
    ------
    NothingToShowError
        If A02 was not run or nobody is enrolled.
    """
    totals = [rows.need("A02", "column_total", "n", group=group) for group in GROUPS]
    if not totals[-1].n:
        raise NothingToShowError("nobody is enrolled")
    lines, used = [], list(totals)
    for feature, terms in _terms(rows).items():
        lines.append(heading(FEATURES.get(feature, feature)))
        for term in terms:
            found = [rows.need("A02", term, "n", group=group) for group in GROUPS]
            lines.append(_line(found[0].term_label, found))
            used += found
        missing = [rows.need("A02", feature, "n_missing", group=group) for group in GROUPS]
        lines.append(_line("Not recorded", missing))
        used += missing
    return Table(
        name="table_1_clinical_features",
        number="Table I",
        title="Clinical features of atopic dermatitis at baseline",
        stub="Feature",
        columns=tuple(
            f"{name} (n = {total.n}), n (%)"
            for name, total in zip(GROUPS.values(), totals, strict=True)
        ),
        lines=tuple(lines),
        notes=(
            "Enrolled patients. Percentages of the column total, patients without the feature "
            "recorded included. –: nobody.",
            "A patient has one disease course, one phenotype and at most one entry of critical "
            "areas.",
        ),
        rows=tuple(used),
    )


def _terms(rows: ResultRows) -> dict[str, list[str]]:
    """Terms of each feature, in the order of the analysis; a feature ends with its n_missing."""
    features: dict[str, list[str]] = {}
    open_terms: list[str] = []
    for row in rows.find("A02", group=ALL):
        if row.statistic == "n_missing":
            features[row.term] = open_terms
            open_terms = []
        elif row.statistic == "n" and row.term != "column_total":
            open_terms.append(row.term)
    return features


def _line(name: str, found: list[Estimate]) -> Line:
    return Line(name, tuple(format_count(row.n, row.denominator) for row in found))
