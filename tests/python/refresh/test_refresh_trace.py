"""Records behind published rows: found by the data manager, and by nobody who has the exports."""

from __future__ import annotations

import csv
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from builds import ROOT

from core.settings import Settings
from core.stop import ExitCode, Stop
from refresh.store import versions
from refresh.store.trace import trace
from registry.main import main

DEMO = ROOT / "exports" / "demo"


@pytest.fixture(scope="module")
def settings(published_demo: Path) -> Settings:
    return Settings(vault=published_demo / "vault", published=published_demo / "published")


@pytest.fixture(scope="module")
def both(settings: Settings):
    """The published file and its vault, side by side: what is open, and the truth."""
    current = versions.served(settings)
    kept = settings.vault / versions.name_of(current) / settings.work_file.name
    with duckdb.connect() as db:
        db.execute(f"attach '{current}' as open_file (read_only)")
        db.execute(f"attach '{kept}' as vault (read_only)")
        yield db


def rank_correlation(left: pd.Series, right: pd.Series) -> float:
    return float(np.corrcoef(left.rank(), right.rank())[0, 1])


# -- trace -----------------------------------------------------------------------------------------


def test_every_published_reference_leads_to_one_record(both):
    marts = both.execute(
        "select table_name from duckdb_columns() where database_name = 'open_file' "
        "and column_name = 'record_reference' order by 1"
    ).fetchall()
    assert len(marts) == 5
    for (mart,) in marts:
        n_rows, n_found, n_records = both.execute(
            "select count(rows.record_reference), count(origins.record_number), "
            "count(distinct (origins.source_file, origins.record_number)) "
            "filter (origins.record_number is not null) "
            f"from open_file.marts.{mart} as rows "
            "left join vault.quarantine.record_references as origins using (record_reference)"
        ).fetchone()
        assert n_rows == n_found == n_records > 100, mart


def test_a_number_leads_back_to_its_record(settings, both, capsys):
    """The reviewer's question: the file and record behind a score hold that score."""
    reference, score = both.execute(
        "select record_reference, easi_score from open_file.marts.fct_patient_timepoints "
        "where timepoint_code = 'week_16' and easi_score is not null order by patient_id limit 1"
    ).fetchone()
    folders = ["--vault", str(settings.vault), "--published", str(settings.published)]
    assert main(["trace", reference.upper(), "--allow-outside", *folders]) == ExitCode.OK
    said = capsys.readouterr().out
    found = re.fullmatch(
        r"visits\.csv: record (\d+), line (\d+) \(export visits, version \d+_\w+\)\n", said
    )
    assert found, said
    lines = (DEMO / "visits.csv").read_text().splitlines()
    record = list(csv.DictReader(lines))[int(found[1]) - 1]
    assert float(record["easi_score"]) == float(score)
    assert lines[int(found[2]) - 1].startswith(record["visit_id"])


@pytest.mark.parametrize(
    ("reference", "rule"),
    [("p0123", "no_reference"), ("", "no_reference"), ("0" * 16, "unknown_reference")],
)
def test_what_is_no_reference_or_unknown_ends_with_2(settings, reference, rule):
    with pytest.raises(Stop) as stopped:
        trace(settings, reference)
    assert (stopped.value.code, stopped.value.rule) == (ExitCode.USAGE, rule)


def test_a_reference_whose_vault_is_gone_says_so(settings, both, tmp_path):
    reference = both.execute("select max(record_reference) from open_file.marts.dim_patients")
    (tmp_path / "vault").mkdir()
    with pytest.raises(Stop, match=r"the vault of version .* is gone") as stopped:
        trace(replace(settings, vault=tmp_path / "vault"), reference.fetchone()[0])
    assert stopped.value.code == ExitCode.ENVIRONMENT


def test_tracing_leaves_nothing_behind(settings, both):
    before = sorted(settings.vault.rglob("*"))
    with pytest.raises(Stop):
        trace(settings, "f" * 16)
    assert sorted(settings.vault.rglob("*")) == before


# -- attacks by somebody who has the exports, or knows the clinic's numbers ------------------------


