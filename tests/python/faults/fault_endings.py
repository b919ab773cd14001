"""What became of a delivery, and how that compares with a clean one."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
from short_road import BuildStep

from expectations import gate
from expectations.facts import Facts, gather
from intake.delivery import open_delivery
from intake.folder import plan_folder
from intake.loader import all_judgements
from refresh import delivery, files, load, quality_tables
from refresh.codes import Stop
from refresh.gate import require_passed
from refresh.progress import Progress
from refresh.settings import Settings

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
        """Every line that a person is told about a stop."""
        return [] if self.stop is None else [self.stop.what, *self.stop.details]

    def query(self, sql: str) -> list[tuple]:
        """Ask the work file."""
        with duckdb.connect(str(self.warehouse), read_only=True) as db:
            return db.execute(sql).fetchall()


def go(folder: Path, home: Path, build: BuildStep, known: Facts | None = None) -> Ending:
    """Lead a delivery through intake, models, data tests, ledger and expectations.

    Parameters
    ----------
    folder : Path
        The delivery.
    home : Path
        Gets a vault of its own.
    build : callable
        The short road's or dbt's.
    known : Facts, optional
        The load before, with which volumes, dates and means are compared.

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
    assert result.tests.n_run == result.tests.n_expected > 100
    ending.ledger = {line["source_file"]: line for line in delivery.ledger_of(settings.work_file)}
    rows = ending.query("select rule_code, scope_code from quarantine.rejected_records")
    ending.rules = Counter(rule for rule, _ in rows)
    ending.scopes = Counter(scope for _, scope in rows)
    with duckdb.connect(str(settings.work_file)) as db:
        quality_tables.create_all(db)
        quality_tables.fill_from_vault(db)
    now = gather(settings.work_file, None, {}, None)
    compared = replace(known, extraction_date=now.extraction_date) if known else now
    report = gate.run(settings.work_file, compared)
    ending.failed = [each.name for each in report.of_state("failed")]
    try:
        require_passed(settings, report, {})
    except Stop as stop:
        ending.stop = stop
    return ending


def refusal_codes(folder: Path) -> list[str]:
    """Return why intake refuses the files of a delivery."""
    opened = open_delivery(folder)
    plan = plan_folder(opened)
    judged = [each.refusal for each in all_judgements(opened, plan)]
    return [refusal.code for refusal in [*plan.refusals, *judged] if refusal is not None]


def facts_after(ending: Ending) -> Facts:
    """Return what a second delivery is compared with after this one was published."""
    records = dict(ending.query("select export_name, n_records_read from raw.delivery_files"))
    newest = delivery.private_facts_of(ending.warehouse)["newest_visit_date"]
    return gather(ending.warehouse, ending.warehouse, records, newest)


def count_records(path: Path) -> int:
    """Count the records of a CSV file with the standard library alone.

    Blank lines and a lone end-of-file mark are no records; a header that comes again is one.
    """
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    rows = csv.reader(io.StringIO(text, newline=""))
    return sum(1 for row in rows if row and row != ["\x1a"]) - 1


def compare_patients(clean: Ending, bad: Ending, touched: set[str]) -> dict[str, int]:
    """Count, per mart, rows of patients outside `touched` that are not equal on both sides.

    Parameters
    ----------
    touched : set of str
        Pseudonyms that are left out on both sides.

    Returns
    -------
    dict
        Mart to rows found on one side only; empty when all is equal.
    """
    differing = {}
    with duckdb.connect(str(bad.warehouse), read_only=True) as db:
        db.execute(f"attach '{clean.warehouse}' as clean (read_only)")
        db.execute("create temp table touched (patient_id varchar)")
        if touched:
            db.executemany("insert into touched values (?)", [[each] for each in sorted(touched)])
        marts = db.execute(
            "select distinct table_name from duckdb_columns() where database_name = 'clean' "
            "and schema_name = 'marts' and column_name = 'patient_id' order by 1"
        ).fetchall()
        assert len(marts) >= 7
        for (mart,) in marts:
            picked = "columns(c -> c not in ('source_file', 'source_record_number'))"
            sides = [
                f"select {picked} from {side}marts.{mart} "
                "where patient_id not in (select patient_id from touched)"
                for side in ("clean.", "")
            ]
            n = db.execute(
                f"select count(*) from (({sides[0]} except all {sides[1]}) "
                f"union all ({sides[1]} except all {sides[0]}))"
            ).fetchone()[0]
            if n:
                differing[mart] = n
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
