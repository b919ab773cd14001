"""The demo as one wide sheet holds the same facts as its five files."""

from __future__ import annotations

import datetime

import duckdb
import pytest
from intake_deliveries import KEY
from wide_demo import BLOCKS, FORM, demo_records, write_wide_demo

from intake.contract import EXPORTS
from intake.delivery import open_delivery
from intake.loader import load_delivery
from intake.rewriting import iso_date
from intake.uses import CellForm

Fact = tuple[tuple[str, str], ...]


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wide_demo") / "delivery"
    mapping = write_wide_demo(folder)
    connection = duckdb.connect()
    load_delivery(open_delivery(folder, str(mapping)), KEY, connection)
    return connection


def fact(export: str, record: dict[str, str | None], form: CellForm) -> Fact:
    """Return what a record says, whatever the form in which it is written."""
    kinds = {column.name: column.kind for column in EXPORTS[export]}
    return tuple(
        (name, meaning(kinds[name], text.strip(), form))
        for name, text in sorted(record.items())
        if text and text.strip()
    )


def meaning(kind: str, text: str, form: CellForm) -> str:
    if kind == "date":
        iso = iso_date(text, form)
        try:
            datetime.date.fromisoformat((iso or "?") + "2000-01-01"[len(iso or "") :])
        except ValueError:
            return "no date"  # in either form: staging refuses it
        return iso or "no date"
    return text.replace(form.decimal_mark, ".") if kind == "score" else text


@pytest.mark.parametrize("export", ["patients", *BLOCKS])
def test_the_wide_demo_has_the_records_of_the_demo(wide, export):
    known = {record["patient_id"] for record in demo_records("patients")}
    expected = sorted(
        fact(export, dict(record), CellForm(partial_dates=True))
        for record in demo_records(export)
        if record["patient_id"] in known
    )
    names = [column.name for column in EXPORTS[export]]
    found = wide.execute(
        f"select {', '.join(names)} from raw.{export} where record_fault is null"
    ).fetchall()
    read = sorted(fact(export, dict(zip(names, row, strict=True)), FORM) for row in found)
    assert len(read) > 200
    assert read == expected


def test_every_record_of_the_wide_demo_is_in_the_ledger(wide):
    for export in EXPORTS:
        counted = wide.execute(
            f"select source_file, count(*) from raw.{export} group by all order by all"
        ).fetchall()
        stated = wide.execute(
            "select source_file, n_records_read from raw.delivery_files "
            "where export_name = ? and n_records_read > 0 order by all",
            [export],
        ).fetchall()
        assert counted == stated
