"""What holds a publish back: rules about the delivery, the checks, and what changed.

Corrections are few and scattered; a change of a code list, a filter left on in the source system
or a swapped column is large and systematic. The shares below are proposals for the owner of the
data. A person can accept a rule by its name for one run (`--accept`); the reason goes to the
manifest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from core.settings import Settings
from core.stop import ExitCode, Stop
from expectations.rules import CheckOutcome, CheckReport
from refresh import quality
from refresh.load import DeliveryFacts
from refresh.store import manifest
from refresh.store.manifest import Entry

MINIMUM_PATIENTS = 5
"""A share of fewer changed patients is not judged."""

LARGEST_SHARE: dict[str, dict[str, float]] = {
    "dim_patients": {
        "sex_code": 0.10,
        "disease_course_code": 0.10,
        "clinical_phenotype_code": 0.10,
        "critical_area_code": 0.10,
        "age_at_index_years": 0.20,
        "age_at_diagnosis_years": 0.20,
        "index_season_start_date": 0.10,
    },
    "fct_patient_timepoints": {
        "topical_regimen_code": 0.25,
        "easi_score": 0.25,
        "itch_nrs_score": 0.25,
        "sleep_nrs_score": 0.25,
        "dlqi_score": 0.25,
        "iga_score": 0.25,
        "poem_score": 0.25,
        "visit_day": 0.25,
    },
}
"""Largest share of the patients in both versions whose value may become another one at once."""

LARGEST_REPLACED_SHARE = 0.25
"""Largest share of the patients with a code (other than none) or a set flag in the previous
version who may have another known value now."""

WATCHED_FOR_REPLACED = (
    "dim_patients",
    "fct_patient_timepoints",
    "fct_topical_regimens",
    "fct_adverse_events",
)
"""Marts with the recorded facts; the others are derived from them."""

LARGEST_VANISHED_SHARE = 0.20
"""Largest share of the enrolled patients that may be missing at once."""

LARGEST_EMPTIED_SHARE = 0.10
"""Largest share of the patients with a value in the previous version who may have none now: single
values are withdrawn by corrections, a whole column by an export that went wrong."""

WATCHED_FOR_EMPTIED = ("dim_patients", "fct_patient_timepoints")
"""Marts in which a value that became missing is watched; the others follow from them."""

LARGEST_UNMAPPED_RISE = 0.01
"""Largest rise of the share of records whose drug, comorbidity or event no list knows: one drug
that is written in another way is several per cent of the prescriptions, a typing error is not."""

SMALLEST_SHARE_OF_CHECKS = 0.9
"""Smallest number of tests or expectations, as a share of the previous version's."""

SHOWN_EXPECTATIONS = 20

EXIT_CODES = {
    "older_delivery": ExitCode.DELIVERY_REFUSED,
    "other_source": ExitCode.DELIVERY_REFUSED,
    "key_changed": ExitCode.ENVIRONMENT,
    "fewer_checks": ExitCode.CHECKS_FAILED,
}
"""Exit codes of rules; any other rule ends with HELD_BACK."""

FIRST_STEP = {
    "key_changed": "name the key file of this registry in REGISTRY_KEY_FILE, or restore it",
    "fewer_checks": "find out who removed tests or expectations",
    "unmapped_terms": "add the names to a code list or to the words of the mapping",
}
"""What to do before accepting a rule; for any other rule: ask the sender."""


@dataclass(frozen=True)
class Finding:
    """One rule that holds the publish back, and why."""

    rule: str
    text: str


def about_earlier_deliveries(entries: list[Entry], fingerprint: str) -> list[Finding]:
    """Check whether exactly this delivery was published before and followed by a newer one."""
    loads = [entry.get("delivery_fingerprint") for entry in manifest.not_rolled_back(entries)]
    if fingerprint in loads and loads[-1] != fingerprint:
        return [
            Finding(
                "older_delivery",
                "this delivery was published before, and a newer one has been published since",
            )
        ]
    return []


