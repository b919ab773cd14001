"""What became of a delivery, and how that compares with a clean one."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
from builds import BuildStep

from core import duck, files
from core.progress import Progress
from core.settings import Settings
from core.stop import Stop
from expectations import gate
from expectations.facts import Facts, gather
from intake.delivery import open_delivery, plan_folder
from intake.judgement import judge_files
from intake.refusals import MappingError
from refresh import compare, load, publish_rules, quality

EXPORTS = ("patients", "visits", "prescriptions", "comorbidities", "adverse_events")
KEYS = {
    "patients": "patient_id",
    "visits": "visit_id",
    "prescriptions": "prescription_id",
    "adverse_events": "adverse_event_id",
}
BASES = {
    "patients": "staging.base_clinic__patients",
    "visits": "staging.base_clinic__visits",
    "prescriptions": "staging.base_pharmacy__prescriptions",
    "comorbidities": "staging.base_clinic__comorbidities",
    "adverse_events": "staging.base_clinic__adverse_events",
}


@dataclass
class Ending:
    """How the road ended for one delivery.

    Attributes
    ----------
    warehouse : Path
        The work file, as far as the road led.
    stop : Stop or None
        Why nothing would be published.
    rules : Counter
        Refusals by rule code; of files, when intake refused the delivery.
    scopes : Counter
        Refusals by what was refused: record, value or duplicate.
    ledger : dict
        File to its line of the ledger; empty when intake refused the delivery.
    failed : list of str
        Expectations that failed, warnings among them.
    """

    warehouse: Path
    stop: Stop | None = None
    rules: Counter[str] = field(default_factory=Counter)
    scopes: Counter[str] = field(default_factory=Counter)
    ledger: dict[str, dict[str, int]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    @property
    def said(self) -> list[str]:
        """Every line that is shown about a stop."""
        return [] if self.stop is None else [self.stop.what, *self.stop.details]

    def opened(self) -> duckdb.DuckDBPyConnection:
        """Open the work file; while it is open, each query of it costs no instance of its own."""
        return duckdb.connect(str(self.warehouse), read_only=True)

    def query(self, sql: str) -> list[tuple]:
        """Ask the work file."""
        with self.opened() as db:
            return db.execute(sql).fetchall()


@dataclass(frozen=True)
class Before:
    """The load before: what it looked like, and its marts."""

    known: Facts
    warehouse: Path


def go(
    folder: Path,
    home: Path,
    build: BuildStep,
    before: Before | None = None,
    *,
    is_thorough: bool = True,
) -> Ending:
    """Lead a delivery through intake, models, data tests, ledger, expectations and comparison.

    Parameters
    ----------
    folder : Path
        The delivery.
    home : Path
        Gets a vault of its own.
    build : callable
        The short road's or dbt's.
    before : Before, optional
        The load before, with which volumes, dates, means and marts are compared.
    is_thorough : bool
        False leaves out the expectations on marts and the comparison of marts.

    Raises
    ------
    AssertionError
        A data test failed, or a record is not accounted for: faults of the project, not of a
        delivery.
    """
    settings = Settings(delivery=folder, vault=home / "vault", published=home / "published")
    files.private_folder(settings.vault)
    files.private_folder(settings.work)
    ending = Ending(settings.work_file)
    with Progress(is_quiet=True) as progress:
        try:
            load.load(settings)
        except Stop as stop:
            ending.stop = stop
            ending.rules = Counter(refusal_codes(folder))
            return ending
        result = build(settings, progress, ())
    assert result.tests.failures == ()
    assert result.tests.n_run == result.tests.n_expected > 90
    with duckdb.connect(str(settings.work_file)) as db:
        ending.ledger = {line["source_file"]: line for line in load.ledger_of(db)}
        rows = db.execute("select rule_code, scope_code from quarantine.rejected_records")
        refused = rows.fetchall()
        ending.rules = Counter(rule for rule, _ in refused)
        ending.scopes = Counter(scope for _, scope in refused)
        quality.create_all(db)
        quality.fill_from_vault(db)
    # Whoever opens an open file in the same way shares its instance, which takes 20 ms to make.
    with duck.connect(settings.work_file, read_only=True):
        now = gather(settings.work_file, None, {}, None)
        if before:
            now = replace(
                now,
                last_records=before.known.last_records,
                newest_visit_before=before.known.newest_visit_before,
                last_means=before.known.last_means,
            )
        subjects = {"export", "mart"} if is_thorough else {"export"}
        suites = [suite for suite in gate.all_suites(now) if suite.subject in subjects]
        report = gate.run(settings.work_file, now, suites)
    ending.failed = [each.name for each in report.of_state("failed")]
    try:
        publish_rules.require_expectations_passed(settings, report, {})
        if before and is_thorough:
            with duckdb.connect(str(settings.work_file)) as db:
                compare.compare_versions(db, before.warehouse)
                findings = publish_rules.about_changes(db)
            ending.failed += [finding.rule for finding in findings]
            publish_rules.enforce(settings, findings)
    except Stop as stop:
        ending.stop = stop
    return ending


def refusal_codes(folder: Path) -> list[str]:
    """Return why intake refuses the files of a delivery, or `settings` for its delivery.yml."""
    try:
        opened = open_delivery(folder)
    except MappingError:
        return ["settings"]
    plan = plan_folder(opened)
    judged = [each.refusal for each in judge_files(opened, plan)]
    return [refusal.code for refusal in [*plan.refusals, *judged] if refusal is not None]


def before_of(ending: Ending) -> Before:
    """Return what a second delivery is compared with after this one was published."""
    records = dict(ending.query("select export_name, n_records_read from raw.delivery_files"))
    with duckdb.connect(str(ending.warehouse), read_only=True) as db:
        newest = load.private_facts_of(db)["newest_visit_date"]
    known = gather(ending.warehouse, ending.warehouse, records, newest)
    return Before(known, ending.warehouse)


def count_records(path: Path) -> int:
    """Count the records of a CSV file with the standard library alone.

    Blank lines and a lone end-of-file mark at the end are no records; a blank line before them
    and a header that comes again are.
    """
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    rows = csv.reader(io.StringIO(text.rstrip("\n\r\x1a"), newline=""))
    return sum(1 for _ in rows) - 1


def people_differing(clean: Ending, bad: Ending) -> dict[str, set[str]]:
    """Return, per mart, the pseudonyms with a row that is found on one side only; empty marts not.

    A record's reference is left out: the same record has another one in another delivery.
    """
    differing = {}
    with duckdb.connect(str(bad.warehouse), read_only=True) as db:
        db.execute(f"attach '{clean.warehouse}' as clean (read_only)")
        marts = db.execute(
            "select distinct table_name from duckdb_columns() where database_name = 'clean' "
            "and schema_name = 'marts' and column_name = 'patient_id' order by 1"
        ).fetchall()
        assert len(marts) >= 7
        for (mart,) in marts:
            # Rows of one side are alone under their hash; equal rows are as many on both sides.
            rows = " union all ".join(
                f"select patient_id, {sign} as side, hash(kept) as row_hash from "
                f"(select columns(c -> c <> 'record_reference') from {schema}marts.{mart}) as kept"
                for sign, schema in ((1, ""), (-1, "clean."))
            )
            people = db.execute(
                f"select distinct patient_id from ({rows}) group by patient_id, row_hash "
                "having sum(side) <> 0"
            ).fetchall()
            if people:
                differing[mart] = {pseudonym for (pseudonym,) in people}
    return differing


def people_touched(touched: list[dict], *endings: Ending) -> set[str]:
    """Return the pseudonyms of the patients whose records a fault touched, on either side."""
    found: set[str] = set()
    for ending in endings:
        for export in {each["export"] for each in touched}:
            numbers = {each["record_number"] for each in touched if each["export"] == export}
            rows = ending.query(
                f"select record.record_number, person.pseudonym from raw.{export} as record "
                "inner join raw.patients as person "
                "on trim(record.patient_id) = trim(person.patient_id)"
            )
            found |= {name for number, name in rows if number in numbers and name}
    return found


def read_expected(out: Path) -> dict:
    """Return the statement that the simulator wrote beside a bad delivery."""
    return json.loads((out / "expected.json").read_text(encoding="utf-8"))
