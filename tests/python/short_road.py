"""A dbt build in one second: the SQL that dbt wrote for the demo, run on another delivery.

dbt itself takes ten seconds to start and to finish; its SQL takes one. What dbt left in its target
folder is run here in the same order: every model with its contract, then every data test.
`faults/test_short_road.py` shows that the tables are those of `dbt build`.

A delivery that differs from an earlier one in one file differs in few tables. So a build starts
from a copy of the earlier warehouse: a statement whose tables are equal to those there gives what
it gave, its table is left, and a data test is not asked again.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import duckdb
from builds import Build, tables_of

from core.progress import Progress
from core.settings import Settings
from intake.delivery import Delivery
from intake.loader import load_delivery
from privacy.pseudonyms import PseudonymKey
from refresh.build import BuildResult, RanTests, build
from refresh.dbt_process import DbtProcess
from refresh.store.pack import content_of

ROOMS = ("staging", "quarantine", "cohort", "marts")
LARGE_TABLES_ONLY = (
    "build_side_probe_side", "column_lifetime", "common_subplan", "compressed_materialization",
    "duplicate_groups", "join_elimination", "join_filter_pushdown", "join_order",
    "late_materialization", "limit_pushdown", "row_group_pruner", "sampling_pushdown",
    "sum_rewriter", "top_n", "top_n_window_elimination", "window_self_join",
)  # fmt: skip
"""Optimizers of DuckDB that help with large tables; with small ones planning takes most time."""


@dataclass(frozen=True)
class Statement:
    """One model or data test.

    Attributes
    ----------
    relation : tuple of (str, str)
        Schema and name of a model; of a test, its name comes second.
    sql : str
        What dbt ran; a test's query counts what fails.
    parents : tuple of (str, str)
        The tables it reads.
    is_view : bool
        Whether a model is a view.
    """

    relation: tuple[str, str]
    sql: str
    parents: tuple[tuple[str, str], ...]
    is_view: bool = False


@dataclass(frozen=True)
class ShortRoad:
    """The statements of one finished dbt build.

    Attributes
    ----------
    demo : Path
        The warehouse of that build; its seeds are copied.
    models : tuple of Statement
        Parents first.
    tests : tuple of Statement
    earlier : Path, optional
        A warehouse that these statements built before.
    """

    demo: Path
    models: tuple[Statement, ...]
    tests: tuple[Statement, ...]
    earlier: Path | None = None

    def build(self, settings: Settings, progress: Progress, locks: tuple[int, ...]) -> BuildResult:
        """Build the raw tables of the work file into marts; a step of a refresh."""
        del progress, locks
        if self.earlier:
            loaded = settings.work_file.rename(settings.work_file.with_name("loaded.duckdb"))
            shutil.copyfile(self.earlier, settings.work_file)
        with duckdb.connect(str(settings.work_file)) as db:
            if self.earlier:
                db.execute(f"attach '{loaded}' as loaded (read_only)")
                differing = self._take_raw_tables(db)
                db.execute("detach loaded")
            else:
                db.execute(f"attach '{self.demo}' as demo (read_only)")
                db.execute("begin; create schema reference")
                for table in tables_of(db, "demo", "reference"):
                    db.execute(f'create table reference."{table}" as from demo.reference."{table}"')
                db.execute("commit")
                differing = None
            failures = [
                f"test {name}: fails for {n} rows" for name, n in self.run(db, differing).items()
            ]
        n_tests = len(self.tests)
        return BuildResult(RanTests(n_tests, n_tests, len(failures), tuple(failures)), {})

    def build_delivery(self, delivery: Delivery, key: PseudonymKey, file: Path) -> Path:
        """Load a delivery into a new file called ``warehouse.duckdb`` and build it.

        Raises
        ------
        AssertionError
            A data test failed.
        """
        with duckdb.connect(str(file)) as db:
            load_delivery(delivery, key, db.cursor())
        result = self.build(SimpleNamespace(work_file=file), None, ())
        assert result.tests.n_failed == 0, result.tests.failures
        return file

    def run(
        self, db: duckdb.DuckDBPyConnection, differing: set[tuple[str, str]] | None = None
    ) -> dict[str, int]:
        """Build the raw tables and seeds of a connected warehouse into marts.

        Parameters
        ----------
        db : duckdb connection
            To a file called ``warehouse``; a copy of the earlier one, with other raw tables or
            seeds, where there is an earlier one.
        differing : set, optional
            Raw tables and seeds that are not those of the earlier one; default: all are compared.

        Returns
        -------
        dict
            Data test that fails -> rows for which it fails.
        """
        db.execute("set timezone = 'UTC'; set threads = 1")
        db.execute(f"set disabled_optimizers = '{','.join([*LARGE_TABLES_ONLY, 'cte_inlining'])}'")
        # To choose a compression for a hundred small tables takes as long as half of the models.
        db.execute("set force_compression = 'uncompressed'")
        db.execute("begin")
        if self.earlier is None:
            for room in ROOMS:
                db.execute(f"create schema {room}")
        elif differing is None:
            sources = [name for name in self._contents if name[0] in ("raw", "reference")]
            differing = {each for each in sources if not self._is_equal(db, "warehouse", each)}
        else:
            differing = set(differing)
        for model in self.models:
            if self._must_run(model, differing):
                if self.earlier is None:
                    db.execute(model.sql)
                elif self._differs_when_made(db, model):
                    differing.add(model.relation)
        db.execute("commit")
        db.execute(f"set disabled_optimizers = '{','.join(LARGE_TABLES_ONLY)}'")
        return {
            test.relation[1]: n
            for test in self.tests
            if self._must_run(test, differing) and (n := db.execute(test.sql).fetchone()[0])
        }

    @cached_property
    def _contents(self) -> dict[tuple[str, str], str]:
        """The content hash of every table and view of the earlier warehouse."""
        with duckdb.connect(str(self.earlier), read_only=True) as db:
            found = db.execute(
                "select schema_name, table_name from duckdb_tables() where not internal "
                "union all select schema_name, view_name from duckdb_views() where not internal"
            ).fetchall()
            return {name: content_of(db, "warehouse", *name).row_hash for name in found}

    def _must_run(self, statement: Statement, differing: set[tuple[str, str]] | None) -> bool:
        return differing is None or not differing.isdisjoint(statement.parents)

    def _take_raw_tables(self, db) -> set[tuple[str, str]]:
        """Take over the loaded raw tables that differ; return which do."""
        tables = [("raw", table) for table in tables_of(db, "loaded", "raw")]
        assert {name for name in self._contents if name[0] == "raw"} == set(tables)
        differing = {each for each in tables if not self._is_equal(db, "loaded", each)}
        db.execute("begin")
        for _, table in sorted(differing):
            db.execute(f'create or replace table raw."{table}" as from loaded.raw."{table}"')
        db.execute("commit")
        return differing

    def _differs_when_made(self, db, model: Statement) -> bool:
        """Make the table of a model anew; return whether it differs from the earlier one."""
        if not model.is_view:
            db.execute('drop table "{}"."{}"'.format(*model.relation))
            db.execute(model.sql)
        return not self._is_equal(db, "warehouse", model.relation)

    def _is_equal(self, db, catalog: str, relation: tuple[str, str]) -> bool:
        """Compare the rows and columns of a table with those of the earlier warehouse."""
        return content_of(db, catalog, *relation).row_hash == self._contents[relation]


def from_build(demo_build: Build) -> ShortRoad:
    """Read the statements that a finished build of the demo left in its target folder."""
    manifest = demo_build.manifest
    nodes = manifest["nodes"]
    tables = nodes | manifest["sources"]
    order: list[str] = []

    def visit(unique_id: str) -> None:
        if unique_id in order or nodes.get(unique_id, {}).get("resource_type") != "model":
            return
        for parent in sorted(manifest["parent_map"][unique_id]):
            visit(parent)
        order.append(unique_id)

    def relation(unique_id: str) -> tuple[str, str]:
        table = tables[unique_id]
        return table["schema"], table.get("identifier") or table["alias"]

    def parents(node: dict) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(relation(parent) for parent in node["depends_on"]["nodes"]))

    for unique_id in sorted(nodes):
        visit(unique_id)
    run = demo_build.target / "run" / manifest["metadata"]["project_name"]
    models = tuple(
        Statement(
            relation(each),
            (run / nodes[each]["original_file_path"]).read_text(),
            parents(nodes[each]),
            nodes[each]["config"]["materialized"] == "view",
        )
        for each in order
    )
    tests = tuple(
        Statement(
            ("test", node["name"]),
            f"select {node['config']['fail_calc']} from ({node['compiled_code']})",
            parents(node),
        )
        for _, node in sorted(nodes.items())
        if node["resource_type"] == "test"
    )
    return ShortRoad(demo_build.warehouse, models, tests)


def through_dbt(settings: Settings, progress: Progress, locks: tuple[int, ...]) -> BuildResult:
    """Build with dbt itself, as a refresh does; the slow form of `ShortRoad.build`."""
    return build(settings, progress, locks, DbtProcess())
