"""Cost of the analyses on marts of any size, and Cox's model beside R's coxph on the same frame.

    python -m benchmarks.analyses_scale MARTS_FILE [--runs 3] [--json FILE]

Each analysis, and the report, runs in a process of its own; reading the marts is timed apart. The
Cox model is fitted on two frames: the registry's own, in which many patients are alike, and one of
the same size drawn with a seed, in which no two are. Ours and R's run in turn, each in a process of
its own, on the frame already in memory; the medians are compared, and so are the estimates.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from analysis_py.analyses._starts import STARTS, TIME_COLUMNS
from analysis_py.analyses.a13_cox import COLUMNS, COVARIATES
from analysis_py.catalogue import ANALYSES, find, required_columns
from analysis_py.frames import is_true, numbers
from analysis_py.marts import Marts

Row = dict[str, Any]

SEED = 20220604
RUNS = 3
NO_R = "not compared: Rscript with the package survival is not installed"
FRAMES = ("registry", "no two alike")
N_COLUMNS = 2 + len(COVARIATES)
# Breslow's ties, R's own settings otherwise; rows with a missing value are left out before timing.
R_SCRIPT = """
suppressPackageStartupMessages(library(survival))
from <- commandArgs(trailingOnly = TRUE)[1]
n <- file.size(from) / (8 * 5)
d <- as.data.frame(matrix(readBin(from, "double", 5 * n), ncol = 5))
names(d) <- c("time", "event", "x1", "x2", "x3")
d <- d[complete.cases(d), ]
took <- system.time(
  fit <- coxph(Surv(time, event) ~ x1 + x2 + x3, data = d, ties = "breslow")
)
numbers <- c(took[["elapsed"]], took[["user.self"]] + took[["sys.self"]], coef(fit),
  sqrt(diag(vcov(fit))))
