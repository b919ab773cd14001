"""Small counts stay hidden however one computes, and no cell becomes a formula."""

from __future__ import annotations

import csv
import itertools
import re

import duckdb
import numpy as np
import openpyxl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.progress import Progress
from refresh import cli, export, fake_build, pipeline, spreadsheet, suppression
from refresh.suppression import CountTable, intervals, protect, protect_together, too_narrow


def table(rows, name="t", **about):
    inner = np.array(rows)
    return CountTable.from_inner(
        inner,
        name=name,
        title=name,
        row_labels=[f"r{i}" for i in range(inner.shape[0])],
        column_labels=[f"c{i}" for i in range(inner.shape[1])],
        row_dimension="row",
        column_dimension="column",
        population=about.get("population", name),
    )


def solutions(protected, highest):
    """Every inner table that the printed cells allow, by trying all of them."""
    n_rows, n_columns = (n - 1 for n in protected.shape)
    for values in itertools.product(range(highest + 1), repeat=n_rows * n_columns):
        inner = np.array(values).reshape(n_rows, n_columns)
        full = table(inner).counts
        if all(
            full[cell] == protected.counts[cell]
            for cell in np.ndindex(*protected.shape)
            if cell not in protected.hidden
        ):
            yield full


def test_a_single_small_cell_takes_others_with_it():
    protected = protect(table([[2, 30, 40], [20, 35, 45]]), 5)
    assert (0, 0) in protected.hidden
    inner = {cell for cell in protected.hidden if cell[0] < 2 and cell[1] < 3}
    assert len(inner) >= 4
    assert too_narrow(protected, 5) == []


def test_the_audit_agrees_with_trying_every_table():
    protected = protect(table([[1, 6], [7, 3]]), 3)
    highest = int(protected.counts.max())
    found = intervals(protected)
    tried = list(solutions(protected, highest))
    for cell, (low, high) in found.items():
        values = [full[cell] for full in tried]
        assert min(values) == low
        if high is not None and high <= highest:
            assert max(values) == high


@pytest.mark.fault("P242")
@hypothesis_settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 4).flatmap(
        lambda n: st.lists(
            st.lists(st.integers(0, 40), min_size=n, max_size=n), min_size=1, max_size=5
        )
    ),
    k=st.integers(3, 11),
)
def test_no_hidden_count_can_be_narrowed_below_the_threshold(rows, k):
    protected = protect(table(rows), k)
    assert suppression.primary(protected, k) <= protected.hidden
    assert too_narrow(protected, k) == []
    for cell, (low, high) in intervals(protected).items():
        assert low <= protected.counts[cell]
        assert high is None or protected.counts[cell] <= high


def test_a_table_without_small_counts_stays_whole():
    assert protect(table([[10, 0], [20, 30]]), 5).hidden == set()


@pytest.mark.fault("P242")
def test_the_seed_papers_table_is_not_given_away():
    """Table I, sites by sex: 4 counts below 5, all of them computable from totals as printed."""
    sites = table([[14, 15], [33, 16], [1, 0], [72, 84], [4, 4], [4, 3], [54, 40], [8, 2]])
    protected = protect(sites, 5)
    assert len(protected.hidden) > 7
    assert too_narrow(protected, 5) == []


def test_a_total_hidden_in_one_table_is_hidden_in_every_table_that_prints_it():
    small = table([[2, 1], [40, 50]], "a", population="p")
    large = table([[1, 2], [20, 70]], "b", population="p")
    protect_together([small, large], 5)
    hidden = [
        {t for t, at in suppression._totals(x).items() if at in x.hidden} for x in (small, large)
    ]
    assert hidden[0] == hidden[1]
    for protected in (small, large):
        assert too_narrow(protected, 5) == []


def shared_total(full):
    """The totals that two tables over the same rows both print: of the rows, and of everything."""
    return tuple(int(n) for n in full[:, -1])


def possible(tables, highest):
    """Every pair of tables that the printed cells of both allow together."""
    ways = [[full for full in solutions(one, highest) if full.max() <= highest] for one in tables]
    totals = [{shared_total(full) for full in found} for found in ways]
    both = totals[0] & totals[1]
    return [[full for full in found if shared_total(full) in both] for found in ways]


@pytest.mark.parametrize("seed", range(5))
def test_no_count_of_linked_tables_can_be_narrowed_by_reading_both(seed):
    chance = np.random.default_rng(seed)
    left = chance.integers(0, 4, size=(2, 2))
    split = np.array([[chance.integers(0, n + 1)] for n in left.sum(axis=1)])
    right = np.hstack([split, left.sum(axis=1, keepdims=True) - split])
    tables = [table(left, "a", population="p"), table(right, "b", population="p")]
    tables[1].column_dimension = "other"
    k, highest = 3, 12
    protect_together(tables, k)
    assert suppression.too_narrow_together(tables, k) == []
    for one, ways in zip(tables, possible(tables, highest), strict=True):
        assert suppression.primary(one, k) <= one.hidden
        for cell in one.hidden:
            values = {int(full[cell]) for full in ways}
            assert max(values) - min(values) >= k, (one.name, cell)


def test_tables_that_are_safe_alone_and_not_together_are_found():
    tables = [
        table([[8, 1], [8, 1], [0, 6]], "a", population="p"),
        table([[0, 9], [7, 2], [1, 5]], "b", population="p"),
    ]
    tables[1].column_dimension = "other"
    for one in tables:
        one.hidden = {(r, c) for r in range(3) for c in range(3)} - {(2, 0), (2, 1)}
    tables[0].hidden.add((2, 1))
    tables[1].hidden.add((2, 0))
    assert [too_narrow(one, 5) for one in tables] == [[], []]
    assert len(suppression.too_narrow_together(tables, 5)) == 6
    protect_together(tables, 5)
    assert suppression.too_narrow_together(tables, 5) == []


