"""Deliveries of any size from the simulator, and one with every hundredth record broken.

A simulated cohort has no bad record (`simulator.cohort`): what reads it can be compared without
regard to what it would refuse.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from benchmarks.processes import BenchmarkError, run_measured, tail

EXPORTS = ("patients", "visits", "prescriptions", "comorbidities", "adverse_events")
BAD_EVERY = 100
SCRATCH_BYTES_PER_PATIENT = 8_000
"""Delivery, its copy with bad records, warehouse, the others' results and what an engine spills."""


def require_room(scratch: Path, n_patients: int) -> None:
    """Raise BenchmarkError when the scratch folder's disk has too little room."""
    needed = n_patients * SCRATCH_BYTES_PER_PATIENT
    free = shutil.disk_usage(scratch).free
    if free < needed:
        raise BenchmarkError(
            f"{scratch} has {free / 1e9:.1f} GB free; about {needed / 1e9:.1f} GB are needed for "
            f"{n_patients:,} patients. Name another folder with --scratch, or smaller --sizes."
        )


def clean_delivery(scratch: Path, n_patients: int, seed: int) -> Path:
    """Return the folder of a simulated cohort, written if it is not there.

    Parameters
    ----------
    scratch : Path
        Folder of the deliveries.
    n_patients, seed : int
        They decide every byte.

    Raises
    ------
    BenchmarkError
        If the simulator fails.
    """
    folder = scratch / str(n_patients)
    if _is_written(folder, n_patients, seed):
        return folder
    command = [
        sys.executable, "-m", "simulator", "cohort", "--patients", str(n_patients),
        "--seed", str(seed), "--out", str(folder), "--format", "csv", "--overwrite",
    ]  # fmt: skip
    log = scratch / f"simulator_{n_patients}.log"
    if run_measured(command, log, {}).exit_code:
        raise BenchmarkError(f"The simulator wrote no cohort of {n_patients}:\n{tail(log)}")
    return folder


def _is_written(folder: Path, n_patients: int, seed: int) -> bool:
    truth = folder / "truth.yml"  # the simulator's last file
    if not truth.exists():
        return False
    written = yaml.safe_load(truth.read_text(encoding="utf-8"))
    return (written["n_patients"], written["seed"]) == (n_patients, seed)


def bad_delivery(clean: Path) -> Path:
    """Return a copy of a delivery in which every hundredth record is broken.

    The faults take turns: a field too many, a field too few, a control character, a blank record,
    a stray quote. They are spread evenly, so that no part of a file is free of them. (Bytes in a
    wrong encoding are not among them: they refuse a whole file.)
    """
    folder = clean.with_name(clean.name + "_bad")
    about = folder / "delivery.yml"  # written last
    if about.exists() and about.stat().st_mtime >= (clean / "truth.yml").stat().st_mtime:
        return folder
    folder.mkdir(exist_ok=True)
    about.unlink(missing_ok=True)
    for export in EXPORTS:
        name = f"{export}.csv"
        with open(clean / name, "rb") as source, open(folder / name, "wb") as copy:
            copy.writelines(_with_bad_records(source))
    shutil.copyfile(clean / "delivery.yml", about)
    return folder


def _with_bad_records(lines: Iterator[bytes]) -> Iterator[bytes]:
    yield next(lines)
    for number, line in enumerate(lines, start=1):
        yield _broken(line, number // BAD_EVERY) if number % BAD_EVERY == 0 else line


def _broken(line: bytes, turn: int) -> bytes:
    cells = line.rstrip(b"\n").split(b",")
    match turn % 5:
        case 0:
            cells.append(b"surplus")
        case 1:
            cells.pop()
        case 2:
            cells[1] += b"\x01"
        case 3:
            cells = [b""] * len(cells)
        case 4:
            cells[1] = b'"' + cells[1] + b'"x'
    return b",".join(cells) + b"\n"


def count_records(folder: Path) -> dict[str, tuple[int, int]]:
    """Return records and bytes of each export; one line is one record in these files."""
    counts = {}
    for export in EXPORTS:
        path = folder / f"{export}.csv"
        with open(path, "rb") as file:
            n_lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
        counts[export] = (n_lines - 1, path.stat().st_size)
    return counts