def about_delivery(facts: DeliveryFacts, previous: Entry) -> list[Finding]:
    """Compare the loaded delivery with that of the previous version; empty = there is none."""
    if not previous:
        return []
    findings: list[Finding] = []
    if facts.key_fingerprint != previous.get("key_fingerprint"):
        findings.append(
            Finding(
                "key_changed",
                f"the pseudonym key (fingerprint {facts.key_fingerprint}) is not the one of the "
                f"last publish ({previous.get('key_fingerprint')}); every pseudonym would change",
            )
        )
    if facts.is_synthetic != previous.get("is_synthetic") or facts.source_system != previous.get(
        "source_system"
    ):
        findings.append(
            Finding(
                "other_source",
                f"the delivery comes from {facts.source_system}"
                f"{' (synthetic)' if facts.is_synthetic else ''}, the published one from "
                f"{previous.get('source_system')}"
                f"{' (synthetic)' if previous.get('is_synthetic') else ''}; "
                "another registry needs its own --vault and --published",
            )
        )
    declared, last = facts.extraction_date, previous.get("extraction_date")
    if declared and last and declared < last:
        findings.append(
            Finding(
                "older_delivery",
                f"the delivery was extracted on {declared}, the published one on {last}",
            )
        )
    return findings


def about_number_of_checks(what: str, n_now: int, n_before: int) -> list[Finding]:
    """Check whether clearly fewer tests or expectations exist than for the previous version."""
    if n_now >= n_before * SMALLEST_SHARE_OF_CHECKS:
        return []
    return [
        Finding("fewer_checks", f"{n_now} {what} exist, {n_before} ran before the last publish")
    ]