def test_no_published_value_is_the_place_or_the_identifier_of_a_record(both):
    """The first attack: a value of a patient's row that names the patient in the clinic."""
    patients = both.execute(
        "select now.*, person.record_number as place, "
        "regexp_replace(person.patient_id, '[^0-9]', '', 'g')::integer as identifier "
        "from open_file.marts.dim_patients as now "
        "inner join vault.raw.patients as person on now.patient_id = person.pseudonym"
    ).df()
    assert len(patients) == 342
    truth = patients[["place", "identifier"]]
    for name in patients.columns.drop(["place", "identifier"]):
        for secret in truth:
            same = patients[name].astype(str) == truth[secret].astype(str)
            assert same.mean() < 0.05, (name, secret)
    # Five standard errors of a rank correlation of independent values.
    bound = 5 / np.sqrt(len(patients))
    for by in ("record_reference", "patient_id"):
        number = patients[by].map(lambda text: int(text.removeprefix("p"), 16))
        for secret in truth:
            assert abs(rank_correlation(number, truth[secret])) < bound, (by, secret)


def test_no_table_is_in_the_order_of_the_export(both):
    for mart in ("dim_patients", "fct_patient_timepoints", "fct_adverse_events", "fct_scores"):
        places = both.execute(
            "select now.row_place, person.record_number as place from ("
            f"select row_number() over () as row_place, patient_id from open_file.marts.{mart}"
            ") as now inner join vault.raw.patients as person on now.patient_id = person.pseudonym"
        ).df()
        n_patients = places["place"].nunique()
        correlation = rank_correlation(places["row_place"], places["place"])
        assert abs(correlation) < 5 / np.sqrt(n_patients), mart


def median_error_of_index_dates(visits: pd.DataFrame, order: str) -> float:
    """The second attack: the visits are in the order of their dates, so their rank is a date.

    The attacker knows how many visits the clinic had on each day, takes the rank of a visit in
    `order` for its rank by date, and subtracts the study day.

    Returns
    -------
    float
        Median distance from the true index date, in days.
    """
    dates = visits["visit_date"].sort_values().to_numpy()
    ranks = visits[order].rank(method="first").astype(int).to_numpy() - 1
    guesses = pd.Series(dates[ranks]) - pd.to_timedelta(visits["visit_day"].to_numpy(), unit="D")
    by_patient = guesses.groupby(visits["patient_id"].to_numpy()).median()
    truth = visits.groupby("patient_id")["index_date"].first()
    return float((by_patient - truth).abs().dt.days.median())


def test_order_and_study_days_give_nobodys_index_date(both):
    visits = both.execute(
        "select now.patient_id, now.record_reference, now.visit_day, now.timepoint_number, "
        "chosen.record_number, chosen.visit_date, person.index_date, "
        "row_number() over () as row_place "
        "from open_file.marts.fct_patient_timepoints as now "
        "inner join vault.cohort.cohort_patients as person on now.patient_id = person.pseudonym "
        "inner join vault.cohort.cohort_visits as chosen "
        "on person.patient_id = chosen.patient_id and now.timepoint_code = chosen.timepoint_code"
    ).df()
    assert len(visits) > 1000
    assert median_error_of_index_dates(visits, "record_number") <= 3  # the attack works
    for order in ("record_reference", "patient_id", "row_place"):
        assert median_error_of_index_dates(visits, order) > 60, order


def test_the_key_of_the_references_is_in_no_published_file(settings, both):
    key = both.execute("select reference_key from vault.raw.delivery").fetchone()[0]
    assert re.fullmatch("[0-9a-f]{32}", key)
    for folder, _, names in os.walk(settings.published):
        for name in names:
            assert key.encode() not in (Path(folder) / name).read_bytes(), name
    columns = both.execute(
        "select column_name from duckdb_columns() where database_name = 'open_file'"
    ).fetchall()
    assert not {name for (name,) in columns} & {"reference_key", "source_record_number"}


def test_the_same_delivery_gives_the_same_references_and_another_load_none_of_them(
    both, tmp_path, monkeypatch, published_demo
):
    from intake.delivery import open_delivery
    from intake.loader import load_delivery
    from privacy.pseudonyms import load_key

    monkeypatch.setenv("REGISTRY_KEY_FILE", str(published_demo / "key" / "demo.key"))
    key = load_key(True)
    before = both.execute("select reference_key from vault.raw.delivery").fetchone()[0]
    delivery = Path(shutil.copytree(DEMO, tmp_path / "delivery"))
    keys = []
    for more in ("", "extraction_date: 2020-12-30\n"):
        text = (DEMO / "delivery.yml").read_text()
        if more:
            text = re.sub("(?m)^extraction_date:.*\n", more, text)
        (delivery / "delivery.yml").write_text(text)
        with duckdb.connect() as db:
            keys.append(load_delivery(open_delivery(delivery, ""), key, db)["reference_key"])
    assert keys[0] == before
    assert keys[1] != before
