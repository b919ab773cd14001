"""The verdict on the expectations: recorded first, then enforced.

A failed expectation of severity critical stops the publish, unless a named person accepted it
for this run. An expectation that could not be evaluated is an error, never "bad data", and stops
the publish whatever its severity: a gate that did not run has failed.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from core import duck
from core.settings import Settings
from core.stop import ExitCode, Stop
from expectations.outcomes import CheckOutcome, CheckReport
from refresh import stops
from refresh.manifest import Entry

KEPT_BUILDS = 60
"""Builds whose expectation results are carried in the published file."""


def record_outcomes(
    db: duckdb.DuckDBPyConnection,
    settings: Settings,
    report: CheckReport,
    build_number: int,
    baseline: Path | None,
) -> None:
    """Write the outcomes of this build and carry the earlier builds' along.

    Parameters
    ----------
    db : duckdb.DuckDBPyConnection
        The work file, writable; quality.expectation_results exists and is empty.
    baseline : Path or None
        The file of the version before.
    """
    if baseline is not None:
        db.execute(f"attach {duck.literal(baseline)} as version_before (read_only)")
        db.execute(
            "insert into quality.expectation_results by name "
            "select * from version_before.quality.expectation_results where build_number > ? - ?",
            [build_number, KEPT_BUILDS],
        )
        db.execute("detach version_before")
    before = _states_before(db)
    for outcome in report.outcomes:
        values = [
            build_number,
            outcome.suite_name,
            outcome.expectation_code,
            outcome.column_name,
            outcome.state_code,
            _trend(outcome.state_code, before.get((outcome.suite_name, outcome.expectation_code))),
            outcome.severity_code,
            outcome.door_code,
            outcome.kahn_category_code,
            outcome.kahn_context_code,
            outcome.reason,
            outcome.n_unexpected,
            outcome.n_judged,
            outcome.observed_value,
            outcome.threshold,
            _is_accepted(settings, outcome),
        ]
        marks = ", ".join("?" for _ in values)
        db.execute(f"insert into quality.expectation_results values ({marks})", values)


def _states_before(db: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    rows = db.execute(
        "select suite_name, expectation_code, state_code from quality.expectation_results "
        "qualify build_number = max(build_number) over ()"
    ).fetchall()
    return {(suite, code): state for suite, code, state in rows}


def _trend(state: str, before: str | None) -> str | None:
    """Return new, persisting or resolved for an expectation that fails or failed."""
    if state in ("failed", "error"):
        return "persisting" if before in ("failed", "error") else "new"
    return "resolved" if before in ("failed", "error") else None


def _is_accepted(settings: Settings, outcome: CheckOutcome) -> bool:
    names = {outcome.name, outcome.expectation_code}
    return outcome.state_code == "failed" and bool(names & settings.accepted)


def require_passed(settings: Settings, report: CheckReport, before: Entry) -> None:
    """Stop unless every expectation ran and no critical one failed.

    Raises
    ------
    Stop
        With ExitCode.CHECKS_FAILED and one line per expectation, counts only.
    """
    errors = report.of_state("error")
    if errors or len(report.outcomes) < report.n_expected or report.n_expected == 0:
        raise Stop(
            ExitCode.CHECKS_FAILED,
            f"{len(report.outcomes) - len(errors)} of {report.n_expected} expectations could be "
            "evaluated; a gate that did not run has failed, nothing was published",
            "this is a fault of the checks or of the machine, not of the data",
            "expectations_not_run",
            tuple(f"{error.name}: {error.cause}" for error in errors[:20]),
        )
    n_before = before.get("expectations", {}).get("n_expected", 0)
    stops.enforce(settings, stops.of_test_number("expectations", report.n_expected, n_before))
    failed = [
        outcome
        for outcome in report.of_state("failed")
        if outcome.severity_code == "critical" and not _is_accepted(settings, outcome)
    ]
    if failed:
        accepts = " ".join(f"--accept {outcome.name}" for outcome in failed[:3])
        raise Stop(
            ExitCode.CHECKS_FAILED,
            f"{len(failed)} expectations of severity critical failed; nothing was published",
            f'ask the sender; if the data are right, run again with {accepts} --reason "..."',
            "expectations_failed",
            tuple(describe(outcome) for outcome in failed[:20]),
        )


def describe(outcome: CheckOutcome) -> str:
    """Return one line about an outcome: counts and reason, no value of a patient."""
    if outcome.n_unexpected is not None and outcome.n_judged:
        found = f"{outcome.n_unexpected} of {outcome.n_judged} rows"
    elif outcome.observed_value is not None:
        found = f"observed {outcome.observed_value:g}"
    else:
        found = "not as expected"
    return f"{outcome.name}: {found}, allowed {outcome.threshold}. {outcome.reason}"
