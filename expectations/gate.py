"""Run every suite with Great Expectations on DuckDB and count what came back.

Files are read through SQLAlchemy, read-only; no table is pulled into Python. Marts are judged in
place, exports on the flags that `expectations.flags` derives from their text. Only counts leave the
engine: unexpected values are excluded, and an exception is reported by its kind, because its words
may quote a cell.
"""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["GX_ANALYTICS_ENABLED"] = "false"

import duckdb
import great_expectations as gx
from great_expectations import expectations as gxe
from great_expectations.data_context.types.base import ProgressBarsConfig

from expectations import flags
from expectations.catalogue import all_suites
from expectations.facts import Facts
from expectations.outcomes import (
    ERROR,
    FAILED,
    NOT_APPLICABLE,
    PASSED,
    CheckOutcome,
    CheckReport,
)
from expectations.rules import Rule, Suite

RESULT_FORMAT = {
    "result_format": "BASIC",
    "exclude_unexpected_values": True,
    "partial_unexpected_count": 0,
}
SCRATCH = "expectations.duckdb"
ENGINE_ARGUMENTS = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}


def run(work_file: Path, facts: Facts, suites: list[Suite] | None = None) -> CheckReport:
    """Judge a built work file at both doors.

    Parameters
    ----------
    work_file : Path
        The DuckDB file, closed; opened read-only here and released again.
    facts : Facts
        What volumes, dates and means are compared with.
    suites : list of Suite, optional
        Defaults to the whole catalogue.

    Returns
    -------
    CheckReport
        One outcome per rule; ``n_expected`` is counted from the catalogue, not from what ran.
    """
    chosen = all_suites(facts) if suites is None else suites
    n_expected = sum(len(suite.rules) for suite in chosen)
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    scratch = work_file.with_name(SCRATCH)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            outcomes = _judge_both_doors(work_file, scratch, chosen)
        finally:
            scratch.unlink(missing_ok=True)
    return CheckReport(tuple(outcomes), n_expected)


def _judge_both_doors(work_file: Path, scratch: Path, suites: list[Suite]) -> list[CheckOutcome]:
    """Judge exports on the flags derived from them, and marts where they are."""
    scratch.unlink(missing_ok=True)
    exports = [suite for suite in suites if suite.door == "export"]
    failed = flags.derive(work_file, exports, scratch)
    derived = [
        replace(suite, query=f'select * from "{suite.name}"')
        for suite in exports
        if suite.name not in failed
    ]
    outcomes = {
        suite.name: [_outcome(suite, rule, ERROR, cause=failed[suite.name]) for rule in suite.rules]
        for suite in exports
        if suite.name in failed
    }
    marts = [suite for suite in suites if suite.door != "export"]
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    for file, part in ((scratch, derived), (work_file, marts)):
        if part:
            filled = _filled_rows(file, part)
            source = _open(context, file)
            try:
                outcomes |= {
                    suite.name: _judge(source, suite, filled[suite.name]) for suite in part
                }
            finally:
                _close(source)
    return [outcome for suite in suites for outcome in outcomes[suite.name]]


def _open(context: Any, file: Path) -> Any:
    return context.data_sources.add_sql(
        file.stem,
        connection_string=(
            f"duckdb:///{file}?access_mode=READ_ONLY&memory_limit={flags.MEMORY_LIMIT}"
        ),
        kwargs=dict(ENGINE_ARGUMENTS),
    )


def _close(source: Any) -> None:
    """Let go of the file: the source holds one engine, its execution engine another."""
    source.get_engine().dispose()
    source.get_execution_engine().engine.dispose()