def about_changes(db: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Compare quality.changes of the open work file with the largest plausible shares."""
    findings: list[Finding] = []
    reported: set[tuple[str, str]] = set()
    recoded = {
        (table, column): counts
        for table, column, *counts in _changes_of(db, "recoded", LARGEST_SHARE)
    }
    for table, columns in LARGEST_SHARE.items():
        for column, largest in columns.items():
            n, n_compared = recoded.get((table, column), (0, 0))
            if _is_large(n, n_compared, largest):
                reported.add((table, column))
                findings.append(
                    Finding(
                        "recode",
                        f"{table}.{column} changed for {n} of {n_compared} patients in both "
                        f"versions ({n / n_compared:.0%}; at most {largest:.0%} is plausible): "
                        "was a code list or a column swapped?",
                    )
                )
    findings += _about_replaced_values(db, reported)
    findings += _about_emptied_values(db)
    findings += [
        Finding(
            "vanished",
            f"{n} of {n + n_kept} enrolled patients are missing: was a filter left on in the "
            "source system?",
        )
        for _, _, n, n_kept in _changes_of(db, "vanished", ["dim_patients"])
        if _is_large(n, n + n_kept, LARGEST_VANISHED_SHARE)
    ]
    return findings


def _about_replaced_values(
    db: duckdb.DuckDBPyConnection, reported: set[tuple[str, str]]
) -> list[Finding]:
    """Find codes and flags that became another value for many of the patients who had one."""
    return [
        Finding(
            "recode",
            f"{table}.{column} became another value for {n} of the {n_held} patients who had one "
            f"({n / n_held:.0%}; at most {LARGEST_REPLACED_SHARE:.0%} is plausible): was a code "
            "list or a column swapped?",
        )
        for table, column, n, n_held in _changes_of(db, "replaced", WATCHED_FOR_REPLACED)
        if _is_large(n, n_held, LARGEST_REPLACED_SHARE) and (table, column) not in reported
    ]


def _about_emptied_values(db: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Find columns in which the values of many patients became missing.

    The reason why something is missing goes when it is filled in.
    """
    return [
        Finding(
            "emptied",
            f"{table}.{column} became missing for {n} of the {n_held} patients who had a value "
            f"({n / n_held:.0%}; at most {LARGEST_EMPTIED_SHARE:.0%} is plausible): was a column "
            "left out or renamed at the source?",
        )
        for table, column, n, n_held in _changes_of(db, "emptied", WATCHED_FOR_EMPTIED)
        if _is_large(n, n_held, LARGEST_EMPTIED_SHARE) and not column.endswith("_reason_code")
    ]


def _changes_of(
    db: duckdb.DuckDBPyConnection, change: str, marts: Iterable[str]
) -> list[tuple[str, str, int, int]]:
    """Return mart, column, patients concerned and patients compared, in the order of the marts."""
    rows = db.execute(
        "select table_name, column_name, n_patients, n_patients_compared from quality.changes "
        "where comparison_code = 'mart' and change_code = $1 "
        "and list_contains($2, table_name) order by list_position($2, table_name), column_name",
        [change, list(marts)],
    ).fetchall()
    return rows


def about_unmapped_terms(
    now: dict[str, dict[str, int]], before: dict[str, dict[str, int]]
) -> list[Finding]:
    """Compare what no code list knows with the previous version, by kind of term.

    Parameters
    ----------
    now, before : dict
        Kind of term to its counts (quality.count_unmapped_terms); a kind that the previous version
        did not count is not judged.
    """
    findings: list[Finding] = []
    for kind, counts in now.items():
        earlier = before.get(kind)
        if earlier is None:
            continue
        share, share_before = (
            c["n_records"] / c["n_records_staged"] if c["n_records_staged"] else 0.0
            for c in (counts, earlier)
        )
        n_more = counts["n_patients"] - earlier["n_patients"]
        if n_more >= MINIMUM_PATIENTS and share - share_before > LARGEST_UNMAPPED_RISE:
            findings.append(
                Finding(
                    "unmapped_terms",
                    f"{counts['n_records']:,} of {counts['n_records_staged']:,} "
                    f"{kind.replace('_', ' ')} records of {counts['n_patients']:,} patients have a "
                    f"name that no list knows ({share:.1%}; {share_before:.1%} in the previous "
                    f"version, at most {LARGEST_UNMAPPED_RISE:.0%} more is plausible): is a drug "
                    "or a condition written in another way?",
                )
            )
    return findings


def _is_large(n: int, total: int, largest: float) -> bool:
    return n >= MINIMUM_PATIENTS and total > 0 and n / total > largest


def enforce(settings: Settings, findings: list[Finding]) -> list[Finding]:
    """Stop for the first finding that was not accepted; return the accepted ones.

    Raises
    ------
    Stop
        Exit code 4 for a fault of the delivery, 9 for the key, 6 for an implausible change.
    """
    open_findings = [finding for finding in findings if finding.rule not in settings.accepted]
    if not open_findings:
        return findings
    first = open_findings[0]
    accepts = " ".join(f"--accept {rule}" for rule in sorted({f.rule for f in open_findings}))
    first_step = FIRST_STEP.get(first.rule, "ask the sender")
    raise Stop(
        EXIT_CODES.get(first.rule, ExitCode.HELD_BACK),
        f"{first.text}; nothing was published",
        f'{first_step}; if it is right, run again with {accepts} --reason "..."',
        first.rule,
        tuple(finding.text for finding in open_findings[1:]),
    )


def require_expectations_passed(settings: Settings, report: CheckReport, previous: Entry) -> None:
    """Stop unless every expectation ran and no critical one failed, or was accepted by name.

    An expectation that could not be evaluated stops the publish whatever its severity.

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
            "evaluated; one that could not counts as failed, nothing was published",
            "this is a fault of the checks or of the machine, not of the data",
            "expectations_not_run",
            tuple(f"{error.name}: {error.cause}" for error in errors[:SHOWN_EXPECTATIONS]),
        )
    n_before = previous.get("expectations", {}).get("n_expected", 0)
    enforce(settings, about_number_of_checks("expectations", report.n_expected, n_before))
    failed = [
        outcome
        for outcome in report.of_state("failed")
        if outcome.severity_code == "critical"
        and not quality.is_accepted(outcome, settings.accepted)
    ]
    if failed:
        # A failed warning is often the cause: an arm that the mapping does not name, a cut file.
        warnings = [o for o in report.of_state("failed") if o.severity_code == "warning"]
        accepts = " ".join(f"--accept {outcome.name}" for outcome in failed)
        raise Stop(
            ExitCode.CHECKS_FAILED,
            f"{len(failed)} expectations of severity critical failed; nothing was published",
            f'ask the sender; if the data are right, run again with {accepts} --reason "..."',
            "expectations_failed",
            tuple(_describe(outcome) for outcome in (*failed, *warnings)[:SHOWN_EXPECTATIONS]),
        )


def _describe(outcome: CheckOutcome) -> str:
    """Return one line about an outcome: counts and reason, no value of a patient."""
    if outcome.n_unexpected is not None and outcome.n_judged:
        found = f"{outcome.n_unexpected} of {outcome.n_judged} rows"
    elif outcome.observed_value is not None:
        found = f"observed {outcome.observed_value:g}"
    else:
        found = "not as expected"
    return f"{outcome.name}: {found}, allowed {outcome.threshold}. {outcome.reason}"
