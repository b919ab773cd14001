"""The worklist: words of a delivery that no list and no mapping knows, as a CSV to fill in.

The same models find them in the work folder of the vault and are removed; nothing is published.
The CSV holds words of patients' records: it belongs into the vault.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import duckdb

from core import duck, files
from core.duck import quote
from core.progress import Progress
from core.settings import Settings
from core.stop import ExitCode, Stop
from intake.contract import EXPORTS, codes_of, seed_rows
from intake.delivery import open_delivery
from intake.propose.roles import TERM_LISTS, known_words
from refresh import build, load
from refresh.dbt_process import DbtProcess
from refresh.store import folders

_MODELS = ("+cohort_unmapped_terms", "+rejected_records")
_UNKNOWN = "unknown_code"
_MOST_NEAREST = 3
_LEAST_LIKENESS = 0.6
COLUMNS = ("kind", "word", "n_records", "n_patients", "nearest", "code")
_CODES = {"drug": "treatment_class_code", "comorbidity": "comorbidity_code",
          "adverse_event": "adverse_event_code"}  # fmt: skip


class UnknownWord(NamedTuple):
    """A word with how often it occurs.

    Attributes
    ----------
    kind : str
        Kind of word, as a mapping names it.
    word : str
        In lower case, without outer blanks.
    n_records, n_patients : int
        Records, and patients who have it.
    """

    kind: str
    word: str
    n_records: int
    n_patients: int


@dataclass(frozen=True)
class Worklist:
    """A worklist that was written.

    Attributes
    ----------
    path : Path
        The CSV, readable by its owner only.
    """

    path: Path
    words: list[UnknownWord]

    def counts(self) -> list[tuple[str, int, int]]:
        """Return kind, number of words and their records."""
        kinds = sorted({word.kind for word in self.words})
        return [
            (kind, len(of_kind), sum(word.n_records for word in of_kind))
            for kind in kinds
            if (of_kind := [word for word in self.words if word.kind == kind])
        ]


def write(settings: Settings, out: Path | None, progress: Progress) -> Worklist:
    """Find the unknown words of a delivery and write them as CSV.

    Parameters
    ----------
    out : Path or None
        The file; by default ``<mapping>_words.csv`` in the vault.

    Raises
    ------
    Stop
        The delivery is refused, the models fail, or the file is there with codes in it.
    """
    with folders.locked(settings, "registry words") as locks:
        files.clear_folder(settings.work)
        try:
            progress.step("Loading the delivery")
            mapping = open_delivery(settings.delivery, settings.mapping).mapping.name
            path = out or settings.vault / f"{mapping}_words.csv"
            _require_unfilled(path)
            load.load(settings)
            progress.step("Reading its words with dbt")
            build.build_models(settings, _MODELS, progress, locks, DbtProcess())
            with duckdb.connect(str(settings.work_file), read_only=True) as db:
                words = unknown_words(db)
        finally:
            files.clear_folder(settings.work)
    files.write_whole(path, worklist_csv(words), mode=0o600)
    path.chmod(0o600)
    return Worklist(path, words)


def _require_unfilled(path: Path) -> None:
    """Stop before a worklist with codes would be overwritten."""
    if path.exists() and any(
        line.rstrip("\n").rpartition(",")[2].strip()
        for line in path.read_text(encoding="utf-8-sig").splitlines()[1:]
    ):
        raise Stop(
            ExitCode.USAGE,
            f"{path} has codes in it and would be overwritten",
            "name another file with --out, and move the codes over",
            "worklist_filled",
        )


def unknown_words(db: duckdb.DuckDBPyConnection) -> list[UnknownWord]:
    """Return names and terms of no code list, and words that staging refused, with their counts.

    Parameters
    ----------
    db : DuckDBPyConnection
        A warehouse with staging, quarantine and the cohort's drugs and terms.
    """
    found = [
        UnknownWord(row["term_kind"], row["term"], row["n_records"], row["n_patients"])
        for row in duck.rows(db, "select * from cohort.cohort_unmapped_terms")
    ]
    by_word: dict[tuple[str, str], tuple[int, int]] = {}
    listed = [
        (export, column.name, column.word_kind)
        for export, columns in EXPORTS.items()
        for column in columns
        if column.word_kind
    ]
    for export, column, kind in listed:
        for row in duck.rows(
            db,
            f"""
            select
                lower(trim(raw_records.{quote(column)})) as word,
                count(*) as n_records,
                count(distinct raw_records.patient_id) as n_patients
            from quarantine.rejected_records as refused
            inner join raw.{quote(export)} as raw_records
                on refused.source_file = raw_records.source_file
                and refused.record_number = raw_records.record_number
            where refused.export_name = '{export}'
                and refused.column_name = '{column}'
                and refused.rule_code = '{_UNKNOWN}'
            group by all
            """,
        ):
            n_records, n_patients = by_word.get((kind, row["word"]), (0, 0))
            by_word[kind, row["word"]] = (
                n_records + row["n_records"],
                n_patients + row["n_patients"],
            )
    found += [UnknownWord(*key, *counts) for key, counts in by_word.items()]
    return found


@cache
def known_terms(kind: str) -> Mapping[str, str]:
    """Return the words that the lists know for a kind -> what each means ("" where it varies)."""
    if kind not in TERM_LISTS:
        return {**{code: code for code in codes_of(kind)}, **known_words(kind)}
    file, column = TERM_LISTS[kind]
    return {row[column]: row.get(_CODES[kind], "") for row in seed_rows(file)}


@cache
def nearest(kind: str, word: str) -> tuple[str, ...]:
    """Return the known words of a kind that look most like a word, best first, with their meaning.

    Examples
    --------
    >>> nearest("sex", "femmnia")
    ('femmina = female', 'femminile = female')
    """
    known = known_terms(kind)
    found = difflib.get_close_matches(word, known, _MOST_NEAREST, _LEAST_LIKENESS)
    return tuple(f"{each} = {known[each]}" if known[each] else each for each in found)


def worklist_csv(words: Iterable[UnknownWord]) -> str:
    """Return the worklist: most frequent first within a kind, the column ``code`` to be filled in.

    A mapping reads it with ``words_file``; a row without a code is skipped there.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for word in sorted(words, key=lambda each: (each.kind, -each.n_records, each.word)):
        writer.writerow([*word, "; ".join(nearest(word.kind, word.word)), ""])
    return text.getvalue()
