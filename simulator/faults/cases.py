"""The list of fault cases, and the function that writes one."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simulator.delivery import SimulatorError, prepare_folder
from simulator.faults import (
    delivery_faults,
    file_faults,
    record_faults,
    structure_faults,
    value_faults,
)
from simulator.faults.bench import Bench, read_tables

CASES = Path(__file__).resolve().parent.parent / "data" / "fault_cases.csv"
MAKERS: dict[str, Callable[[Bench], None]] = {
    **file_faults.FAULTS,
    **structure_faults.FAULTS,
    **value_faults.FAULTS,
    **record_faults.FAULTS,
    **delivery_faults.FAULTS,
}


@dataclass(frozen=True)
class FaultCase:
    """One kind of bad delivery and the outcomes that are allowed for it.

    Outcomes: ``same`` (marts equal those of the clean delivery), ``load`` (loaded unchanged),
    ``load_flag`` (loaded unchanged and flagged), ``null_value`` (the value is rejected and listed),
    ``quarantine`` (the record is rejected and listed), ``dedupe`` (copies are counted and one is
    loaded), ``reject_file`` (the delivery is refused and the published version stays).
    """

    case_id: str
    category: str
    title: str
    allowed_outcomes: tuple[str, ...]


def list_cases() -> list[FaultCase]:
    """Return every case, in order of its identifier."""
    with open(CASES, newline="", encoding="utf-8") as file:
        return [
            FaultCase(
                row["case_id"],
                row["category"],
                row["title"],
                tuple(row["allowed_outcomes"].split("|")),
            )
            for row in csv.DictReader(file)
        ]


def make_fault(case_id: str, source: Path, out: Path, *, overwrite: bool = False) -> FaultCase:
    """Write the bad delivery of one case.

    Parameters
    ----------
    case_id : str
        For instance ``F037``.
    source : Path
        A clean CSV delivery, which is not changed.
    out : Path
        Output folder: the delivery ``d1`` (for some cases also ``d2``) and ``expected.json``.

    Raises
    ------
    SimulatorError
        The case is unknown, the source is no CSV delivery, or the folder is not empty.
    """
    case = next((each for each in list_cases() if each.case_id == case_id.upper()), None)
    if case is None:
        raise SimulatorError(
            f"there is no case {case_id}. `registry simulate faults --case list` lists them."
        )
    is_second = case.case_id in delivery_faults.FAULTS
    names = ("d1", "d2") if is_second else ("d1",)
    tables = {name: read_tables(source) for name in names}
    settings = source / "delivery.yml"
    if not settings.is_file():
        raise SimulatorError(f"{settings} is missing. Name a clean CSV delivery with --from.")
    if "is_synthetic: true" not in settings.read_text(encoding="utf-8"):
        raise SimulatorError(
            f"{source} is not labelled synthetic; faults are made from synthetic data only."
        )
    prepare_folder(out, overwrite)
    for name in names:
        bench = Bench(out / name, tables[name])
        bench.folder.mkdir()
        bench.write_all()
        (bench.folder / "delivery.yml").write_bytes(settings.read_bytes())
        if name == names[-1]:
            MAKERS[case.case_id](bench)
            _write_changed(bench)
            _write_expected(case, names, bench, out)
    return case


def _write_changed(bench: Bench) -> None:
    """Write the changed tables, except those that the fault wrote as bytes."""
    for export in bench.tables:
        path = bench.path(export)
        if path.is_file() and not bench.wrote_bytes(export):
            path.write_text(bench.text(export), encoding="utf-8", newline="")


def _write_expected(case: FaultCase, names: tuple[str, ...], bench: Bench, out: Path) -> None:
    files = bench.files | {f"{record['export']}.csv" for record in bench.touched}
    expected = {
        "case": case.case_id,
        "category": case.category,
        "title": case.title,
        "is_synthetic": True,
        "allowed_outcomes": list(case.allowed_outcomes),
        "deliveries": list(names),
        "files_touched": sorted(files),
        "records_touched": bench.touched,
    }
    text = json.dumps(expected, indent=2, ensure_ascii=False) + "\n"
    (out / "expected.json").write_text(text, encoding="utf-8", newline="\n")
