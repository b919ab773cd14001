"""One part of the work, alone in this process: PART IN OUT.json.

bytes     IN = delivery: read and hash every export, nothing else
judging   IN = delivery: judge every record as intake does, write nothing
bare_load IN = delivery: DuckDB's own reader fills text tables in a new file, without any check
intake    IN = delivery: load it into a new DuckDB file
gate      IN = built warehouse: the expectations of both doors
analyses  IN = built warehouse: every analysis, where benchmarks.analyses_scale measures them

OUT.json gets a list of rows; times are of the work, without imports.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.deliveries import EXPORTS

Rows = list[dict[str, Any]]
BLOCK = 1 << 20
STORAGE = "v1.4.0"
"""The storage version of profiles.yml."""


def _timed(work: Callable[[], str]) -> Rows:
    wall, cpu = time.perf_counter(), time.process_time()
    note = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return [{"name": "all", "wall_seconds": wall, "cpu_seconds": cpu, "note": note}]


def measure_bytes(delivery: Path) -> Rows:
    """Read every export and hash it, as intake does."""

    def work() -> str:
        for export in EXPORTS:
            digest = hashlib.sha256()
            with open(delivery / f"{export}.csv", "rb", buffering=0) as file:
                while block := file.read(BLOCK):
                    digest.update(block)
        return ""

    return _timed(work)


def measure_judging(delivery: Path) -> Rows:
    """Judge a delivery, pseudonyms included, and keep nothing of it."""
    judge_files = importlib.import_module("intake.judgement").judge_files
    deliveries = importlib.import_module("intake.delivery")
    opened = deliveries.open_delivery(delivery, "")
    key = importlib.import_module("privacy.pseudonyms").load_key(is_synthetic=True)

    def work() -> str:
        judgements = judge_files(opened, deliveries.plan_folder(opened), key)
        return f"{len(judgements)} files"

    return _timed(work)


def _new_file(folder: str) -> Any:
    """Return a connection to a new DuckDB file with the settings of a build."""
    duckdb = importlib.import_module("duckdb")
    config = {
        "storage_compatibility_version": STORAGE,
        "memory_limit": os.environ.get("REGISTRY_MEMORY_LIMIT", "3GB"),
    }
    connection = duckdb.connect(f"{folder}/loaded.duckdb", config=config)
    connection.execute("set preserve_insertion_order = false")
    return connection


def measure_bare_load(delivery: Path) -> Rows:
    """Fill text tables with DuckDB's own reader: what writing the cells costs by itself."""
    with tempfile.TemporaryDirectory(dir=delivery.parent) as folder:

        def work() -> str:
            with _new_file(folder) as db:
                for export in EXPORTS:
                    file = str(delivery / f"{export}.csv")
                    db.execute(
                        f"create table {export} as select *, '{export}.csv' as source_file "
                        "from read_csv($file, all_varchar = true, header = true, delim = ',')",
                        {"file": file},
                    )
            return ""

        return _timed(work)


def measure_intake(delivery: Path) -> Rows:
    """Load a delivery into a new file, on the settings of a build."""
    loader = importlib.import_module("intake.loader")
    opened = importlib.import_module("intake.delivery").open_delivery(delivery, "")
    key = importlib.import_module("privacy.pseudonyms").load_key(is_synthetic=True)
    with tempfile.TemporaryDirectory(dir=delivery.parent) as folder:

        def work() -> str:
            with _new_file(folder) as db:
                loader.load_delivery(opened, key, db.cursor(), Path(folder))
                faulty = "select sum(n_records_faulty) from raw.delivery_files"
                return f"{db.execute(faulty).fetchone()[0]} bad records"

        return _timed(work)


def measure_gate(warehouse: Path) -> Rows:
    """Run every expectation on a built warehouse, as a first refresh does."""
    duckdb = importlib.import_module("duckdb")
    gate = importlib.import_module("expectations.gate")
    gather = importlib.import_module("expectations.facts").gather
    quality = importlib.import_module("refresh.quality")

    def work() -> str:
        with duckdb.connect(str(warehouse)) as db:
            quality.create_all(db)
            quality.fill_from_vault(db)
        report = gate.run(warehouse, gather(warehouse, None, {}, None))
        words = []
        for state in ("passed", "failed", "error", "not_applicable"):
            found = report.of_state(state)
            names = [f"{each.suite_name}.{each.expectation_code}" for each in found]
            is_named = state in ("failed", "error") and names
            words.append(
                f"{len(names)} {state.replace('_', ' ')}"
                + (f" ({', '.join(names)})" if is_named else "")
            )
        return ", ".join(words)

    return _timed(work)


def measure_analyses(warehouse: Path) -> Rows:
    """Hand over to the module that measures the analyses; no rows where there is none."""
    if importlib.util.find_spec("benchmarks.analyses_scale") is None:
        return []
    module = importlib.import_module("benchmarks.analyses_scale")
    return [_analysis_row(row) for row in module.run(warehouse)]


def _analysis_row(row: dict[str, Any]) -> dict[str, Any]:
    kind, name = row["part"], str(row.get("name") or "")
    if kind == "cox":
        text = row.get("skipped") or (
            f"R {row['r_s']:.2f} s, ours / R {row['ratio']:.2f}, "
            f"largest difference {row['largest_difference']:.1e}"
        )
        return {"name": f"Cox, {name} frame", "wall_seconds": row.get("ours_s", 0.0), "note": text}
    return {
        "name": name or kind,
        "wall_seconds": row["wall_s"],
        "cpu_seconds": row["cpu_s"],
        "peak_mib": row["peak_mib"],
        "note": f"marts read in {row['read_s']:.1f} s" if row.get("read_s") else "",
    }


MEASURES: dict[str, Callable[[Path], Rows]] = {
    "bytes": measure_bytes,
    "judging": measure_judging,
    "bare_load": measure_bare_load,
    "intake": measure_intake,
    "gate": measure_gate,
    "analyses": measure_analyses,
}


def main() -> None:
    """Measure one part and write its rows."""
    part, given, out = sys.argv[1:]
    rows = MEASURES[part](Path(given))
    Path(out).write_text(json.dumps(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