def test_tables_of_one_population_count_the_same_rows():
    sources = {}
    for spec in export.TABLES:
        assert sources.setdefault(spec.population, spec.source) == spec.source
    assert len(set(sources.values())) == len(sources)
    assert [spec.source for spec in export.TABLES].count(export._SCORED) == 2


@pytest.mark.parametrize(
    "text",
    ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\0=1", "＝1"],
)
def test_no_text_becomes_a_formula(tmp_path, text):
    spreadsheet.write_csv(tmp_path / "a.csv", [[text]])
    spreadsheet.write_xlsx(tmp_path / "a.xlsx", {"a": [[text]]})
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert next(csv.reader(stream))[0].startswith("'")
    cell = openpyxl.load_workbook(tmp_path / "a.xlsx")["a"]["A1"]
    assert cell.data_type == "s"
    assert cell.value.startswith("'")


def test_numbers_and_plain_words_stay_what_they_are(tmp_path):
    spreadsheet.write_xlsx(tmp_path / "a.xlsx", {"a": [["week_04", -3]]})
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["a"]
    assert (sheet["A1"].value, sheet["B1"].value) == ("week_04", -3)


@pytest.fixture
def registry(settings):
    """A published registry of sixty invented patients with the columns that exports count."""

    def load(given):
        fake_build.write_warehouse(given.work_file, fake_build.Shape(n_patients=60))
        with duckdb.connect(str(given.work_file)) as db:
            db.execute(
                "alter table marts.dim_patients add column critical_area_code varchar; "
                "update marts.dim_patients set critical_area_code = "
                "case when source_record_number <= 2 then 'face' else 'none' end; "
                "alter table marts.fct_patient_timepoints add column easi_study_band_code varchar; "
                "alter table marts.fct_patient_timepoints add column has_easi_75_response boolean; "
                "alter table marts.fct_patient_timepoints add column is_regimen_evaluable boolean; "
                "update marts.fct_patient_timepoints set is_regimen_evaluable = true, "
                "has_easi_75_response = easi_score < 10, easi_study_band_code = "
                "case when easi_score < 7 then 'mild' else 'moderate' end"
            )

    import dataclasses

    steps = dataclasses.replace(fake_build.steps(fake_build.Shape()), load=load)
    with Progress(is_quiet=True) as progress:
        pipeline.run(settings, steps, progress)
    return settings


def export_to(settings, out, *more):
    return cli.main(
        [
            "export",
            "--allow-outside",
            "--vault",
            str(settings.vault),
            "--published",
            str(settings.published),
            "--out",
            str(out),
            *more,
        ]
    )


def cells_of(path):
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))


@pytest.mark.fault("P245")
def test_an_export_holds_no_small_count_and_no_patient(registry, tmp_path):
    assert export_to(registry, tmp_path / "out") == 0
    files = sorted(path.name for path in (tmp_path / "out").glob("*.csv"))
    assert "sex_by_critical_area.csv" in files
    for path in (tmp_path / "out").glob("*.csv"):
        text = path.read_text(encoding="utf-8-sig")
        assert fake_build.pseudonym(1) not in text
        assert not re.search(r"minimum|maximum|median|range|mean|\d{4}-\d{2}-\d{2}", text, re.I)
        for row in cells_of(path)[1:]:
            assert not {"1", "2", "3", "4"} & set(row[1:]), (path.name, row)
    assert export.HIDDEN in cells_of(tmp_path / "out" / "sex_by_critical_area.csv")[1]


def test_the_workbook_holds_the_same_tables(registry, tmp_path):
    export_to(registry, tmp_path / "out")
    book = openpyxl.load_workbook(tmp_path / "out" / "registry_tables.xlsx")
    assert book.sheetnames[0] == "read me"
    assert len(book.sheetnames) == 1 + len(export.TABLES) + 1


def test_counts_are_rounded_when_asked(registry, tmp_path):
    export_to(registry, tmp_path / "out", "--round", "5")
    rows = cells_of(tmp_path / "out" / "sex_by_course.csv")[1:]
    numbers = [int(cell) for row in rows for cell in row[1:] if cell != export.HIDDEN]
    assert numbers
    assert all(number % 5 == 0 for number in numbers)


def test_exact_counts_want_a_reason_and_are_recorded(registry, tmp_path, capsys):
    assert export_to(registry, tmp_path / "out", "--internal-exact") == 2
    assert "--reason" in capsys.readouterr().err
    assert export_to(registry, tmp_path / "out", "--internal-exact", "--reason", "audit") == 0
    assert '"is_exact": true' in registry.manifest.read_text()


def test_a_release_that_differs_by_few_people_is_refused(registry, tmp_path, capsys):
    export_to(registry, tmp_path / "out")
    line = (registry.vault / export.RELEASES).read_text()
    (registry.vault / export.RELEASES).write_text(line.replace(": 60", ": 58"))
    assert export_to(registry, tmp_path / "again") == 6
    assert "fewer than 5 people" in capsys.readouterr().err
    assert not (tmp_path / "again" / "sex_by_course.csv").exists()
    more = ("--accept-difference", "--reason", "the owner agreed")
    assert export_to(registry, tmp_path / "again", *more) == 0


def test_the_same_release_twice_is_fine(registry, tmp_path):
    assert export_to(registry, tmp_path / "out") == 0
    assert export_to(registry, tmp_path / "out") == 0


def test_an_export_does_not_write_into_the_vault_or_the_published_folder(registry):
    assert export_to(registry, registry.published / "out") == 9


def test_a_threshold_that_hides_nothing_is_refused(registry, tmp_path):
    assert export_to(registry, tmp_path / "out", "--threshold", "1") == 2
