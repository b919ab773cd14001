"""What must hold for every case: an allowed ending, a whole ledger, nobody else touched."""

from __future__ import annotations

import csv
import functools
import re
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import fault_endings
from builds import BuildStep, contents
from fault_endings import BASES, Before, Ending, count_records, people_differing, people_touched

from privacy import leaks
from refresh.store import pack
from simulator.faults.cases import make_fault

FACTS = Path(__file__).with_name("fault_facts.csv")
CASCADES = {"orphan", "parent_rejected", "before_birth", "conflicting_duplicate"}
"""Rules by which a record is refused because of another one."""
WITHOUT_A_RECORD_OR_VALUE = ("quarantine", "null_value")


@dataclass(frozen=True)
class FaultFacts:
    """One case: what may happen, and what does.

    Attributes
    ----------
    allowed : tuple of str
        same, load, load_flag, null_value, quarantine, dedupe, reject_file; safe_ok and safe_fail
        for faults of the process.
    ends_in : str
        The one of them that this project ends in.
    rules : frozenset of str
        For a delivery: rules of the refused records; or the refusals of files and the expectations
        that stop it.
    """

    case_id: str
    slug: str
    kind: str
    allowed: tuple[str, ...]
    ends_in: str
    rules: frozenset[str]


def list_facts() -> list[FaultFacts]:
    """Return the 106 cases."""
    with open(FACTS, newline="", encoding="utf-8") as file:
        return [
            FaultFacts(
                row["case_id"],
                row["slug"],
                row["kind"],
                tuple(row["allowed_outcomes"].split("|")),
                row["ends_in"],
                frozenset(filter(None, row["rules"].split("|"))),
            )
            for row in csv.DictReader(file)
        ]


ALL_FACTS = {facts.case_id: facts for facts in list_facts()}
EXPORT_CASES = [facts.case_id for facts in ALL_FACTS.values() if facts.kind == "export"]


@dataclass(frozen=True)
class Track:
    """The road of every delivery, with the clean one as the measure.

    Attributes
    ----------
    clean : Path
        The clean delivery of which the bad ones are made.
    clean_ending : Ending
        What became of it.
    before : Before
        What the next delivery is compared with.
    build : callable
        How raw tables become marts.
    is_thorough : bool
        Whether deliveries that should load go through the expectations on marts and the comparison
        of marts too, a second each. Those that should be stopped always do.
    """

    clean: Path
    clean_ending: Ending
    before: Before
    build: BuildStep
    is_thorough: bool = False

    def send(self, case_id: str, home: Path, *, is_first: bool = False) -> Sent:
        """Make a case from the clean delivery and lead it to its end."""
        made = home / "made"
        make_fault(case_id, self.clean, made)
        expected = fault_endings.read_expected(made)
        folder = made / expected["deliveries"][-1]
        facts = ALL_FACTS[case_id]
        ending = self.go(folder, home, facts.ends_in, is_first=is_first)
        return Sent(facts, folder, expected["records_touched"], ending)

    def go(self, folder: Path, home: Path, ends_in: str, *, is_first: bool = False) -> Ending:
        """Lead any delivery to its end, after the clean one or as the first of all."""
        return fault_endings.go(
            folder,
            home,
            self.build,
            None if is_first else self.before,
            is_thorough=self.is_thorough or is_first or ends_in == "reject_file",
        )


@dataclass
class Sent:
    """A bad delivery at the end of its road; ``facts`` is None where it has several faults."""

    facts: FaultFacts | None
    folder: Path
    touched: list[dict]
    ending: Ending


def check(sent: Sent, track: Track) -> None:
    """Assert everything that holds for every case, then remove the large files."""
    with sent.ending.opened(), track.clean_ending.opened():
        outcome = outcome_of(sent.ending, track.clean_ending)
        assert outcome == sent.facts.ends_in, (outcome, sent.ending.said, sent.ending.rules)
        assert outcome in sent.facts.allowed
        if sent.ending.stop is not None:
            check_message(sent.ending, track.clean)
            assert sent.facts.rules <= set(sent.ending.rules) | set(sent.ending.failed)
        else:
            assert sent.facts.rules == set(sent.ending.rules)
            check_blast_radius(sent, track.clean_ending)
            if outcome in WITHOUT_A_RECORD_OR_VALUE:
                check_accounted(sent.touched, track.clean_ending, sent.ending)
        if sent.ending.ledger:
            check_ledger(sent)
    shutil.rmtree(sent.ending.warehouse.parent)


def outcome_of(ending: Ending, clean: Ending) -> str:
    """Name the ending, from a stop down to no difference at all."""
    if ending.stop is not None:
        return "reject_file"
    is_same = marts_of(ending.warehouse) == marts_of(clean.warehouse)
    is_flagged = bool(flags_of(ending) - flags_of(clean))
    return name_outcome(ending.scopes, is_same=is_same, is_flagged=is_flagged)


def name_outcome(scopes: Counter[str], *, is_same: bool, is_flagged: bool) -> str:
    """Name an ending without a stop by what was refused and whether marts are the clean ones."""
    if scopes["record"]:
        return "quarantine"
    if scopes["duplicate"]:
        return "dedupe"
    if scopes["value"]:
        return "load_flag" if is_same else "null_value"
    if is_flagged:
        return "load_flag"
    return "same" if is_same else "load"


LISTS_RECORDS = "fct_treatment_courses"
"""A mart with a row per recorded course: a further record is a further row and decides nothing."""


