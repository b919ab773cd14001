"""Run the analyses on the marts of a warehouse and compare with the paper."""

from __future__ import annotations

import csv
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from analysis_py import published
from analysis_py.catalogue import ANALYSES, Analysis, required_columns
from analysis_py.frames import Frames, codes
from analysis_py.marts import Marts, MartsError
from analysis_py.published import Compared
from analysis_py.results import Results
from analysis_py.vocabulary import INDEX_TREATMENT
from core.stop import ExitCode, Stop

PACKAGES = ("duckdb", "pandas", "numpy", "scipy", "statsmodels", "lifelines")
SYNTHETIC = "SYNTHETIC DATA, no real patients"
REAL = "Registry data"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Delivery:
    """Which delivery the marts came from, and what its patients' index treatment is called."""

    load_id: str
    is_synthetic: bool
    label: str
    index_treatment: str = INDEX_TREATMENT

    @property
    def header(self) -> str:
        """First line of everything that is shown: synthetic or not, and the delivery's label."""
        kind = SYNTHETIC if self.is_synthetic else REAL
        return f"{kind} ({self.label})" if self.label else kind


@dataclass(frozen=True, slots=True)
class Study:
    """All results of one warehouse, with the comparison and what computed them."""

    delivery: Delivery
    results: Results
    compared: list[Compared]
    software: dict[str, str]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the study reads of a warehouse file: delivery, marts and the ledger of the paper."""

    delivery: Delivery
    frames: Frames
    ledger: Frames


def read_delivery(marts: Marts) -> Delivery:
    """Read which delivery the marts were built from.

    Raises
    ------
    MartsError
        If dim_delivery does not have its one row.
    """
    table = marts.read("dim_delivery", ["load_id", "is_synthetic", "delivery_label"])
    if len(table) != 1:
        raise MartsError(
            f"mart dim_delivery of {marts.path} has {len(table)} rows instead of one: the build "
            "did not finish. Build the warehouse again."
        )
    load_id, is_synthetic, label = (codes(table[name])[0] for name in table)
    return Delivery(str(load_id), bool(is_synthetic), str(label or ""))


def run_analyses(
    frames: Frames, analyses: Sequence[Analysis] = ANALYSES, progress: Progress = lambda _: None
) -> Results:
    """Run analyses in order on frames.

    Parameters
    ----------
    frames : mapping
        Marts with the columns of :func:`analysis_py.catalogue.required_columns`.
    progress : callable
        Called with the title of each analysis before it runs.
    """
    results = Results()
    for analysis in analyses:
        progress(f"{analysis.analysis_id} {analysis.title}")
        results.extend(analysis.run(frames))
    return results


def run_some(
    path: Path, analyses: Sequence[Analysis], progress: Progress = lambda _: None
) -> tuple[Delivery, Results]:
    """Run some analyses of a warehouse file, without the comparison.

    Raises
    ------
    MartsError
        If the file cannot be read.
    """
    progress("Reading the marts")
    with Marts(path) as marts:
        delivery = read_delivery(marts)
        frames = marts.frames(required_columns(analyses))
    return delivery, run_analyses(frames, analyses, progress)


def run_study(
    path: Path, progress: Progress = lambda _: None, reasons: Mapping[str, str] | None = None
) -> Study:
    """Run every analysis of a warehouse file and compare with the paper.

    Parameters
    ----------
    path : pathlib.Path
        Warehouse file; opened read-only and closed before the analyses run.
    progress : callable
        Called with the name of each step before it starts.
    reasons : mapping, optional
        See :func:`analysis_py.published.compare`.

    Raises
    ------
    MartsError
        If the file cannot be read.
    Stop
        If a reason is given for a number that the ledger does not have.
    """
    progress("Reading the marts")
    return compute(read_inputs(path), progress, reasons)


def read_inputs(path: Path, spill: Path | None = None) -> Inputs:
    """Read what :func:`compute` needs of a warehouse file, and close the file.

    Parameters
    ----------
    path, spill : pathlib.Path
        As for :class:`analysis_py.marts.Marts`.

    Raises
    ------
    MartsError
        If the file cannot be read.
    """
    with Marts(path, spill) as marts:
        delivery = read_delivery(marts)
        frames = marts.frames(required_columns(ANALYSES))
        ledger = marts.frames(published.COLUMNS)
        optional = published.OPTIONAL_COLUMNS.items()
        ledger |= marts.frames({mart: names for mart, names in optional if marts.has(mart)})
    return Inputs(delivery, frames, ledger)


def compute(
    inputs: Inputs, progress: Progress = lambda _: None, reasons: Mapping[str, str] | None = None
) -> Study:
    """Run every analysis and compare with the paper; see :func:`run_study`."""
    known = inputs.ledger[published.LEDGER]["result_id"].astype(str)
    strange = sorted(set(reasons or {}) - set(known))
    if strange:
        raise Stop(
            ExitCode.ENVIRONMENT,
            f"the paper's ledger has no {', '.join(strange)}: correct the reasons.",
        )
    results = run_analyses(inputs.frames, ANALYSES, progress)
    progress("Comparing with the paper")
    compared = published.compare(results, inputs.ledger, reasons)
    return Study(inputs.delivery, results, compared, software_versions())


def software_versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def read_reasons(path: Path) -> dict[str, str]:
    """Read a CSV file with the columns result_id (of the paper's ledger) and reason.

    Raises
    ------
    Stop
        If the file is missing, has other columns, or an empty cell in one of them.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError):
        raise Stop(
            ExitCode.ENVIRONMENT, f"{path} could not be read as a UTF-8 CSV file of reasons."
        ) from None
    reasons: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        key, reason = (row.get("result_id") or "").strip(), (row.get("reason") or "").strip()
        if not key or not reason:
            raise Stop(
                ExitCode.ENVIRONMENT,
                f"{path}, line {number}: needs the columns result_id and reason.",
            )
        reasons[key] = reason
    return reasons
