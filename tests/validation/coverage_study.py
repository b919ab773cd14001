"""Coverage study: how often the intervals of the analyses contain the declared truth.

One large synthetic delivery goes through intake and `dbt build` once. Its patients, in the order of
the export, are split into studies of 342, and the analyses run on the marts of each study::

    .venv/bin/python tests/validation/coverage_study.py --studies 1000 --seed 2022
"""

from __future__ import annotations

import argparse
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from estimands import estimands
from results_page import replace_block, results_block
from rich.console import Console
from rich.progress import track
from scipy import stats

from analysis_py.catalogue import ANALYSES, Analysis, required_columns
from analysis_py.marts import Marts
from analysis_py.results import Estimate, Results
from analysis_py.study import run_analyses, software_versions
from simulator.cohort.effects import Tree, load_effects
from simulator.cohort.write import write_cohort

STUDY_SIZE = 342
LARGE = 20_000  # patients of the one large study, whose estimates must lie near the truth
ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "validation.md"
COMMAND = ".venv/bin/python tests/validation/coverage_study.py --studies {studies} --seed {seed}"
Z = float(stats.norm.ppf(0.975))
ON_LOG_SCALE = ("hazard_ratio", "odds_ratio", "odds_ratio_joint")


@dataclass
class Coverage:
    """Results of all studies for one estimate.

    `truth` in the unit of the result; `interval` its kind, such as Wilson. One entry per study with
    an interval in `values` (the estimates, logarithms for ratios), `errors` (standard errors behind
    the intervals, on that scale) and `sizes` (denominators). `n_below` and `n_above` intervals lie
    wholly below or above the truth; `n_without` studies gave no interval; `z_large` is the distance
    of the large study from the truth in its own standard errors.
    """

    key: str
    truth: float
    interval: str = ""
    values: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    n_below: int = 0
    n_above: int = 0
    n_without: int = 0
    z_large: float = math.nan

    @property
    def n(self) -> int:
        """Studies with an interval."""
        return len(self.values)

    @property
    def percent(self) -> float:
        """Percent of the intervals that contain the truth."""
        return 100 * (1 - (self.n_below + self.n_above) / self.n) if self.n else math.nan

    @property
    def error(self) -> float:
        """Monte Carlo standard error of the percentage."""
        share = self.percent / 100
        return 100 * math.sqrt(share * (1 - share) / self.n) if self.n else math.nan

    @property
    def middle(self) -> float:
        """Mean of the estimates, the geometric one for ratios."""
        mean = float(np.mean(self.values))
        return math.exp(mean) if is_ratio(self.key) else mean

    @property
    def error_ratio(self) -> float:
        """Reported standard error divided by the standard deviation of the estimates."""
        if self.n < 2 or np.ptp(self.values) == 0:
            return math.nan
        return float(np.sqrt(np.mean(np.square(self.errors))) / np.std(self.values, ddof=1))

    @property
    def exact_percent(self) -> float:
        """Theoretical coverage of a Wilson interval at this truth and these denominators."""
        if self.interval != "Wilson":
            return math.nan
        sizes, counts = np.unique(self.sizes, return_counts=True)
        return float(
            100 * np.average([wilson_coverage(self.truth / 100, n) for n in sizes], weights=counts)
        )

    def add(self, row: Estimate | None) -> None:
        """Count one study."""
        if row is None or row.value is None or row.ci_lower is None or row.ci_upper is None:
            self.n_without += 1
            return
        self.interval = interval_name(row.method)
        low, value, high = (_scaled(self.key, x) for x in (row.ci_lower, row.value, row.ci_upper))
        self.values.append(value)
        self.errors.append((high - low) / (2 * Z))
        self.sizes.append(row.denominator or 0)
        self.n_below += row.ci_upper < self.truth
        self.n_above += row.ci_lower > self.truth


def wilson_coverage(probability: float, n: int) -> float:
    """Return P(Wilson's interval contains the probability) for a binomial count out of n.

    The interval contains it when the score test does not reject it (Wilson, JASA 1927;22:209-212).
    """
    spread = Z * math.sqrt(n * probability * (1 - probability))
    lowest = math.ceil(n * probability - spread)
    highest = math.floor(n * probability + spread)
    binomial = stats.binom(n, probability)
    return float(binomial.cdf(highest) - binomial.cdf(lowest - 1))


def interval_name(method: str) -> str:
    """Return the kind of interval in the method of a result.

    Examples
    --------
    >>> interval_name("n / denominator; Wilson interval"), interval_name("paired t-test, 9 df")
    ('Wilson', 't')
    """
    if method.startswith("paired t-test"):
        return "t"
    named = (part.strip() for part in re.split("[;,]", method))
    kinds = [part for part in named if part.endswith(" interval") or part == "Wald"]
    return kinds[0].removesuffix(" interval") if kinds else "not named"


def is_ratio(key: str) -> bool:
    """Whether an estimate is a ratio: its interval is symmetric on the log scale."""
    return key.rsplit(".", 1)[-1] in ON_LOG_SCALE


def _scaled(key: str, number: float) -> float:
    return math.log(number) if is_ratio(key) else number


def distance(row: Estimate, truth: float) -> float:
    """Return (estimate - truth) in standard errors, from the half of the interval facing the truth.

    Half of a 95% interval is 1.96 standard errors, on the log scale for a ratio.
    """
    low, value, high = row.ci_lower, row.value, row.ci_upper
    if low is None or value is None or high is None:
        return math.nan
    low, value, high, truth = (_scaled(row.result_id, x) for x in (low, value, high, truth))
    half = (value - low) if truth < value else (high - value)
    return Z * (value - truth) / half if half else math.nan


