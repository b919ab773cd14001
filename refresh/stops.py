"""When the comparison with the version before stops a publish.

Corrections are small and scattered; a change of a code list, a filter left on in the source
system or a swapped column is large and systematic. The shares below are proposals for the owner
of the data; each can be accepted by name for one run, with a reason that goes to the manifest.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from core.settings import Settings
from core.stop import ExitCode, Stop
from refresh import manifest
from refresh.delivery import DeliveryFacts
from refresh.manifest import Entry

FEWEST_PATIENTS = 5
"""Below this number of patients a share says nothing."""

LARGEST_SHARE: dict[str, dict[str, float]] = {
    "dim_patients": {
        "sex_code": 0.10,
        "disease_course_code": 0.10,
        "clinical_phenotype_code": 0.10,
        "critical_area_code": 0.10,
        "age_at_index_years": 0.20,
        "age_at_diagnosis_years": 0.20,
        "index_year": 0.10,
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
"""Largest share of the patients known before whose value may become another one at once."""

LARGEST_REPLACED_SHARE = 0.25
"""Largest share of the patients with a code (other than none) or a set flag who may lose it to
another known value at once."""

WATCHED_FOR_REPLACED = (
    "dim_patients",
    "fct_patient_timepoints",
    "fct_topical_regimens",
    "fct_adverse_events",
)
"""Marts with the recorded facts; the others follow from them and would say the same again."""

LARGEST_VANISHED_SHARE = 0.20
"""Largest share of the enrolled patients that may be gone at once."""

SMALLEST_SHARE_OF_CHECKS = 0.9
"""Fewer checks than this share of the last publish's is a gate that was taken down."""


WHOM_TO_ASK = {
    "key_changed": "name the key file of this registry in REGISTRY_KEY_FILE, or restore it",
    "fewer_checks": "find out who took tests or expectations away",
}
"""What comes before accepting a rule that is not about the sender's data."""


@dataclass(frozen=True)
class Finding:
    """One rule that the change breaks."""

    rule: str
    text: str


def of_earlier_loads(entries: list[Entry], fingerprint: str) -> list[Finding]:
    """Find whether exactly this delivery was published before and followed by a newer one."""
    loads = [entry.get("delivery_fingerprint") for entry in manifest.standing(entries)]
    if fingerprint in loads and loads[-1] != fingerprint:
        return [
            Finding(
                "older_delivery",
                "this delivery was published before, and a newer one has been published since",
            )
        ]
    return []


def of_delivery(facts: DeliveryFacts, before: Entry) -> list[Finding]:
    """Judge the loaded delivery against the one that was published last; empty = none was."""
    if not before:
        return []
    findings: list[Finding] = []
    if facts.key_fingerprint != before.get("key_fingerprint"):
        findings.append(
            Finding(
                "key_changed",
                f"the pseudonym key (fingerprint {facts.key_fingerprint}) is not the one of the "
                f"last publish ({before.get('key_fingerprint')}); every pseudonym would change",
            )
        )
    if facts.is_synthetic != before.get("is_synthetic") or facts.source_system != before.get(
        "source_system"
    ):
        findings.append(
            Finding(
                "other_source",
                f"the delivery comes from {facts.source_system}"
                f"{' (synthetic)' if facts.is_synthetic else ''}, the published one from "
                f"{before.get('source_system')}"
                f"{' (synthetic)' if before.get('is_synthetic') else ''}; "
                "another registry wants its own --vault and --published",
            )
        )
    declared, last = facts.extraction_date, before.get("extraction_date")
    if declared and last and declared < last:
        findings.append(
            Finding(
                "older_delivery",
                f"the delivery was extracted on {declared}, the published one on {last}",
            )
        )
    return findings


