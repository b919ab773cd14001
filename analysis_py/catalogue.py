"""The analyses of the study: what each is, and where its function is.

An analysis is imported when it is run, so that the list appears at once.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from types import ModuleType
from typing import TYPE_CHECKING

from core.stop import ExitCode, Stop

if TYPE_CHECKING:
    from analysis_py.frames import Frames
    from analysis_py.results import Estimate


@dataclass(frozen=True, slots=True)
class Analysis:
    """One analysis: identifier (A01), function, title and place in the paper."""

    analysis_id: str
    name: str
    title: str
    place: str

    @property
    def columns(self) -> dict[str, list[str]]:
        """Marts and columns that the analysis reads."""
        reads: dict[str, dict[str, list[str]]] = self._module.READS
        return reads[self.name]

    @property
    def run(self) -> Callable[[Frames], list[Estimate]]:
        """Function from frames to estimates."""
        function: Callable[[Frames], list[Estimate]] = getattr(self._module, self.name)
        return function

    @property
    def _module(self) -> ModuleType:
        topic = next(name for name, found in TOPICS.items() if self.analysis_id in found)
        return importlib.import_module(f"analysis_py.analyses.{topic}")


TOPICS = {
    "cohort": ("A01", "A02", "A03", "A09"),
    "scores": ("A04", "A05", "A06", "A07", "A08", "A22"),
    "topical_therapy": ("A10", "A11"),
    "time_to_tacrolimus": ("A12", "A14"),
    "models": ("A13", "A15", "A18", "A19"),
    "early_response": ("A16", "A17"),
    "safety_and_practice": ("A20", "A21"),
}
"""Module of analysis_py.analyses -> its analyses."""

ANALYSES: tuple[Analysis, ...] = (
    Analysis("A01", "enrolment", "Enrolment, sex, age, cohort flow", "Results, first paragraph"),
    Analysis("A02", "clinical_features", "Clinical features at baseline by sex", "Table I"),
    Analysis("A03", "history", "Comorbidities and earlier treatments", "Results"),
    Analysis("A04", "easi", "EASI at each timepoint, EASI above 21, EASI-50/75/90", "Results"),
    Analysis("A05", "easi_change", "Fall of EASI: ANOVA and paired t-test", "Results"),
    Analysis("A06", "sleep", "Sleep NRS: level, change, 4-point response", "Results"),
    Analysis("A07", "itch", "Itch NRS: level, change, 4-point response", "Results"),
    Analysis("A08", "dlqi", "DLQI: level, change, DLQI below 10", "Results"),
    Analysis("A09", "evaluable", "Patients evaluable for topical therapy", "Results"),
    Analysis("A10", "topical_therapy", "Topical regimens over time and their flow", "Table II"),
    Analysis("A11", "topical_change", "Change of regimens, exact McNemar", "Table II"),
    Analysis("A12", "time_to_tacrolimus", "Time to tacrolimus, restricted mean", "Results"),
    Analysis("A13", "cox", "Start of tacrolimus by DLQI, age and sex, Cox", "Results"),
    Analysis("A14", "generalized", "Start by generalized disease, log-rank", "Results"),
    Analysis("A15", "baseline_use", "Tacrolimus at baseline by DLQI and sex", "Results"),
    Analysis("A16", "early_response", "EASI < 7 at week 4 by baseline tacrolimus", "Abstract"),
    Analysis("A17", "easi_bands", "EASI bands at week 4 by baseline tacrolimus", "Figure 1"),
    Analysis("A18", "initiation_week_04", "First tacrolimus at week 4, logistic", "Results"),
    Analysis("A19", "initiation_week_16", "First tacrolimus at week 16, logistic", "Results"),
    Analysis("A20", "adverse_events", "Adverse events under dupilumab", "Not in the paper"),
    Analysis("A21", "treatment_algorithm", "Agreement with the proposed scheme", "Figure 2"),
    Analysis(
        "A22", "further_scores", "Further scores: level, change, response", "Not in the paper"
    ),
)


def find(name: str) -> Analysis:
    """Find an analysis by identifier or name, in any case.

    Raises
    ------
    Stop
        No analysis has this name; with the nearest names, if there are any.
    """
    wanted = name.strip().lower().replace("-", "_")
    by_name = {}
    for analysis in ANALYSES:
        identifier = analysis.analysis_id.lower()
        for key in (identifier, analysis.name, f"{identifier}_{analysis.name}"):
            by_name[key] = analysis
    if wanted in by_name:
        return by_name[wanted]
    near = get_close_matches(wanted, by_name, n=3, cutoff=0.5)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    raise Stop(
        ExitCode.ENVIRONMENT,
        f"no analysis is called {name!r}{hint} `registry analyse --list` shows them all.",
    )


def required_columns(analyses: Iterable[Analysis]) -> dict[str, list[str]]:
    """Marts and columns that these analyses read, each once, in the order first asked for."""
    wanted: dict[str, dict[str, None]] = {}
    for analysis in analyses:
        for mart, columns in analysis.columns.items():
            wanted.setdefault(mart, {}).update(dict.fromkeys(columns))
    return {mart: list(columns) for mart, columns in wanted.items()}
