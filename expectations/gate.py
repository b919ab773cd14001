"""Run every suite with Great Expectations on DuckDB, after the build, and count what came back.

The file is read through SQLAlchemy, read-only; no table is pulled into Python. Only counts leave
the engine: unexpected values are excluded, and an exception is reported by its kind, because its
words may quote a cell.
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
import sqlalchemy
from great_expectations import expectations as gxe
from great_expectations.data_context.types.base import ProgressBarsConfig

from core import duck
from core.stop import signal_behind
from expectations import exports, marts, periods
from expectations.facts import Facts
from expectations.rules import (
    ERROR,
    FAILED,
    NOT_APPLICABLE,
    PASSED,
    CheckOutcome,
    CheckReport,
    Rule,
    Suite,
)

RESULT_FORMAT = {
    "result_format": "BASIC",
    "exclude_unexpected_values": True,
    "partial_unexpected_count": 0,
}
MEMORY_LIMIT = "1200MB"
"""Memory that DuckDB may take for the expectations; more spills beside the file that is read."""
ENGINE_ARGUMENTS = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
WHOLE_QUERY = "all"
"""Name of a suite's only batch: everything that its query returns."""

Numbers = dict[str, Any]
"""Of a suite: rows (""), filled rows of each needed column, counts behind shares, words, and the
records that each rule judges."""


def _raise_what_a_signal_raised(context: Any) -> None:
    """Let Ctrl-C and SIGTERM end a run: Great Expectations repeats a query that failed."""
    raised = signal_behind(context.original_exception)
    if raised is not context.original_exception:
        raise raised


def all_suites(facts: Facts) -> list[Suite]:
    """Return every suite in the order in which they are judged."""
    return [*exports.suites(facts), periods.suite(facts), *marts.suites(facts)]


def run(work_file: Path, facts: Facts, suites: list[Suite] | None = None) -> CheckReport:
    """Judge a built work file.

    Parameters
    ----------
    work_file : Path
        The DuckDB file, closed; opened read-only here and released again.
    suites : list of Suite, optional
        Default: all.

    Returns
    -------
    CheckReport
        One outcome per rule; ``n_expected`` is counted from the suites, not from what ran.
    """
    chosen = all_suites(facts) if suites is None else suites
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen, numbers = _counted(work_file, chosen)
        context: Any = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        source = context.data_sources.add_sql(
            work_file.stem,
            connection_string=(
                f"duckdb:///{work_file}?access_mode=READ_ONLY&memory_limit={MEMORY_LIMIT}"
            ),
            kwargs=dict(ENGINE_ARGUMENTS),
            # All at once: the context writes its settings as YAML after each change of them.
            assets=[
                {
                    "type": "query",
                    "name": suite.name,
                    "query": suite.query,
                    "batch_definitions": [{"name": WHOLE_QUERY}],
                }
                for suite in chosen
            ],
        )
        # The source holds one engine, its execution engine another.
        engines = [source.get_engine(), source.get_execution_engine().engine]
        for engine in engines:
            sqlalchemy.event.listen(engine, "handle_error", _raise_what_a_signal_raised)
        try:
            outcomes = [o for suite in chosen for o in _judge(source, suite, numbers[suite.name])]
        finally:
            for engine in engines:  # release the file
                engine.dispose()
    return CheckReport(tuple(outcomes), sum(len(suite.rules) for suite in chosen))


def _counted(work_file: Path, suites: list[Suite]) -> tuple[list[Suite], dict[str, Numbers | str]]:
    """Return the suites, those of one row with the row itself as their query, and their numbers.

    A suite whose query fails has the kind of the failure instead of numbers.
    """
    counted: list[Suite] = []
    found: dict[str, Numbers | str] = {}
    with duck.connect(work_file, read_only=True) as db:
        db.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        for suite in suites:
            try:
                known = _with_its_row(db, suite) if suite.is_one_row else suite
                found[suite.name] = _numbers(db, known)
            except duckdb.Error as error:
                known, found[suite.name] = suite, type(error).__name__
            counted.append(known)
    return counted, found


def _with_its_row(db: duckdb.DuckDBPyConnection, suite: Suite) -> Suite:
    """Return a suite whose query is the row that its query returns.

    Great Expectations asks a query about four times, and one that counts reads whole tables.
    """
    counts = db.sql(suite.query)
    values = (
        f"cast({'null' if value is None else duck.literal(value)} as {kind}) as {duck.quote(name)}"
        for name, kind, value in zip(
            counts.columns, counts.types, counts.fetchone() or (), strict=True
        )
    )
    return replace(suite, query=f"select {', '.join(values)}")


