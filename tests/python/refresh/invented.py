"""An invented registry: folders, a small warehouse with the documented schemas, and its steps.

The warehouse takes a fraction of a second and replaces ``dbt build`` in tests of the refresh
itself. Every patient in it is synthetic.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from core import files
from core.progress import Progress
from core.settings import PROJECT_ROOT, Settings
from expectations.rules import CheckOutcome, CheckReport
from refresh.build import BuildResult, RanTests
from refresh.run import run
from refresh.steps import Steps
from refresh.store import manifest, pack, publish
from refresh.store.manifest import Entry
from refresh.summary import Summary

TIMEPOINTS = ("baseline", "week_04", "week_16", "week_52")


@dataclass(frozen=True)
class Shape:
    """Content of the invented warehouse.

    Attributes
    ----------
    n_patients : int
        Enrolled patients, identifiers P0001 upwards.
    corrected_easi : dict
        Patient number to another EASI at week 4, in tenths of a point.
    n_unmapped : int
        Patients with an adverse event that no list knows; the first patient's is of its own.
    n_without_easi : int
        Patients without any EASI.
    is_recoded : bool
        Whether tacrolimus and corticosteroids are swapped for every second patient.
    """

    n_patients: int = 20
    load_id: str = "load-1"
    extraction_date: str | None = "2021-01-31"
    source_system: str = "clinic"
    key_fingerprint: str = "0123abcd"
    corrected_easi: tuple[tuple[int, float], ...] = ()
    is_recoded: bool = False
    other_sex: tuple[int, ...] = ()
    n_unmapped: int = 0
    n_without_easi: int = 0


_USUAL = Shape()


def pseudonym(number: int) -> str:
    """Return the invented pseudonym of a patient number."""
    return "p" + hashlib.sha256(f"invented {number}".encode()).hexdigest()[:16]


def write_warehouse(file: Path, shape: Shape) -> None:
    """Write raw, quarantine, marts and results tables into a new DuckDB file."""
    people = tuple((n, pseudonym(n)) for n in range(1, shape.n_patients + 1))
    file.write_bytes(_warehouse(shape, people))


@functools.lru_cache(maxsize=64)
def _warehouse(shape: Shape, people: tuple[tuple[int, str], ...]) -> bytes:
    """Return the bytes of a warehouse of this shape; most tests have the same one."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "warehouse.duckdb"
        _write_statements(file, shape, people)
        return file.read_bytes()


def _write_statements(file: Path, shape: Shape, people: Sequence[tuple[int, str]]) -> None:
    with duckdb.connect(str(file)) as db:
        # To choose a compression takes as long as to write these tables.
        db.execute("set force_compression = 'uncompressed'")
        db.execute("begin; create schema raw; create schema quarantine; create schema marts")
        db.execute("create schema results")
        db.execute("create table people (n integer, pseudonym varchar)")
        db.executemany("insert into people values (?, ?)", people)
        easi = ", ".join(f"({n}, {value})" for n, value in shape.corrected_easi) or "(-1, 0)"
        others = ", ".join(map(str, shape.other_sex)) or "-1"
        values = {
            "load_id": shape.load_id,
            "extraction": f"date '{shape.extraction_date}'" if shape.extraction_date else "null",
            "year": (shape.extraction_date or "0000")[:4],
            "system": shape.source_system,
            "key": shape.key_fingerprint,
            "easi": easi,
            "others": others,
            "recoded": "n % 2 = 0" if shape.is_recoded else "false",
            "label": "Invented delivery",
            "unmapped": shape.n_unmapped,
            "emptied": shape.n_without_easi,
        }
        for statement in _STATEMENTS:
            db.execute(statement.format(**values))
        db.execute("drop table people; commit; checkpoint")