@functools.cache
def marts_of(warehouse: Path) -> dict[str, str]:
    """Return the content hashes of the marts; many are compared with the clean ones."""
    found = contents(warehouse, "marts")
    assert found.pop(f"marts.{LISTS_RECORDS}")
    return found


def flags_of(ending: Ending) -> set[tuple]:
    """Return what is flagged and yet loaded: the worklist, and codes that contradict their name."""
    terms = ending.query("select 'unmapped', term_kind, term from cohort.cohort_unmapped_terms")
    contradictions = ending.query(
        "select 'contradiction', prescription_id from staging.stg_pharmacy__prescriptions "
        "join cohort.cohort_prescriptions using (source_file, record_number) "
        "join cohort.cohort_drugs using (drug_number) where has_code_name_contradiction"
    )
    return {*terms, *contradictions}


def check_ledger(sent: Sent) -> None:
    """Records read are the records written; each of them went somewhere."""
    for name, line in sent.ending.ledger.items():
        assert line["n_records_read"] == count_records(sent.folder / name), name
        assert line["n_records_read"] == (
            sum(line[f"n_records_{what}"] for what in ("staged", "quarantined", "deduplicated"))
        )


def check_message(ending: Ending, clean: Path) -> None:
    """A stop is reported in plain lines that name a file or an expectation, and no cell."""
    assert ending.stop.what
    assert ending.stop.todo
    for line in ending.said:
        assert line.isprintable(), repr(line)
    names = "|".join(fault_endings.EXPORTS)
    form = re.compile(rf"({names}|export_|mart_|dim_|fct_|delivery.yml|\d+ of \d+)\S*:? .+")
    head = re.compile(r"Delivery |\d+ expectations of severity critical failed")
    details = [line for line in ending.said if not head.match(line)]
    assert details
    assert [line for line in details if not form.match(line)] == []
    assert not cells_in(" ".join(ending.said), clean)


def cells_in(text: str, folder: Path) -> set[str]:
    """Return the identifiers, dates and names of a clean delivery that a text contains."""
    words = set(re.findall(r"[\w.%'-]+", text)) | {text}
    return words & personal_cells(folder)


def personal_cells(folder: Path) -> set[str]:
    """Return every cell of a delivery that is about a person; codes of the contract do not."""
    found: set[str] = set()
    for export in fault_endings.EXPORTS:
        with open(folder / f"{export}.csv", newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                found |= {
                    value for name, value in row.items() if name.endswith(("_id", "_date", "_name"))
                }
    return found - {""}


def check_published_without(secrets: Iterable[str], ending: Ending, home: Path) -> None:
    """Pack what would be published; neither a secret nor an identifier of the delivery is in it."""
    copy = home / "pack" / "warehouse.duckdb"
    copy.parent.mkdir()
    shutil.copyfile(ending.warehouse, copy)
    candidate = home / "pack" / "candidate.duckdb"
    entry = {"seq": 1, "build_id": "tried", "packed_at": "2021-01-01T00:00:00+00:00"}
    pack.pack(copy, candidate, entry)
    assert leaks.require_no_person(copy, candidate) > 30
    with duckdb.connect(str(candidate), read_only=True) as db:
        columns = db.execute(
            "select schema_name, table_name, column_name from duckdb_columns() "
            "where not internal and data_type = 'VARCHAR'"
        ).fetchall()
        names = {name for column in columns for name in column}
        for schema, table, column in columns:
            texts = db.execute(f'select distinct "{column}" from "{schema}"."{table}"').fetchall()
            names |= {text for (text,) in texts if text}
    found = {secret for secret in secrets for name in names if secret.lower() in name.lower()}
    assert found == set()
    said = " ".join([*ending.said, *ending.failed, *ending.ledger])
    assert not [secret for secret in secrets if secret in said]


def check_blast_radius(sent: Sent, clean_ending: Ending) -> dict[str, set[str]]:
    """Only what the fault touched is refused, and only the patients it touched differ.

    Returns
    -------
    dict
        Mart to the pseudonyms of those who differ.
    """
    ending = sent.ending
    touched = people_touched(sent.touched, clean_ending, ending)
    differing = people_differing(clean_ending, ending)
    assert {mart: n for mart, people in differing.items() if (n := len(people - touched))} == {}
    places = {(each["export"], each["record_number"]) for each in sent.touched}
    cells = {(e["export"], e["record_number"], e["column"]) for e in sent.touched if e["column"]}
    refused = ending.query(
        "select export_name, record_number, column_name, rule_code, scope_code "
        "from quarantine.rejected_records"
    )
    for export, number, column, rule, scope in refused:
        if rule not in CASCADES:
            assert (export, number) in places, (export, number, rule)
        if scope == "value" and rule not in CASCADES:
            assert (export, number, column) in cells, (export, number, column, rule)
    return differing


def check_accounted(touched: list[dict], clean: Ending, bad: Ending) -> None:
    """Each touched record is refused, wholly or in part, or is staged as the clean one."""
    places = {(each["export"], each["record_number"]) for each in touched}
    refused = bad.query("select export_name, record_number from quarantine.rejected_records")
    assert not unaccounted(places - set(refused), clean, bad)


def unaccounted(
    places: Iterable[tuple[str, int]], clean: Ending, bad: Ending
) -> list[tuple[str, int]]:
    """Return touched records that were neither refused nor staged as from the clean delivery."""
    left = []
    for export, number in places:
        sides = [
            ending.query(f"select * from {BASES[export]} where record_number = {number}")
            for ending in (clean, bad)
        ]
        if sides[0] != sides[1]:
            left.append((export, number))
    return left