def _numbers(db: duckdb.DuckDBPyConnection, suite: Suite) -> Numbers:
    """Return what `counted_of` names, from the suite's batch."""
    counted = counted_of(suite)
    row = db.execute(
        f"with batch as ({suite.query}) select {', '.join(counted.values())} from batch"
    ).fetchone()
    return dict(zip(counted, row or (), strict=True))


def counted_of(suite: Suite) -> dict[str, str]:
    """Return what is counted in a suite's batch before its rules are judged: name to SQL."""
    counted = {"": "count(*)"}
    for rule in suite.rules:
        if rule.judged:
            counted[_judged(rule)] = rule.judged.format(batch="batch")
        if rule.needs:
            counted[rule.needs] = f'count("{rule.needs}")'
        for column in (*(rule.counts or ()), *filter(None, [rule.words])):
            counted[column] = f'max("{column}")'
    return counted


def _judge(source: Any, suite: Suite, numbers: Numbers | str) -> list[CheckOutcome]:
    """Run the rules of one suite that apply; an engine's failure makes all of them errors."""
    if isinstance(numbers, str):
        return [_outcome(suite, rule, ERROR, cause=numbers) for rule in suite.rules]
    applicable = [rule for rule in suite.rules if _applies(rule, numbers)]
    try:
        batch = source.get_asset(suite.name).get_batch_definition(WHOLE_QUERY).get_batch()
        results = batch.validate(
            gx.ExpectationSuite(name=suite.name, expectations=[_build(r) for r in applicable]),
            result_format=RESULT_FORMAT,
        ).results
    except Exception as error:  # any failure of the engine is an error, never a verdict on the data
        return [_outcome(suite, rule, ERROR, cause=type(error).__name__) for rule in suite.rules]
    by_code = {result.expectation_config.meta["code"]: result for result in results}
    return [
        _read(suite, rule, by_code.get(rule.code), numbers)
        if rule in applicable
        else _outcome(suite, rule, NOT_APPLICABLE)
        for rule in suite.rules
    ]


def _applies(rule: Rule, numbers: Numbers) -> bool:
    """Return whether there is enough to judge: with too little a rule would pass unseen."""
    if rule.judged and (numbers[_judged(rule)] or 0) < rule.least:
        return False
    return rule.is_applicable and (not rule.needs or numbers[rule.needs] > 0)


def _judged(rule: Rule) -> str:
    """Return the name of the number of records that a rule judges; no column has a blank."""
    return f"judged by {rule.code}"


def _build(rule: Rule) -> Any:
    arguments = {name: value for name, value in rule.arguments.items() if value is not None}
    return getattr(gxe, rule.expectation)(
        **arguments, severity=rule.severity, meta={"code": rule.code}
    )


def _read(suite: Suite, rule: Rule, result: Any, numbers: Numbers) -> CheckOutcome:
    """Turn one result of the engine into an outcome; no result at all is an error."""
    if result is None:
        return _outcome(suite, rule, ERROR, cause="no result came back")
    kind = _exception_kind(result.exception_info)
    if kind:
        return _outcome(suite, rule, ERROR, cause=kind)
    state = PASSED if result.success else FAILED
    observed = result.result.get("observed_value")
    if rule.expectation == "UnexpectedRowsExpectation":
        return _outcome(suite, rule, state, n_unexpected=observed)
    if rule.words and state == FAILED:
        rule = replace(rule, reason=f"{rule.reason} ({numbers[rule.words]})")
    n_unexpected, n_judged = map(numbers.get, rule.counts or ("no count", "no count"))
    is_number = isinstance(observed, int | float) and not isinstance(observed, bool)
    return _outcome(
        suite,
        rule,
        state,
        n_unexpected=n_unexpected,
        n_judged=n_judged,
        observed_value=float(observed) if is_number else None,
    )


def _exception_kind(info: dict[str, Any]) -> str:
    """Return the kind of exception in a result, or an empty text."""
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if entry.get("raised_exception"):
            message = str(entry.get("exception_message") or "")
            words = message.replace(":", " ").split()
            kinds = (word for word in words if "Error" in word or "Exception" in word)
            return next(kinds, "exception")[:60]
    return ""


def _outcome(suite: Suite, rule: Rule, state: str, **found: Any) -> CheckOutcome:
    return CheckOutcome(
        suite_name=suite.name,
        expectation_code=rule.code,
        column_name=rule.needs,
        state_code=state,
        severity_code=rule.severity,
        subject_code=suite.subject,
        kahn_category_code=rule.category,
        kahn_context_code=rule.context,
        reason=rule.reason,
        n_unexpected=found.get("n_unexpected"),
        n_judged=found.get("n_judged"),
        observed_value=found.get("observed_value"),
        threshold=rule.threshold,
        cause=found.get("cause", ""),
    )