def of_test_number(what: str, n_now: int, n_before: int) -> list[Finding]:
    """Judge whether clearly fewer checks ran than at the last publish."""
    if n_now >= n_before * SMALLEST_SHARE_OF_CHECKS:
        return []
    return [
        Finding("fewer_checks", f"{n_now} {what} exist, {n_before} ran before the last publish")
    ]


def of_changes(db: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Judge quality.changes of the open work file."""
    findings: list[Finding] = []
    told: set[tuple[str, str]] = set()
    for table, columns in LARGEST_SHARE.items():
        for column, largest in columns.items():
            row = db.execute(
                "select n_patients, n_patients_compared from quality.changes "
                "where comparison_code = 'mart' and table_name = ? and column_name = ? "
                "and change_code = 'recoded'",
                [table, column],
            ).fetchone()
            if row and _is_large(row[0], row[1], largest):
                told.add((table, column))
                findings.append(
                    Finding(
                        "recode",
                        f"{table}.{column} changed for {row[0]} of {row[1]} patients known before "
                        f"({row[0] / row[1]:.0%}; at most {largest:.0%} is plausible): was a code "
                        "list or a column swapped?",
                    )
                )
    findings += _of_replaced_values(db, told)
    row = db.execute(
        "select n_patients, n_patients_compared from quality.changes "
        "where comparison_code = 'mart' and table_name = 'dim_patients' "
        "and change_code = 'vanished' and column_name is null"
    ).fetchone()
    if row and _is_large(row[0], row[0] + row[1], LARGEST_VANISHED_SHARE):
        findings.append(
            Finding(
                "vanished",
                f"{row[0]} of {row[0] + row[1]} enrolled patients are gone: was a filter left on "
                "in the source system?",
            )
        )
    return findings


def _of_replaced_values(db: duckdb.DuckDBPyConnection, told: set[tuple[str, str]]) -> list[Finding]:
    """Find codes and flags that many of those who had them lost to another value."""
    rows = db.execute(
        "select table_name, column_name, n_patients, n_patients_compared from quality.changes "
        "where comparison_code = 'mart' and change_code = 'replaced' "
        "and list_contains(?, table_name) order by list_position(?, table_name), column_name",
        [list(WATCHED_FOR_REPLACED)] * 2,
    ).fetchall()
    return [
        Finding(
            "recode",
            f"{table}.{column} became another value for {n} of the {n_held} patients who had one "
            f"({n / n_held:.0%}; at most {LARGEST_REPLACED_SHARE:.0%} is plausible): was a code "
            "list or a column swapped?",
        )
        for table, column, n, n_held in rows
        if _is_large(n, n_held, LARGEST_REPLACED_SHARE) and (table, column) not in told
    ]


def _is_large(n: int, total: int, largest: float) -> bool:
    return n >= FEWEST_PATIENTS and total > 0 and n / total > largest


def enforce(settings: Settings, findings: list[Finding]) -> list[Finding]:
    """Stop for the findings that nobody accepted; return the accepted ones.

    Raises
    ------
    Stop
        Exit code 4 for a fault of the delivery, 9 for the key, 6 for an implausible change.
    """
    open_findings = [finding for finding in findings if finding.rule not in settings.accepted]
    if not open_findings:
        return findings
    codes = {
        "older_delivery": ExitCode.DELIVERY_REFUSED,
        "other_source": ExitCode.DELIVERY_REFUSED,
        "key_changed": ExitCode.ENVIRONMENT,
        "fewer_checks": ExitCode.CHECKS_FAILED,
    }
    first = open_findings[0]
    accepts = " ".join(f"--accept {rule}" for rule in sorted({f.rule for f in open_findings}))
    ask = WHOM_TO_ASK.get(first.rule, "ask the sender")
    raise Stop(
        codes.get(first.rule, ExitCode.HELD_BACK),
        f"{first.text}; nothing was published",
        f'{ask}; if it is right, run again with {accepts} --reason "..."',
        first.rule,
        tuple(finding.text for finding in open_findings[1:]),
    )
