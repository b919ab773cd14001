"""Writes a simulated cohort block by block, and its truth as ``truth.yml``."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from simulator.cohort import exports
from simulator.cohort.effects import Tree, load_effects, make_grids
from simulator.cohort.expected import expected_numbers
from simulator.cohort.people import draw_people
from simulator.delivery import COLUMNS, SimulatorError, delivery_yml, prepare_folder

BLOCK = 25_000  # patients per block: the unit of drawing and of memory
MOST_PATIENTS = 50_000_000
_CSV_OPTIONS = pa_csv.WriteOptions(include_header=False, quoting_style="none")


def _writer(
    folder: Path, name: str, file_format: str, stack: ExitStack
) -> pa_csv.CSVWriter | pq.ParquetWriter:
    """Open an export: Parquet with one row group per block, or CSV without quotes.

    No value of a simulated cohort needs quotes.
    """
    schema = exports.SCHEMAS[name]
    if file_format == "parquet":
        path = folder / f"{name}.parquet"
        return stack.enter_context(pq.ParquetWriter(path, schema, compression="zstd"))
    file = stack.enter_context((folder / f"{name}.csv").open("wb"))
    file.write((",".join(COLUMNS[name]) + "\n").encode())
    return stack.enter_context(pa_csv.CSVWriter(file, schema, write_options=_CSV_OPTIONS))


def draw_cohort_block(
    effects: Tree, n: int, seed: int, block: int, counters: exports.Counters
) -> dict[str, pa.Table]:
    """Return the five exports of one block of patients.

    Parameters
    ----------
    seed, block : int
        Every block has its own stream (numpy PCG64): the first patients of a cohort do not depend
        on its size.
    counters : Counters
        Records written before; updated.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, block])))
    grids = make_grids(effects)
    people = draw_people(n, effects, grids, rng)
    identifiers = exports.make_identifiers("S", counters.patients, n, 8)
    counters.patients += n
    return {
        "patients": exports.patients_table(people, identifiers),
        "visits": exports.visits_table(people, identifiers, effects, counters, rng),
        "prescriptions": exports.prescriptions_table(people, identifiers, effects, counters, rng),
        "comorbidities": exports.comorbidities_table(people, identifiers, effects, rng),
        "adverse_events": exports.adverse_events_table(people, identifiers, effects, counters, rng),
    }


def truth_text(effects: Tree, n: int, seed: int) -> str:
    """Return the YAML text with the declared truth of a cohort and the numbers it implies."""
    truth = {
        "is_synthetic": True,
        "n_patients": n,
        "seed": seed,
        "declared": effects,
        "expected": expected_numbers(effects),
    }
    return yaml.safe_dump(truth, sort_keys=False, allow_unicode=True)


def write_cohort(
    n: int, seed: int, effects_file: Path | None, folder: Path, *, file_format: str, overwrite: bool
) -> None:
    """Write a cohort of ``n`` patients and its truth.

    Raises
    ------
    SimulatorError
        The number of patients or the seed is impossible, the effects file is wrong, or the folder
        is not empty.
    """
    if not 1 <= n <= MOST_PATIENTS:
        raise SimulatorError(f"--patients takes a number from 1 to {MOST_PATIENTS}, not {n}.")
    if seed < 0:
        raise SimulatorError("--seed takes a number from 0 on.")
    effects = load_effects(effects_file)
    prepare_folder(folder, overwrite)
    # The label is written first, so that an interrupted cohort is labelled synthetic too
    label = f"Simulated cohort of {n} patients, seed {seed}: no real patient is in these files"
    extraction = str(effects["calendar"]["extraction_date"])
    (folder / "delivery.yml").write_text(delivery_yml(label, extraction), encoding="utf-8")
    start = time.perf_counter()
    counters = exports.Counters()
    n_comorbidities = 0
    console = Console(stderr=True)
    columns = (TextColumn("patients"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with ExitStack() as stack, Progress(*columns, console=console) as progress:
        writers = {name: _writer(folder, name, file_format, stack) for name in COLUMNS}
        task = progress.add_task("patients", total=n)
        for block, first in enumerate(range(0, n, BLOCK)):
            size = min(BLOCK, n - first)
            for name, table in draw_cohort_block(effects, size, seed, block, counters).items():
                writers[name].write(table)
                n_comorbidities += table.num_rows if name == "comorbidities" else 0
            progress.advance(task, size)
    (folder / "truth.yml").write_text(truth_text(effects, n, seed), encoding="utf-8")
    print(
        f"Wrote {n} synthetic patients to {folder} in {time.perf_counter() - start:.0f} s: "
        f"{counters.visits} visits, {counters.prescriptions} prescriptions, "
        f"{n_comorbidities} comorbidities, {counters.adverse_events} adverse events."
    )