cat(sprintf("%.17g", numbers), sep = "\\n")
"""


def run(marts_file: Path, runs: int = RUNS) -> list[Row]:
    """Measure everything.

    Parameters
    ----------
    marts_file : pathlib.Path
        A warehouse or a published file.
    runs : int
        Times that each side fits the Cox model.

    Returns
    -------
    list of dict
        Rows of part "analysis" (``name``, ``n_rows`` of results, ``read_s``, ``wall_s``, ``cpu_s``,
        ``peak_mib`` of the process), "report" (the same, and ``figure_bytes``), and "cox"
        (``name`` of the frame, ``n_patients``, ``ours_s``, ``r_s``, ``ratio``,
        ``largest_difference`` of coefficients and standard errors; or ``skipped`` with the reason).
    """
    names = [analysis.analysis_id for analysis in ANALYSES]
    rows = [_in_process("analysis", marts_file, name) for name in names]
    rows.append(_in_process("report", marts_file))
    return rows + compare_with_r(marts_file, runs)


def compare_with_r(marts_file: Path, runs: int = RUNS) -> list[Row]:
    """Fit the Cox model with ours and with R, in turn, on both frames."""
    if not _has_r():
        return [{"part": "cox", "name": name, "skipped": NO_R} for name in FRAMES]
    with tempfile.TemporaryDirectory() as folder:
        registry = _registry_frame(marts_file)
        frames = dict(zip(FRAMES, (registry, _drawn_frame(len(registry))), strict=True))
        return [_compare(name, frame, Path(folder), runs) for name, frame in frames.items()]


def _compare(name: str, frame: np.ndarray, folder: Path, runs: int) -> Row:
    file, script = folder / "frame.bin", folder / "cox.R"
    file.write_bytes(np.asfortranarray(frame).tobytes(order="F"))
    script.write_text(R_SCRIPT, encoding="ascii")
    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    for _ in range(runs):
        ours.append(_in_process("cox", file)["numbers"])
        done = subprocess.run(
            ["Rscript", str(script), str(file)], capture_output=True, text=True, check=True
        )
        theirs.append([float(text) for text in done.stdout.split()])
    ours_s, r_s = (statistics.median(line[0] for line in lines) for lines in (ours, theirs))
    differences = np.abs(np.array(ours[0][2:]) - np.array(theirs[0][2:]))
    return {
        "part": "cox",
        "name": name,
        "n_patients": len(frame),
        "runs": runs,
        "ours_s": ours_s,
        "r_s": r_s,
        "ours_cpu_s": statistics.median(line[1] for line in ours),
        "r_cpu_s": statistics.median(line[1] for line in theirs),
        "ratio": ours_s / r_s,
        "largest_difference": float(differences.max()),
    }


def _registry_frame(marts_file: Path) -> np.ndarray:
    """Duration, event and covariates of the evaluable patients, shape (n, 5)."""
    with Marts(marts_file) as marts:
        table = marts.read(STARTS, COLUMNS[STARTS])
    duration, event = TIME_COLUMNS
    columns = [numbers(table[duration]), is_true(table[event]).astype(float)]
    return np.column_stack([*columns, *(numbers(table[name]) for name in COVARIATES)])


def _drawn_frame(n: int) -> np.ndarray:
    """Exponential times with a known truth, normal covariates: every patient is unlike the rest."""
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(n, len(COVARIATES)))
    times = rng.exponential(np.exp(-x @ np.array([0.3, -0.2, 0.1])))
    censored = rng.exponential(1.5, n)
    return np.column_stack([np.minimum(times, censored), times <= censored, x])


def _has_r() -> bool:
    if shutil.which("Rscript") is None:
        return False
    asked = ["Rscript", "-e", "library(survival)"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _in_process(part: str, *arguments: object) -> Row:
    """Run one part in a process of its own and read its row."""
    command = [sys.executable, "-m", "benchmarks.analyses_scale", "--part", part]
    done = subprocess.run(
        [*command, *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def _one_analysis(file: Path, name: str) -> Row:
    analysis = find(name)
    calculate = analysis.run
    with Marts(file) as marts:
        frames, read_s, _ = _timed(lambda: marts.frames(required_columns([analysis])))
    estimates, wall_s, cpu_s = _timed(lambda: calculate(frames))
    return {
        "part": "analysis",
        "name": f"{analysis.analysis_id} {analysis.name}",
        "n_rows": len(estimates),
        "read_s": read_s,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "peak_mib": _peak_mib(),
    }


def _one_report(file: Path) -> Row:
    from analysis_py.report import write_report  # noqa: PLC0415 - heavy, for this part alone

    with tempfile.TemporaryDirectory() as folder:
        _, wall_s, cpu_s = _timed(lambda: write_report(file, Path(folder)))
        sizes = {path.name: path.stat().st_size for path in Path(folder, "figures").iterdir()}
    return {
        "part": "report",
        "name": "report",
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "peak_mib": _peak_mib(),
        "figure_bytes": sum(sizes.values()),
    }


def _one_cox(file: Path) -> Row:
    from analysis_py.estimators.cox import cox_data, fit_cox  # noqa: PLC0415 - as above

    frame = np.fromfile(file).reshape((-1, N_COLUMNS), order="F")
    time_, event, x = frame[:, 0].copy(), frame[:, 1] == 1, frame[:, 2:].copy()
    fit, wall_s, cpu_s = _timed(lambda: fit_cox(cox_data(COVARIATES, time_, event, x), "breslow"))
    coefficients = [term.coefficient for term in fit.terms]
    errors = [term.standard_error for term in fit.terms]
    return {"numbers": [wall_s, cpu_s, *coefficients, *errors]}


def _timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Do the work; give its result with the wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _line(row: Row) -> str:
    """One line of text for one row."""
    if "skipped" in row:
        return f"Cox, {row['name']}: {row['skipped']}"
    if row["part"] == "cox":
        return (
            f"Cox, {row['name']}: {row['n_patients']} patients, ours {row['ours_s']:.2f} s, R "
            f"{row['r_s']:.2f} s, ratio {row['ratio']:.2f}, largest difference "
            f"{row['largest_difference']:.1e}"
        )
    read = f"read {row['read_s']:6.2f} s, " if "read_s" in row else ""
    return (
        f"{row['name']:25} {read}run {row['wall_s']:6.2f} s, CPU {row['cpu_s']:6.2f} s, "
        f"peak {row['peak_mib']:6.0f} MiB"
    )


def main() -> None:
    """Measure and print; with --json keep the rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.analyses_scale")
    parser.add_argument("file", type=Path, help="DuckDB file with the marts")
    parser.add_argument("name", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=RUNS, help="fits of each side, default 3")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows here as well")
    parser.add_argument("--part", choices=("analysis", "report", "cox"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part == "analysis":
        print(json.dumps(_one_analysis(given.file, given.name)))
    elif given.part == "report":
        print(json.dumps(_one_report(given.file)))
    elif given.part == "cox":
        print(json.dumps(_one_cox(given.file)))
    else:
        rows = run(given.file, given.runs)
        print("\n".join(map(_line, rows)))
        if given.json:
            given.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
