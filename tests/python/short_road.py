"""A dbt build in one second: the SQL that dbt wrote for the demo, run on another delivery.

dbt itself takes ten seconds to start and to finish; its SQL takes one. What dbt left in its target
folder is run here in the same order: every model with its contract, then every data test.
`faults/test_short_road.py` shows that the tables are those of `dbt build`.

A delivery that differs from an earlier one in one file differs in few tables. A statement whose
tables are equal to those of the earlier warehouse gives what it gave there: its result is copied,
and a data test is not asked again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
from refresh.pack import content_of

ROOMS = ("staging", "quarantine", "cohort", "marts")
LARGE_TABLES_ONLY = (
    "build_side_probe_side", "column_lifetime", "common_subplan", "compressed_materialization",
    "duplicate_groups", "join_elimination", "join_filter_pushdown", "late_materialization",
    "limit_pushdown", "row_group_pruner", "sampling_pushdown", "sum_rewriter", "top_n",
    "top_n_window_elimination", "window_self_join",
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
        A warehouse that these statements built before; equal tables are copied from it.
    """

    demo: Path
    models: tuple[Statement, ...]
    tests: tuple[Statement, ...]
    earlier: Path | None = None
    _contents: dict[tuple[str, str], str] = field(default_factory=dict, init=False, repr=False)

    def build(self, settings: Settings, progress: Progress, locks: tuple[int, ...]) -> BuildResult:
        """Build the raw tables of the work file into marts; a step of a refresh."""
        del progress, locks
        with duckdb.connect(str(settings.work_file)) as db:
            db.execute(f"attach '{self.demo}' as demo (read_only)")
            db.execute("begin; create schema reference")
            seeds = tables_of(db, "demo", "reference")
            for table in seeds:
                db.execute(f'create table reference."{table}" as from demo.reference."{table}"')
            db.execute("commit")
            failures = [
                f"test {name}: fails for {n} rows"
                for name, n in self.run(db, {("reference", table) for table in seeds}).items()
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
        self, db: duckdb.DuckDBPyConnection, equal_seeds: set[tuple[str, str]] | None = None
    ) -> dict[str, int]:
        """Build the raw tables and seeds of a connected warehouse into marts, afresh.

        Parameters
        ----------
        db : duckdb connection
            To a file called ``warehouse``.
        equal_seeds : set, optional
            Those known to be equal to the earlier ones; default: all are compared.

        Returns
        -------
        dict
            Data test that fails -> rows for which it fails.
        """
        db.execute("set timezone = 'UTC'; set threads = 1")
        db.execute(f"set disabled_optimizers = '{','.join([*LARGE_TABLES_ONLY, 'cte_inlining'])}'")
        # To choose a compression for a hundred small tables takes as long as half of the models.
        db.execute("set force_compression = 'uncompressed'")
        if self.earlier:
            db.execute(f"attach '{self.earlier}' as earlier (read_only)")
        for room in ROOMS:
            db.execute(f"drop schema if exists {room} cascade")
        db.execute("begin")
        for room in ROOMS:
            db.execute(f"create schema {room}")
        equal = set(equal_seeds or ())
        for schema in ("raw",) if equal_seeds else ("raw", "reference"):
            equal |= {each for each in self._shared_tables(db, schema) if self._is_equal(db, each)}
        for model in self.models:
            if self._make(db, model, equal):
                equal.add(model.relation)
        db.execute("commit")
        db.execute(f"set disabled_optimizers = '{','.join(LARGE_TABLES_ONLY)}'")
        failing = {
            test.relation[1]: n
            for test in self.tests
            if not self._gives_what_it_gave(test, equal)
            and (n := db.execute(test.sql).fetchone()[0])
        }
        if self.earlier:
            db.execute("detach earlier")
        return failing

    def _make(self, db, model: Statement, equal: set[tuple[str, str]]) -> bool:
        """Make the table of a model; return whether it is equal to the earlier one."""
        if self._gives_what_it_gave(model, equal):
            name = f'{model.relation[0]}."{model.relation[1]}"'
            db.execute(
                model.sql if model.is_view else f"create table {name} as from earlier.{name}"
            )
            return True
        db.execute(model.sql)
        return self._is_equal(db, model.relation)

    def _gives_what_it_gave(self, statement: Statement, equal: set[tuple[str, str]]) -> bool:
        return self.earlier is not None and equal.issuperset(statement.parents)

    def _shared_tables(self, db, schema: str) -> list[tuple[str, str]]:
        if self.earlier is None:
            return []
        both = set(tables_of(db, "earlier", schema)) & set(tables_of(db, "warehouse", schema))
        return [(schema, table) for table in sorted(both)]

    def _is_equal(self, db, relation: tuple[str, str]) -> bool:
        """Compare the rows and columns of a table with those of the earlier warehouse."""
        if self.earlier is None:
            return False
        if relation not in self._contents:
            self._contents[relation] = content_of(db, "earlier", *relation).row_hash
        return content_of(db, "warehouse", *relation).row_hash == self._contents[relation]


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
    return build(settings, progress, locks)
