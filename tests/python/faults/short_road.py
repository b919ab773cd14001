"""A dbt build in one second: the SQL that dbt wrote for the demo, run on another delivery.

dbt itself takes ten seconds to start and to finish; its SQL takes one. What dbt left in its target
folder is run here in the same order: every model with its contract, then every data test.
`test_short_road.py` shows that the tables are those of `dbt build`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from builds import Build, tables_of

from core.progress import Progress
from core.settings import Settings
from refresh.build import BuildResult, RanTests, build

ROOMS = ("staging", "quarantine", "cohort", "marts")
BuildStep = Callable[[Settings, Progress, tuple[int, ...]], BuildResult]


@dataclass(frozen=True)
class ShortRoad:
    """The statements of one finished dbt build.

    Attributes
    ----------
    demo : Path
        The warehouse of that build; its seeds are copied.
    models : tuple of (str, str)
        Name and statement of every model, parents first.
    tests : tuple of (str, str)
        Name and query of every data test; the query counts what fails.
    """

    demo: Path
    models: tuple[tuple[str, str], ...]
    tests: tuple[tuple[str, str], ...]

    def build(self, settings: Settings, progress: Progress, locks: tuple[int, ...]) -> BuildResult:
        """Build the raw tables of the work file into marts; a step of a refresh."""
        del progress, locks
        with duckdb.connect(str(settings.work_file)) as db:
            db.execute("set timezone = 'UTC'; set threads = 1")
            # Half of the time is planning the base models, which takes less without it.
            db.execute("set disabled_optimizers = 'cte_inlining'")
            db.execute(f"attach '{self.demo}' as demo (read_only)")
            db.execute("begin")
            for room in (*ROOMS, "reference"):
                db.execute(f"create schema {room}")
            for table in tables_of(db, "demo", "reference"):
                db.execute(f'create table reference."{table}" as from demo.reference."{table}"')
            for _, statement in self.models:
                db.execute(statement)
            db.execute("commit")
            failures = [
                f"test {name}: fails for {n} rows"
                for name, query in self.tests
                if (n := db.execute(query).fetchone()[0])
            ]
        n_tests = len(self.tests)
        return BuildResult(RanTests(n_tests, n_tests, len(failures), tuple(failures)), {})


def from_build(demo_build: Build) -> ShortRoad:
    """Read the statements that a finished build of the demo left in its target folder."""
    manifest = demo_build.manifest
    nodes = manifest["nodes"]
    order: list[str] = []

    def visit(unique_id: str) -> None:
        if unique_id in order or nodes.get(unique_id, {}).get("resource_type") != "model":
            return
        for parent in sorted(manifest["parent_map"][unique_id]):
            visit(parent)
        order.append(unique_id)

    for unique_id in sorted(nodes):
        visit(unique_id)
    run = demo_build.target / "run" / manifest["metadata"]["project_name"]
    models = tuple((nodes[each]["name"], _statement(run, nodes[each])) for each in order)
    tests = tuple(
        (node["name"], f"select {node['config']['fail_calc']} from ({node['compiled_code']})")
        for _, node in sorted(nodes.items())
        if node["resource_type"] == "test"
    )
    return ShortRoad(demo_build.warehouse, models, tests)


def _statement(run: Path, node: dict) -> str:
    """Return the statement that dbt ran, with the final name in place of its temporary one."""
    return (run / node["original_file_path"]).read_text().replace('__dbt_tmp"', '"')


def through_dbt(settings: Settings, progress: Progress, locks: tuple[int, ...]) -> BuildResult:
    """Build with dbt itself, as a refresh does; the slow form of `ShortRoad.build`."""
    return build(settings, progress, locks)
