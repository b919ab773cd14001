"""Other tools on the published file: SQLAlchemy, the oldest and the newest DuckDB."""

from __future__ import annotations

import os
import subprocess
import sys

import invented
import pytest
import sqlalchemy
from other_duckdb import RELEASES, read_with

from refresh.store import versions


def engine_for(settings):
    return sqlalchemy.create_engine(
        f"duckdb:///{settings.current}?access_mode=READ_ONLY"
        "&enable_external_access=false&lock_configuration=true&threads=1"
    )


def test_sqlalchemy_lists_tables_with_their_descriptions(published):
    engine = engine_for(published)
    try:
        inspector = sqlalchemy.inspect(engine)
        names = [name.split(".")[-1] for name in inspector.get_schema_names()]
        assert {"marts", "results", "quality", "metadata"} <= set(names)
        assert "dim_patients" in inspector.get_table_names(schema="marts")
        comment = inspector.get_table_comment("dim_patients", schema="marts")["text"]
        assert comment.startswith("One row per enrolled patient")
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "create table marts.t (n integer)",
        "delete from marts.dim_patients",
        "copy marts.dim_patients to 'out.csv'",
        "select * from read_csv('delivery/visits.csv')",
        "set enable_external_access = true",
    ],
)
def test_sqlalchemy_can_neither_write_nor_leave_the_file(published, statement):
    engine = engine_for(published)
    try:
        with engine.connect() as connection, pytest.raises(sqlalchemy.exc.SQLAlchemyError):
            connection.execute(sqlalchemy.text(statement))
    finally:
        engine.dispose()


def test_a_tool_that_reconnects_after_a_refresh_sees_the_new_version(published):
    count = sqlalchemy.text("select count(*) from marts.dim_patients")
    engine = engine_for(published)
    with engine.connect() as connection:
        assert connection.execute(count).scalar() == 20
        (published.delivery / "visits.csv").write_text("next")
        invented.refresh(published, invented.Shape(n_patients=22, load_id="load-2"))
        assert connection.execute(count).scalar() == 20
    engine.dispose()
    again = engine_for(published)
    with again.connect() as connection:
        assert connection.execute(count).scalar() == 22
    again.dispose()


WRITE_AND_DIE = """
import os, signal, sys
import duckdb
db = duckdb.connect(sys.argv[1])
db.execute("set wal_autocheckpoint = '1TB'")
db.execute("create table marts.scribble as select range as n from range(1000)")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_tool_that_was_killed_while_writing_does_not_break_the_next_version(published):
    served = versions.served(published)
    os.chmod(served, 0o644)  # a tool that runs as the owner and ignores the mode
    killed = subprocess.run([sys.executable, "-c", WRITE_AND_DIE, served], check=False)
    assert killed.returncode == -9
    assert served.with_name(served.name + ".wal").exists()
    (published.delivery / "visits.csv").write_text("next")
    invented.refresh(published, invented.Shape(n_patients=22, load_id="load-2"))
    engine = engine_for(published)
    with engine.connect() as connection:
        assert (
            connection.execute(sqlalchemy.text("select count(*) from marts.dim_patients")).scalar()
            == 22
        )
        assert (
            connection.execute(
                sqlalchemy.text(
                    "select count(*) from duckdb_tables() where table_name = 'scribble'"
                )
            ).scalar()
            == 0
        )
    engine.dispose()


@pytest.mark.fault("P230")
@pytest.mark.parametrize("release", RELEASES)
def test_another_duckdb_reads_every_row_and_every_description(published, release):
    version, n_tables, n_columns, n_described = read_with(release, published.current)
    assert version == release
    assert int(n_tables) > 10
    assert int(n_columns) >= int(n_described) > 50