def build_delivery(delivery: Path, folder: Path, n_patients: int) -> Path:
    """Run `dbt build` on a synthetic delivery in which every patient is eligible.

    Parameters
    ----------
    folder : Path
        For warehouse, key, dbt's target and logs; created if missing.
    n_patients : int
        Patients that must be enrolled.

    Returns
    -------
    Path
        The warehouse file.

    Raises
    ------
    RuntimeError
        If dbt fails, or another number of patients is enrolled.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    warehouse = folder / "warehouse.duckdb"
    warehouse.unlink(missing_ok=True)
    environment = {
        "REGISTRY_DELIVERY": str(delivery.resolve()),
        "REGISTRY_MAPPING": "",
        "REGISTRY_WAREHOUSE": str(warehouse),
        "REGISTRY_KEY_FILE": str(folder / "synthetic.key"),
        "DBT_USE_COLORS": "false",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    places = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "dbt"), "build", *places],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = (done.stdout + done.stderr)[-3000:]
        raise RuntimeError(f"dbt build of {delivery} failed:\n{tail}")
    with duckdb.connect(str(warehouse), read_only=True) as db:
        enrolled = db.sql("select count(*) from marts.dim_patients").fetchone()[0]
    if enrolled != n_patients:
        raise RuntimeError(f"{enrolled} of {n_patients} synthetic patients were enrolled")
    return warehouse


def analyses_of(truth: Mapping[str, float]) -> tuple[Analysis, ...]:
    """Return the analyses that produce the estimates of a truth."""
    wanted = {key.split(".", 1)[0].upper() for key in truth}
    return tuple(analysis for analysis in ANALYSES if analysis.analysis_id in wanted)


def read_marts(
    path: Path, analyses: tuple[Analysis, ...]
) -> tuple[dict[str, pd.DataFrame], dict[str, np.ndarray]]:
    """Read the marts that the analyses need.

    Returns
    -------
    frames : dict of pandas.DataFrame
        Frames with a patient are sorted by the patient's record number in the export.
    places : dict of numpy.ndarray
        For these, the position of each row's patient in the export, from 0.
    """
    with Marts(path) as marts:
        frames = marts.frames(required_columns(analyses))
    with duckdb.connect(str(path), read_only=True) as db:
        numbers = dict(db.execute("select pseudonym, record_number from raw.patients").fetchall())
    place_of = pd.Series(numbers) - 1
    places = {}
    for name, frame in frames.items():
        if "patient_id" in frame:
            patient = frame["patient_id"].astype(str)
            place = patient.map(place_of).to_numpy(dtype=np.int64)
            order = np.argsort(place, kind="stable")
            # Plain text: a categorical column would list all patients of the delivery in each study
            frames[name] = frame.assign(patient_id=patient.astype(object)).iloc[order]
            places[name] = place[order]
    return frames, places


def cut(
    frames: Mapping[str, pd.DataFrame], places: Mapping[str, np.ndarray], first: int, last: int
) -> dict[str, pd.DataFrame]:
    """Return the frames of the patients at positions `first` to `last - 1`."""
    answer = dict(frames)
    for name, place in places.items():
        start, end = np.searchsorted(place, [first, last])
        answer[name] = frames[name].iloc[start:end].reset_index(drop=True)
    return answer


def run_studies(warehouse: Path, effects: Tree, n_studies: int) -> list[Coverage]:
    """Run the analyses on every study, and on the first patients as one large study."""
    truth = estimands(effects)
    analyses = analyses_of(truth)
    frames, places = read_marts(warehouse, analyses)
    found = {key: Coverage(key, value) for key, value in truth.items()}
    large = run_analyses(cut(frames, places, 0, LARGE), analyses)
    for key, coverage in found.items():
        coverage.z_large = distance(large[key], coverage.truth)
    for results in track(
        _each_study(frames, places, analyses, n_studies),
        total=n_studies,
        description="studies",
        console=Console(stderr=True),
    ):
        for key, coverage in found.items():
            coverage.add(results.get(key))
    return list(found.values())


def _each_study(
    frames: Mapping[str, pd.DataFrame],
    places: Mapping[str, np.ndarray],
    analyses: tuple[Analysis, ...],
    n_studies: int,
) -> Iterator[Results]:
    for study in range(n_studies):
        first = study * STUDY_SIZE
        yield run_analyses(cut(frames, places, first, first + STUDY_SIZE), analyses)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--studies", type=int, default=1000, help="studies of 342 patients")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--page", type=Path, default=PAGE, help="document whose table is replaced")
    parser.add_argument("--work", type=Path, help="folder for delivery and warehouse")
    options = parser.parse_args(arguments)
    fewest = math.ceil(LARGE / STUDY_SIZE)
    if options.studies < fewest:
        parser.error(f"--studies takes {fewest} or more: the large study needs {LARGE} patients")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Simulate, build, analyse and replace the table of the page; 0 when it is written."""
    options = parse(arguments)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.work or Path(scratch)
        n_patients = options.studies * STUDY_SIZE
        write_cohort(
            n_patients,
            options.seed,
            None,
            folder / "delivery",
            file_format="parquet",
            overwrite=True,
        )
        print("Building the warehouse once, data tests included ...", file=sys.stderr)
        warehouse = build_delivery(folder / "delivery", folder / "build", n_patients)
        found = run_studies(warehouse, load_effects(None), options.studies)
    command = COMMAND.format(studies=options.studies, seed=options.seed)
    block = results_block(found, command, options.studies, LARGE, software_versions())
    replace_block(options.page, block)
    print(f"{options.page}: {len(found)} estimates, {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
