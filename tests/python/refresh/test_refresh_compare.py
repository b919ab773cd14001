"""The comparison of two tables agrees with a plain one in Python over random changes."""

from __future__ import annotations

import random

import duckdb
import pytest

from refresh import publish_rules, quality
from refresh.compare_tables import Side, compare_table

COLUMNS = ("patient_id", "visit", "score", "word", "source_file")
KEY = ("patient_id", "visit")


def table(db, name: str, rows: dict) -> None:
    """Write rows in random order; the file they came from is not compared."""
    db.execute(
        f"create or replace table {name} (patient_id varchar, visit integer, score double, "
        "word varchar, source_file varchar)"
    )
    listed = [[*key, *values, name] for key, values in rows.items()]
    random.Random(len(listed)).shuffle(listed)
    if listed:
        db.executemany(f"insert into {name} values (?, ?, ?, ?, ?)", listed)


def random_rows(chance: random.Random, n: int) -> dict:
    return {
        (f"P{i // 3}", chance.choice([None, 0, 1]) if i % 7 == 0 else i): (
            chance.choice([None, 1.5, 2.5]),
            chance.choice([None, "a", "b"]),
        )
        for i in range(n)
    }


def change(chance: random.Random, rows: dict) -> dict:
    after = {}
    for key, (score, word) in rows.items():
        what = chance.random()
        if what < 0.1:
            continue
        after[key] = (3.5 if what < 0.2 else score, "c" if 0.15 < what < 0.3 else word)
    return after | {(f"Q{i}", None): (1.0, None) for i in range(chance.randrange(4))}


def counted(before: dict, after: dict) -> set[tuple]:
    """Count changes with dictionaries: (column, change) to records and patients."""
    found: dict[tuple, list] = {}

    def note(column, kind, key):
        found.setdefault((column, kind), []).append(key[0])

    for key in before.keys() | after.keys():
        if key not in before or key not in after:
            note(None, "added" if key not in before else "vanished", key)
            continue
        if before[key] != after[key]:
            note(None, "changed", key)
        for column, old, new in zip(("score", "word"), before[key], after[key], strict=True):
            if old != new:
                note(column, "changed", key)
            if old != new and None not in (old, new):
                note(column, "recoded", key)
    both = {key[0] for key in before} & {key[0] for key in after}
    return {(*what, len(who), len(set(who)), len(both)) for what, who in found.items()}


@pytest.fixture
def db():
    with duckdb.connect(":memory:") as connection:
        quality.create_all(connection)
        connection.execute(
            "create temp table row_changes "
            "(patient_id varchar, n_added bigint, n_vanished bigint, n_changed bigint)"
        )
        yield connection


def compared(db, comparison="mart") -> tuple[bool, set[tuple]]:
    db.execute("delete from quality.changes")
    sides = (Side("memory", "main", name) for name in ("before_rows", "after_rows"))
    differs = compare_table(db, *sides, KEY, comparison=comparison)
    rows = db.execute("select * exclude (comparison_code, table_name) from quality.changes")
    return differs, set(rows.fetchall())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("comparison", ["mart", "export"])
def test_every_change_is_counted_once_in_its_column(db, seed, comparison):
    chance = random.Random(seed)
    before = random_rows(chance, 60)
    after = change(chance, before)
    table(db, "before_rows", before)
    table(db, "after_rows", after)
    assert compared(db, comparison) == (True, counted(before, after))


def flags(db, name: str, values: list) -> None:
    """Write one patient per value: a flag, and a code that follows from it."""
    db.execute(
        f"create or replace table {name} (patient_id varchar, visit integer, has_asthma boolean, "
        "drug_code varchar, stop_reason_code varchar, note varchar)"
    )
    rows = [
        [f"P{i}", 1, value, {True: "a", False: "none"}.get(value), str(value), str(value)]
        for i, value in enumerate(values)
    ]
    db.executemany(f"insert into {name} values (?, ?, ?, ?, ?, ?)", rows)


def test_a_replaced_value_is_counted_among_the_patients_who_had_one(db):
    flags(db, "before_rows", [True, True, True, False, False, None, True])
    flags(db, "after_rows", [True, False, None, True, True, True])
    replaced = {row for row in compared(db)[1] if row[1] == "replaced"}
    # P1 lost it; P2 and P6 became unknown or vanished; three gained it. P6 is not compared.
    assert replaced == {("has_asthma", "replaced", 1, 1, 3), ("drug_code", "replaced", 1, 1, 3)}


def test_an_emptied_value_is_counted_among_the_patients_who_had_one(db):
    flags(db, "before_rows", [True, False, True, None, True])
    flags(db, "after_rows", [None, None, True, None])
    emptied = {row for row in compared(db)[1] if row[1] == "emptied" and row[0] == "has_asthma"}
    # P0 and P1 lost it; P3 had none before; P4 vanished and is not compared.
    assert emptied == {("has_asthma", "emptied", 2, 2, 3)}


@pytest.mark.parametrize(
    ("table_name", "n_patients", "n_held", "stops_it"),
    [
        ("dim_patients", 8, 20, True),
        ("dim_patients", 5, 20, False),
        ("dim_patients", 4, 4, False),
        ("fct_treatment_algorithm", 8, 20, False),
    ],
)
def test_a_rare_code_is_judged_by_the_patients_who_have_it(
    db, table_name, n_patients, n_held, stops_it
):
    db.execute(
        "insert into quality.changes values ('mart', ?, 'has_prior_drug', 'recoded', ?, ?, 1000), "
        "('mart', ?, 'has_prior_drug', 'replaced', ?, ?, ?)",
        [table_name, n_patients, n_patients, table_name, n_patients, n_patients, n_held],
    )
    findings = publish_rules.about_changes(db)
    assert [finding.rule for finding in findings] == (["recode"] if stops_it else [])
    if stops_it:
        assert "has_prior_drug became another value for 8 of the 20 patients" in findings[0].text


def test_a_column_that_breaks_both_rules_is_reported_once(db):
    for kind in ("recoded", "replaced"):
        db.execute(
            "insert into quality.changes values ('mart', 'dim_patients', 'sex_code', ?, 9, 9, 18)",
            [kind],
        )
    assert len(publish_rules.about_changes(db)) == 1


def test_equal_rows_in_another_order_and_of_another_file_are_no_change(db):
    rows = random_rows(random.Random(1), 40)
    table(db, "before_rows", rows)
    table(db, "after_rows", dict(reversed(rows.items())))
    assert compared(db) == (False, set())


def test_a_column_that_changed_its_type_but_not_its_values_is_no_change(db):
    rows = random_rows(random.Random(2), 40)
    table(db, "before_rows", rows)
    table(db, "after_rows", rows)
    db.execute("alter table after_rows alter score type decimal(4, 1)")
    assert compared(db)[1] == set()


def test_a_key_that_an_export_repeats_is_compared_once(db):
    rows = {("P1", 1): (1.5, "a"), ("P2", 1): (2.5, "b")}
    table(db, "before_rows", rows)
    table(db, "after_rows", rows | {("P2", 1): (3.5, "b")})
    for name in ("before_rows", "after_rows"):
        db.execute(f"insert into {name} select * from {name}")
    assert compared(db, "export") == (
        True,
        {
            (None, "changed", 1, 1, 2),
            ("score", "changed", 1, 1, 2),
            ("score", "recoded", 1, 1, 2),
        },
    )