_STATEMENTS = (
    """
    create table raw.delivery as select '{load_id}' as load_id, '{system}' as source_system,
        'clinic' as mapping_name, '1' as mapping_version, {extraction} as extraction_date,
        true as is_synthetic, '{label}' as delivery_label, 2 as n_files,
        '{key}' as key_fingerprint
    """,
    """
    create schema reference
    """,
    f"""
    create table reference.seasons as select first_month_number
    from read_csv('{PROJECT_ROOT}/seeds/protocol/seasons.csv')
    """,
    """
    create table raw.patients as select printf('P%04d', n) as patient_id,
        case when (n % 3 = 0) <> (n in ({others})) then 'F' else 'M' end as sex,
        printf('19%02d-05-04', 40 + n % 50) as birth_date,
        'patients.csv' as source_file, n::bigint as record_number, n + 1 as line_number,
        null::varchar as record_fault, pseudonym
    from people
    """,
    """
    create table raw.visits as select printf('V%06d', n * 10 + t) as visit_id,
        printf('P%04d', n) as patient_id, printf('2020-0%d-11', t + 1) as visit_date,
        printf('%.1f', coalesce(corrected.easi, 30 - 7 * t + n % 5)::double) as easi_score,
        'visits.csv' as source_file,
        row_number() over (order by n, t) as record_number, 0 as line_number
    from people cross join range(4) as timepoints(t)
    left join (values {easi}) as corrected(patient, easi)
        on corrected.patient = n and t = 1
    """,
    """
    create table raw.delivery_files as
    select '{load_id}' as load_id, 'patients' as export_name, 'patients.csv' as source_file,
        md5('{load_id}') as sha256, 100 as n_bytes, (select count(*) from raw.patients) as
        n_records_read
    union all
    select '{load_id}', 'visits', 'visits.csv', md5('{load_id} v'), 200,
        (select count(*) from raw.visits)
    """,
    """
    create table raw.delivery_notices (source_file varchar, notice_code varchar, detail varchar)
    """,
    """
    create table quarantine.rejected_records as
    select 'visits' as export_name, 'visits.csv' as source_file, 3::bigint as record_number,
        4::bigint as line_number, 'easi_score' as column_name, 'out_of_range' as rule_code,
        'value' as scope_code, 'Value out of range' as rule_label,
        'value conformance' as kahn_category, '720' as value_shown,
        'Correct it in the source system.' as hint
    """,
    """
    create table quarantine.record_ledger as
    select load_id, export_name, source_file, sha256, n_bytes, n_records_read,
        n_records_read as n_staged, 0 as n_quarantined, 0 as n_deduplicated,
        (export_name = 'visits')::integer as n_values_refused, 0 as balance
    from raw.delivery_files
    """,
    """
    create schema cohort
    """,
    """
    create table cohort.cohort_unmapped_records as select 'adverse_event' as term_kind,
        if(n = 1, 'seen by Anna Rossi', 'malaise') as term, printf('P%04d', n) as patient_id
    from people where n <= {unmapped}
    """,
    """
    insert into quarantine.record_ledger
    select load_id, 'adverse_events', 'adverse_events.csv', sha256, n_bytes, 100, 100, 0, 0, 0, 0
    from quarantine.record_ledger where export_name = 'visits' and {unmapped} > 0
    """,
    """
    create table marts.dim_delivery as select load_id, source_system, mapping_version,
        delivery_label, is_synthetic, {year}::integer as extraction_year, n_files
    from raw.delivery
    """,
    """
    create table marts.dim_patients as select pseudonym as patient_id,
        case when sex = 'F' then 'female' else 'male' end as sex_code,
        'persistent' as disease_course_code, 'classic' as clinical_phenotype_code,
        date '2019-12-01' as index_season_start_date, 2020 - left(birth_date, 4)::integer as
        age_at_index_years, true as is_evaluable,
        left(md5('{load_id} ' || record_number), 16) as record_reference
    from raw.patients
    """,
    """
    create table marts.fct_patient_timepoints as
    select people.pseudonym as patient_id,
        ['baseline', 'week_04', 'week_16', 'week_52'][t + 1] as timepoint_code,
        case when (n % 4 = 0) <> ({recoded}) then 'tacrolimus' else 'corticosteroids' end
            as topical_regimen_code,
        case when n > {emptied} then visits.easi_score::decimal(4, 1) end as easi_score,
        true as is_attended
    from people cross join range(4) as timepoints(t)
    inner join raw.visits on visits.visit_id = printf('V%06d', n * 10 + t)
    """,
    """
    create table marts.fct_cohort_attrition as select 1 as step_number,
        'has_index_treatment' as criterion_code, count(*) as n_patients, 0 as n_excluded
    from people
    """,
    """
    create table results.estimates as
    select 'mean_easi_' || timepoint_code as result_id, 'A04' as analysis_id,
        'enrolled' as population, timepoint_code as timepoint, 'mean' as statistic,
        avg(easi_score)::double as value, count(*) as n
    from marts.fct_patient_timepoints group by all
    """,
    "comment on table marts.dim_patients is 'One row per enrolled patient; it''s invented.'",
    "comment on column marts.dim_patients.sex_code is 'Sex: female or male.'",
    "comment on table results.estimates is 'One row per estimate.'",
)