def _judge(source: Any, suite: Suite, filled: dict[str, int] | str) -> list[CheckOutcome]:
    """Run the rules of one suite that apply; an engine's failure makes all of them errors."""
    if isinstance(filled, str):
        return [_outcome(suite, rule, ERROR, cause=filled) for rule in suite.rules]
    applicable = [rule for rule in suite.rules if _applies(rule, filled)]
    try:
        batch = (
            source.add_query_asset(suite.name, query=suite.query)
            .add_batch_definition_whole_table("all")
            .get_batch()
        )
        results = batch.validate(
            gx.ExpectationSuite(name=suite.name, expectations=[_build(r) for r in applicable]),
            result_format=RESULT_FORMAT,
        ).results
    except Exception as error:  # any failure of the engine is an error, never a verdict on the data
        return [_outcome(suite, rule, ERROR, cause=type(error).__name__) for rule in suite.rules]
    by_code = {result.expectation_config.meta["code"]: result for result in results}
    return [
        _read(suite, rule, by_code.get(rule.code))
        if rule in applicable
        else _outcome(suite, rule, NOT_APPLICABLE)
        for rule in suite.rules
    ]


def _filled_rows(work_file: Path, suites: list[Suite]) -> dict[str, dict[str, int] | str]:
    """Count, per suite, its rows and those in which each needed column is filled.

    A suite whose query fails has the kind of its failure in place of the counts.
    """
    counted: dict[str, dict[str, int] | str] = {}
    with duckdb.connect(str(work_file), read_only=True) as db:
        for suite in suites:
            needed = sorted({rule.needs for rule in suite.rules if rule.needs})
            counts = "".join(f', count("{column}")' for column in needed)
            try:
                row = db.execute(f"select count(*){counts} from ({suite.query})").fetchone()
                counted[suite.name] = dict(zip(["", *needed], row, strict=True))
            except duckdb.Error as error:
                counted[suite.name] = type(error).__name__
    return counted


def _applies(rule: Rule, filled: dict[str, int]) -> bool:
    n_rows = filled[rule.needs or ""]
    return rule.is_applicable and n_rows >= rule.least_rows and (not rule.needs or n_rows > 0)


def _build(rule: Rule) -> Any:
    arguments = {name: value for name, value in rule.arguments.items() if value is not None}
    return getattr(gxe, rule.expectation)(
        **arguments, severity=rule.severity, meta={"code": rule.code}
    )


def _read(suite: Suite, rule: Rule, result: Any) -> CheckOutcome:
    """Turn one result of the engine into an outcome; no result at all is an error."""
    if result is None:
        return _outcome(suite, rule, ERROR, cause="no result came back")
    kind = _exception_kind(result.exception_info)
    if kind:
        return _outcome(suite, rule, ERROR, cause=kind)
    found = result.result
    n_judged = found.get("element_count")
    if n_judged is not None:
        n_judged -= found.get("missing_count") or 0
    observed = found.get("observed_value")
    is_number = isinstance(observed, int | float) and not isinstance(observed, bool)
    is_query = rule.expectation == "UnexpectedRowsExpectation"
    return _outcome(
        suite,
        rule,
        PASSED if result.success else FAILED,
        n_unexpected=observed if is_query else found.get("unexpected_count"),
        n_judged=n_judged,
        observed_value=float(observed) if is_number and not is_query else None,
    )


def _exception_kind(info: dict[str, Any]) -> str:
    """Return the kind of exception in a result, or an empty text."""
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if entry.get("raised_exception"):
            message = str(entry.get("exception_message") or "")
            return next((word for word in message.replace(":", " ").split() if "Error" in word
                         or "Exception" in word), "exception")[:60]  # fmt: skip
    return ""


def _outcome(suite: Suite, rule: Rule, state: str, **found: Any) -> CheckOutcome:
    column = rule.arguments.get("column")
    return CheckOutcome(
        suite_name=suite.name,
        expectation_code=rule.code,
        column_name=rule.needs or column,
        state_code=state,
        severity_code=rule.severity,
        door_code=suite.door,
        kahn_category_code=rule.category,
        kahn_context_code=rule.context,
        reason=rule.reason,
        n_unexpected=found.get("n_unexpected"),
        n_judged=found.get("n_judged"),
        observed_value=found.get("observed_value"),
        threshold=rule.threshold,
        cause=found.get("cause", ""),
    )
