"""Run ``dbt build`` into the work file, in a process of its own, and check that it was complete.

dbt's exit code is not enough: a build of nothing ends with 0, and so does a build whose last
checkpoint met a full disk. The tests that ran are counted against the tests that exist, and the
work file is checkpointed afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from core import files
from core.messages import Cause, cause_of, shown
from core.progress import Progress
from core.settings import Settings
from core.stop import ExitCode, Stop
from privacy.pseudonyms import KEY_FILE_VARIABLE
from refresh.dbt_process import DbtProcess

PARSE_CACHE = "partial_parse.msgpack"
BAD_STATUSES = {"error", "fail", "runtime error"}
BROKEN_RULE_COLUMNS = ["broken_rule", "column_name", "n_rows"]
"""Columns of a test whose rows say which rule was broken; they contain no value of a record."""
SHOWN_RULES = 5
SHOWN_FAILURES = 20


@dataclass(frozen=True)
class RanTests:
    """How many tests should have run, ran, and failed; models that failed beside them."""

    n_expected: int
    n_run: int
    n_failed: int
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class BuildResult:
    """What a build reports to the manifest."""

    tests: RanTests
    versions: dict[str, str]
    invocation_id: str = ""


def build(
    settings: Settings, progress: Progress, locks: tuple[int, ...], process: DbtProcess
) -> BuildResult:
    """Build the raw tables of the work file into marts.

    Parameters
    ----------
    settings : Settings
        Paths; the work folder is private and empty but for the loaded work file.
    progress : Progress
        Advances with every model and test that ended.
    locks : tuple of int
        Descriptors that dbt's process holds too.
    process : DbtProcess
        Started already, or not yet.

    Returns
    -------
    BuildResult

    Raises
    ------
    Stop
        When a model or test failed, a test did not run, or the disk ran out.
    """
    results, manifest, tests = _run(settings, progress, locks, process)
    require_all_tests(tests)
    checkpoint(settings.work_file)
    return BuildResult(
        tests,
        {"dbt": manifest["metadata"]["dbt_version"], "duckdb": duckdb.__version__},
        results["metadata"]["invocation_id"],
    )


def build_models(
    settings: Settings,
    models: Sequence[str],
    progress: Progress,
    locks: tuple[int, ...],
    process: DbtProcess,
) -> None:
    """Build some models with what they need into the work file; no test runs.

    Parameters
    ----------
    settings : Settings
        As for ``build``.
    models : sequence of str
        As dbt selects them.
    progress : Progress
    locks : tuple of int
        Descriptors that dbt's process holds too.
    process : DbtProcess
        Started already, or not yet.

    Raises
    ------
    Stop
        When a model failed or the disk ran out.
    """
    selected = ("--select", *models, "--exclude-resource-type", "test", "unit_test")
    _run(replace(settings, dbt_arguments=selected), progress, locks, process)


def _run(
    settings: Settings, progress: Progress, locks: tuple[int, ...], process: DbtProcess
) -> tuple[dict[str, Any], dict[str, Any], RanTests]:
    """Run dbt; return its results, its manifest and the tests, or stop where a step failed."""
    target = files.private_folder(settings.work / "target")
    cache = settings.vault / PARSE_CACHE
    for parsed in (cache, settings.root / "target" / PARSE_CACHE):
        if os.access(parsed, os.R_OK):
            shutil.copyfile(parsed, target / PARSE_CACHE)
            break
    arguments, environment = _order(settings, target)
    exit_code, messages = process.run(arguments, settings.vault, environment, locks, progress)
    if (target / PARSE_CACHE).exists():
        shutil.copyfile(target / PARSE_CACHE, cache)
        os.chmod(cache, 0o600)
    results = _load(target / "run_results.json")
    manifest = _load(target / "manifest.json")
    if results is None or manifest is None:
        cause = cause_of("\n".join(messages))
        raise Stop(cause.code, f"dbt did not get as far as building: {cause.text}", cause.todo)
    tests = count_tests(manifest, results, broken_rules(settings.work_file, results))
    if tests.failures or exit_code != 0:
        raise _failure(results, tests, messages)
    return results, manifest, tests


def _order(settings: Settings, target: Path) -> tuple[list[str], dict[str, str]]:
    """Return dbt's arguments and environment for a run in the vault.

    dbt's parse cache is valid only for the same path of the warehouse. Relative to the vault that
    path is the same in every vault, and the one of a bare ``dbt build``.
    """
    key_file = os.environ.get(KEY_FILE_VARIABLE)
    is_path = settings.mapping.endswith(".yml")
    environment = {
        "REGISTRY_WAREHOUSE": str(settings.work_file.relative_to(settings.vault)),
        "REGISTRY_DELIVERY": str(settings.delivery),
        "REGISTRY_MAPPING": os.path.abspath(settings.mapping) if is_path else settings.mapping,
        "REGISTRY_VAULT": str(settings.vault),
        **({KEY_FILE_VARIABLE: os.path.abspath(key_file)} if key_file else {}),
    }
    arguments = [
        "build",
        "--project-dir", str(settings.root), "--profiles-dir", str(settings.root),
        "--target-path", str(target), "--log-path", str(settings.work / "logs"),
        "--log-level-file", "none", *settings.dbt_arguments,
    ]  # fmt: skip
    return arguments, environment


def _load(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def broken_rules(file: Path, results: dict[str, Any]) -> dict[str, str]:
    """Run each failed test once more to find which rules were broken, and how often.

    Parameters
    ----------
    file : Path
        The built warehouse.
    results : dict
        dbt's run_results.json.

    Returns
    -------
    dict
        Id of a failed test -> for example ``keys of visit_id: 2 rows``. Tests that do not return
        rule, column and count are left out; so is everything when the file cannot be read.
    """
    failed = [
        result
        for result in results["results"]
        if result["status"] == "fail" and result.get("compiled_code")
    ]
    broken: dict[str, str] = {}
    if not failed:
        return broken
    try:
        with duckdb.connect(str(file), read_only=True) as db:
            for result in failed:
                found = db.execute(result["compiled_code"])
                if [column[0] for column in found.description or []] == BROKEN_RULE_COLUMNS:
                    broken[result["unique_id"]] = _describe_rules(found.fetchall())
    except duckdb.Error:
        pass  # dbt's own count of rows is shown in any case
    return broken


def _describe_rules(rows: list[tuple[Any, ...]]) -> str:
    lines = [f"{rule} of {shown(column, 80)}: {n} rows" for rule, column, n in rows[:SHOWN_RULES]]
    more = len(rows) - len(lines)
    return "; ".join(lines + ([f"and {more} more"] if more else []))


def count_tests(
    manifest: dict[str, Any], results: dict[str, Any], broken: dict[str, str] | None = None
) -> RanTests:
    """Count the data tests that exist, ran and failed; unit tests judge code, not a delivery.

    Parameters
    ----------
    manifest, results : dict
        dbt's manifest.json and run_results.json.
    broken : dict, optional
        Id of a failed test -> the rules that were broken.

    Returns
    -------
    RanTests
        ``failures`` has one line per failed test, model, seed or snapshot, without any value.
    """
    expected = {
        unique_id
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "test"
    }
    ran = {
        result["unique_id"]: result["status"]
        for result in results["results"]
        if result["unique_id"] in expected and result["status"] != "skipped"
    }
    bad = [result for result in results["results"] if result["status"] in BAD_STATUSES]
    return RanTests(
        len(expected),
        len(ran),
        sum(status in BAD_STATUSES for status in ran.values()),
        tuple(_failure_line(result, (broken or {}).get(result["unique_id"])) for result in bad),
    )


def _failure_line(result: dict[str, Any], broken: str | None) -> str:
    kind, _, name = result["unique_id"].split(".", 2)
    if broken:
        return f"{kind} {name}: {broken}"
    if result["status"] == "fail":
        n = result.get("failures")
        return f"{kind} {name}: fails" + (f" for {n} rows" if n else "")
    return f"{kind} {name}: {cause_of(result.get('message') or '').text}"


def _failure(results: dict[str, Any], tests: RanTests, messages: list[str]) -> Stop:
    causes: list[Cause] = [
        cause_of(result.get("message") or "")
        for result in results["results"]
        if result["status"] in BAD_STATUSES
    ] or [cause_of("\n".join(messages))]
    code = Counter(cause.code for cause in causes).most_common(1)[0][0]
    skipped = sum(result["status"] == "skipped" for result in results["results"])
    more = len(tests.failures) - SHOWN_FAILURES
    return Stop(
        code,
        f"the build failed: {len(tests.failures) or 1} of its steps ended in error, "
        f"{skipped} were skipped; nothing was published",
        causes[0].todo,
        "build_failed",
        tests.failures[:SHOWN_FAILURES] + ((f"and {more} more",) if more > 0 else ()),
    )


def require_all_tests(tests: RanTests) -> None:
    """Stop when a test that exists did not run."""
    if tests.n_expected == 0 or tests.n_run < tests.n_expected:
        raise Stop(
            ExitCode.CHECKS_FAILED,
            f"{tests.n_run} of {tests.n_expected} dbt tests ran; a test that did not run "
            "counts as failed, nothing was published",
            "run without a selection, and look for skipped or disabled tests",
            "tests_not_run",
        )


def checkpoint(file: Path) -> None:
    """Write everything of a DuckDB file into the file itself; stop when it does not fit."""
    try:
        with duckdb.connect(str(file)) as db:
            db.execute("force checkpoint")
    except duckdb.Error as error:
        cause = cause_of(str(error))
        raise Stop(cause.code, f"{file} could not be written: {cause.text}", cause.todo) from None
    if file.with_name(file.name + ".wal").exists():
        raise Stop(
            ExitCode.NO_ROOM,
            f"a write-ahead log remained beside {file}",
            "free disk space and run again; nothing was published",
        )
