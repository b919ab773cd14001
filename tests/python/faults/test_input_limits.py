"""A cell of ten megabytes, two thousand columns, a million bad records: bounded memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from builds import ROOT
from own_faults import OwnFault, make_own

MEGABYTE = 1 << 20
CHECK = """
import resource, sys
from pathlib import Path
from intake.check import check
usual = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
report = check(Path(sys.argv[1]))
print(report.lines)
code = int(report.is_refused)
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
scale = 1 if sys.platform == "darwin" else 1024
print(f"code {code}, grown by {(most - usual) * scale} bytes")
"""
"""Judges a delivery in a process of its own, whose largest size is then that of the judging."""


def check(folder: Path) -> tuple[int, int, str]:
    """Return 1 for a refused delivery, growth of the process in bytes, and what was printed."""
    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    last = done.stdout.splitlines()[-1].split()
    return int(last[1].rstrip(",")), int(last[4]), done.stdout + done.stderr


def long_cell(bench) -> None:
    row = bench.pick("visits", 1, "visit_id")[0]
    bench.put("visits", row, "nominal_timepoint", "x" * 10_000_000)


def many_columns(bench) -> None:
    table = bench.tables["visits"]
    table.header += [f"extra {number}" for number in range(2000)]
    for row in table.rows:
        row.extend(["x"] * 2000)


def million_fields(bench) -> None:
    header = bench.text("visits").partition("\n")[0]
    bench.write_bytes("visits", (header + "\n" + "a,b\n" * 1_000_000).encode())


@pytest.mark.parametrize(
    ("make", "words", "most"),
    [
        (long_cell, "", 150),
        (many_columns, "", 150),
        (million_fields, "20001 of the first 20001 records are faulty", 600),
    ],
)
def test_large_input_is_judged_in_bounded_memory(make, words, most, clean, tmp_path):
    make_own(OwnFault(make, ""), clean, tmp_path / "delivery")
    code, grown, said = check(tmp_path / "delivery")
    assert code == (1 if words else 0)
    assert words in said
    assert grown < most * MEGABYTE
    assert "xxxx" not in said


@pytest.mark.parametrize(("make", "rules"), [(long_cell, {"cell_too_long"}), (many_columns, set())])
def test_large_input_costs_nobody_else_anything(make, rules, track, tmp_path):
    make_own(OwnFault(make, ""), track.clean, tmp_path / "delivery")
    ending = track.go(tmp_path / "delivery", tmp_path, "load")
    assert ending.stop is None
    assert set(ending.rules) == rules
    assert ending.ledger["visits.csv"]["n_records_quarantined"] == len(rules)


def test_many_refused_records_stop_with_their_number(track, tmp_path):
    """100,000 here; a million take 23 s of a processor and 1.3 GB above the start."""

    def orphans(bench) -> None:
        table = bench.tables["visits"]
        days = [row[table.place("visit_date")] for row in table.rows]
        for number in range(100_000):
            bench.append(
                "visits",
                visit_id=f"N{number}",
                patient_id="nobody",
                visit_date=days[number % len(days)],
                easi_score="99.9",
            )

    make_own(OwnFault(orphans, ""), track.clean, tmp_path / "delivery")
    ending = track.go(tmp_path / "delivery", tmp_path, "reject_file")
    assert "export_visits.patient" in ending.failed
    assert ending.rules == {"orphan": 100_000, "out_of_range": 100_000}
    line = ending.ledger["visits.csv"]
    assert line["n_records_quarantined"] == line["n_records_read"] - line["n_records_staged"]
    assert line["n_records_quarantined"] == 100_000