def passed_report(state: str = "passed", severity: str = "critical") -> CheckReport:
    """Return a report with one expectation in the given state."""
    outcome = CheckOutcome(
        "marts_dim_patients", "has_patients", None, state, severity, "mart", "completeness",
        "verification", "A registry has patients.", 0, 20, None, "0 rows",
    )  # fmt: skip
    return CheckReport((outcome,), 1)


def steps(shape: Shape, report: CheckReport | None = None) -> Steps:
    """Return the steps of a refresh whose build is the invented warehouse."""
    return Steps(
        key_fingerprint=lambda settings: shape.key_fingerprint,
        load=lambda settings: write_warehouse(settings.work_file, shape),
        build=lambda settings, progress, locks: BuildResult(RanTests(3, 3, 0), {"dbt": "none"}),
        check=lambda settings, previous: report or passed_report(),
        analyse=lambda settings, progress: None,
        report=lambda settings, progress: {},
    )


def make_folders(home: Path) -> Settings:
    """Make a vault and a published folder, and a delivery with two small files."""
    delivery = home / "delivery"
    delivery.mkdir()
    (delivery / "patients.csv").write_text("patient_id,sex\nA1,F\n", encoding="utf-8")
    (delivery / "visits.csv").write_text("visit_id,patient_id\nV1,A1\n", encoding="utf-8")
    made = Settings(
        root=home,
        delivery=delivery,
        vault=home / "vault",
        published=home / "published",
    )
    files.private_folder(made.vault)
    files.public_folder(made.published)
    files.public_folder(made.versions)
    files.private_folder(made.incoming)
    files.private_folder(made.work)
    return made


def refresh(
    settings: Settings,
    shape: Shape | None = None,
    report: CheckReport | None = None,
    chosen: Steps | None = None,
    **changed: object,
) -> Summary:
    """Run one refresh whose build is the invented warehouse, or whose steps are given."""
    with Progress(is_quiet=True) as progress:
        return run(
            dataclasses.replace(settings, **changed),
            chosen or steps(shape or Shape(), report),
            progress,
        )


def published_before(
    settings: Settings, *later: tuple[str, Shape], first: Shape = _USUAL
) -> Settings:
    """Copy a registry of these published versions into the folders; each is made once.

    ``later`` are the deliveries after the first one, each with what is built of it.
    """
    return copy_registry(_history(first, later), settings)


@functools.cache
def _history(first: Shape, later: tuple[tuple[str, Shape], ...]) -> Settings:
    made = make_folders(Path(tempfile.mkdtemp(dir=_kept_folder().name)))
    if not later:
        refresh(made, first)
        return made
    copy_registry(_history(first, later[:-1]), made)
    text, shape = later[-1]
    deliver(made, text)
    refresh(made, shape)
    return made


_kept_folder = functools.cache(tempfile.TemporaryDirectory)
"""One for the process, removed at its end."""


def copy_registry(made: Settings, settings: Settings) -> Settings:
    """Put a copy of a registry and of its delivery in the place of these folders."""
    for name in ("delivery", "vault", "published"):
        folder = getattr(settings, name)
        shutil.rmtree(folder)
        shutil.copytree(getattr(made, name), folder, symlinks=True)
    return settings


def deliver(settings: Settings, text: str) -> None:
    """Change a file of the delivery, so that the next refresh has something to do."""
    (settings.delivery / "visits.csv").write_text(text, encoding="utf-8")


def publish_work_file(settings: Settings, **about: object) -> Entry:
    """Pack and publish the work file without the rest of a refresh."""
    entry: Entry = {
        "seq": manifest.next_sequence(manifest.read(settings.manifest)),
        "build_id": "aaaa1111",
        "load_id": "load-1",
        "source_system": "clinic",
        "key_fingerprint": "0123abcd",
        "is_synthetic": True,
        "packed_at": manifest.now(),
        **about,
    }
    candidate = settings.incoming / "candidate.duckdb"
    contents = pack.pack(settings.work_file, candidate, entry)
    entry["tables"] = [content.as_entry() for content in contents]
    return publish.publish(settings, candidate, entry)
