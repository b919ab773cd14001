"""The worklist of unknown words: counts, nearest known terms, and its way back into a mapping."""

from __future__ import annotations

import csv

import duckdb
import propose_sources as sources

from intake.mapping import load_mapping
from intake.propose.draft import propose
from refresh.worklist import UnknownWord, nearest, unknown_words, worklist_csv


def test_the_nearest_terms_are_those_of_the_kind_with_their_meaning():
    assert nearest("sex", "femmnia")[0] == "femmina = female"
    assert nearest("comorbidity", "asma allergia")[0].startswith("asma allergic")
    assert nearest("drug", "dupixant")[0].startswith("dupixent")
    assert nearest("yes_no", "qwerty") == ()


def test_the_worklist_is_read_back_from_beside_the_mapping_or_from_the_vault(tmp_path, monkeypatch):
    words = [UnknownWord("drug", "crema, forte", 3, 2), UnknownWord("sex", "w", 9, 9)]
    rows = list(csv.DictReader(worklist_csv(words).splitlines()))
    assert [(row["kind"], row["word"], row["n_records"], row["code"]) for row in rows] == [
        ("drug", "crema, forte", "3", ""),
        ("sex", "w", "9", ""),
    ]
    empty = worklist_csv(words)
    line = next(line for line in empty.splitlines() if "crema" in line)
    filled = empty.replace(line, line + "emollient")
    vault = tmp_path / "vault"
    vault.mkdir()
    (vault / "ours_words.csv").write_text(filled)
    monkeypatch.setenv("REGISTRY_VAULT", str(vault))
    path = propose(sources.long_scores(tmp_path / "delivery"), str(tmp_path / "ours.yml")).path
    path.write_text(path.read_text() + "words_file: ours_words.csv\n")
    in_vault = load_mapping(str(path))
    assert dict(in_vault.words["drug"]) == {"crema, forte": "emollient"}
    (tmp_path / "ours_words.csv").write_text(worklist_csv(words))
    beside = load_mapping(str(path))
    assert "drug" not in beside.words
    assert beside.sha256 != in_vault.sha256


def test_unknown_words_of_the_demo_are_counted_with_their_patients(warehouse):
    with duckdb.connect(str(warehouse), read_only=True) as db:
        found = {(word.kind, word.word): word[2:] for word in unknown_words(db)}
        terms = db.execute("select term_kind, term from cohort.cohort_unmapped_terms").fetchall()
    assert set(terms) < set(found)
    assert found["sex", "x"] == (1, 1)
    assert found["yes_no", "perhaps"] == (1, 1)
