"""What a mapping reads of a delivery, and which words it does not know or does not select."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from intake.contract import EXPORTS, codes_of, known_words
from intake.mapping import Mapping
from intake.projection import Projection
from intake.propose.formats import counted
from intake.propose.roles import INDEX_CODE, index_atc_codes, names_index
from intake.propose.tables import LEAST_PATIENTS_OF_A_WORD
from intake.uses import FileUse

_MOST_WORDS = 10_000
_MOST_WORDS_SHOWN = 10
_LONGEST_WORD_SHOWN = 40
_MOST_UNSELECTED_SHOWN = 20
_LEAST_RECORDS_OF_A_WORD = 3
"""On average: a column with fewer records per word is prose or identifiers."""

Holders = dict[str, tuple[set[str], int]]
"""Word -> patients who have it, as many as decide whether it is shown, and records."""


def _count(found: Holders, word: str, patient: str | None) -> None:
    if word in found or len(found) < _MOST_WORDS:
        holders, n = found.get(word, (set(), 0))
        if patient and len(holders) < LEAST_PATIENTS_OF_A_WORD:
            holders.add(patient)
        found[word] = (holders, n + 1)


def _shown(found: Holders) -> dict[str, int]:
    """Return the words that say nothing about a person with their records, most frequent first."""
    ranked = sorted(found.items(), key=lambda item: (-item[1][1], item[0]))
    return {
        word: n
        for word, (holders, n) in ranked
        if len(holders) >= LEAST_PATIENTS_OF_A_WORD and len(word) <= _LONGEST_WORD_SHOWN
    }


@dataclass
class Coverage:
    """Counts over all rows of a delivery.

    Parameters
    ----------
    mapping : Mapping
        Its words are known ones.

    Attributes
    ----------
    n_records : Counter
        Export -> records that can be read.
    n_values : Counter
        Export and column -> records with a value that is no missing code.
    n_index_starts : int
        Prescriptions of the index treatment with a start.
    unknown : dict
        Export and column -> word -> patients who have it, and records.
    """

    mapping: Mapping
    n_records: Counter[str] = field(default_factory=Counter)
    n_values: Counter[tuple[str, str]] = field(default_factory=Counter)
    n_index_starts: int = 0
    unknown: dict[tuple[str, str], Holders] = field(default_factory=dict)

    def add(self, projection: Projection, rows: pa.Table) -> None:
        """Count rows of a raw table."""
        export = projection.use.export_name
        if rows.column("record_fault").null_count < rows.num_rows:
            rows = rows.filter(pc.is_null(rows.column("record_fault")))
        self.n_records[export] += rows.num_rows
        if export == "prescriptions":
            self.n_index_starts += self._index_starts(rows)
        for column in EXPORTS[export]:
            texts = rows.column(column.name)
            if texts.null_count == rows.num_rows:
                continue
            if column.word_kind:
                texts = pc.utf8_lower(pc.utf8_trim_whitespace(texts))
            is_value = pc.fill_null(pc.greater(pc.binary_length(texts), 0), False)
            codes = projection.use.form_of(column.name).missing_codes
            if codes:
                written = pa.array([*codes, *(code.lower() for code in codes)], pa.string())
                is_value = pc.and_(is_value, pc.invert(pc.is_in(texts, written)))
            n = pc.sum(is_value).as_py() or 0
            self.n_values[export, column.name] += n
            if column.word_kind and n:
                patients = rows.column("patient_id")
                self._add_words(export, column.name, column.word_kind, texts.filter(is_value),
                                patients.filter(is_value))  # fmt: skip

    def _index_starts(self, rows: pa.Table) -> int:
        """Return the rows with a start whose drug or code is, or may be, the index treatment.

        Where the mapping names an index treatment of its own, any drug may be it.
        """
        has_start = pc.fill_null(pc.greater(pc.binary_length(rows.column("start_date")), 0), False)
        rows = rows.filter(has_start)
        if INDEX_CODE in self.mapping.words.get("drug", {}).values():
            return rows.num_rows
        names = pc.unique(rows.column("drug_name")).to_pylist()
        index = [text for text in names if text and names_index(text)]
        codes = pc.utf8_upper(pc.utf8_trim_whitespace(rows.column("atc_code")))
        is_index = pc.or_(
            pc.is_in(rows.column("drug_name"), pa.array(index, pa.string())),
            pc.is_in(codes, pa.array(sorted(index_atc_codes()), pa.string())),
        )
        return pc.sum(is_index).as_py() or 0

    def _add_words(
        self, export: str, column: str, kind: str, texts: pa.ChunkedArray, patients: pa.ChunkedArray
    ) -> None:
        known = {*known_words(kind), *codes_of(kind), *self.mapping.words.get(kind, {})}
        is_unknown = pc.invert(pc.is_in(texts, pa.array(sorted(known), pa.string())))
        found = self.unknown.setdefault((export, column), {})
        pairs = zip(
            texts.filter(is_unknown).to_pylist(),
            patients.filter(is_unknown).to_pylist(),
            strict=True,
        )
        for word, patient in pairs:
            _count(found, word, patient)

    def _of_study(self) -> Iterator[tuple[str, str, str]]:
        """Yield what keeps the study's questions empty."""
        if not self.n_index_starts:
            yield (
                "prescriptions",
                "coverage",
                "no record of the index treatment with a start: no patient can be enrolled",
            )
        if "visits" in self.n_records and not self.n_values["visits", "topical_adherence"]:
            yield (
                "visits",
                "coverage",
                "no topical_adherence: the study's question about tacrolimus stays empty",
            )

    def lines(self) -> Iterator[tuple[str, str, str]]:
        """Yield export, kind of line and its text: values per column, then unknown words.

        A word is shown where three patients or more have it; of others only the number.
        """
        for export, n in self.n_records.items():
            counts = {c.name: self.n_values[export, c.name] for c in EXPORTS[export]}
            filled = ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)
            yield export, "coverage", f"{n:,} records: {filled}"
            empty = [name for name, count in counts.items() if not count]
            if empty:
                yield export, "coverage", f"no value: {', '.join(empty)}"
        yield from self._of_study()
        for (export, column), words in self.unknown.items():
            if words:
                n_records = sum(n for _, n in words.values())
                shown = [f"{word!r} {n:,}" for word, n in _shown(words).items()]
                such = f": {', '.join(shown[:_MOST_WORDS_SHOWN])}" if shown else ""
                yield (
                    export,
                    "words",
                    f"{column}: {len(words):,} unknown in {n_records:,} records{such}",
                )


@dataclass
class UnselectedWords:
    """What the records that no use of a file selects have where its uses name what they take.

    Scores in a long table that the registry does not have, or events of a REDCap project.
    """

    uses: Sequence[FileUse]
    _found: dict[str, Holders] = field(default_factory=dict)

    def add(self, first: Projection, rest: pa.Table) -> None:
        """Count records that no use selects, given the file's first use."""
        source = first.use.columns.get("patient_id")
        header = source.column if source is not None else None
        patients = first.texts(rest, header).to_pylist() if header is not None else []
        for name, asked in self._asked().items():
            found = self._found.setdefault(name, {})
            for number, text in enumerate(first.texts(rest, name).to_pylist()):
                if text and text not in asked:
                    _count(found, text, patients[number] if patients else None)

    def _asked(self) -> dict[str, set[str]]:
        """Return header -> the texts that uses take or leave out, where one names what it takes."""
        found: dict[str, set[str]] = {}
        for use in self.uses:
            for header, wanted in use.source.records.items():
                if wanted.one_of is not None:
                    found.setdefault(header, set()).update(wanted.one_of)
        for use in self.uses:
            for header, wanted in use.source.records.items():
                if header in found:
                    found[header].update(wanted.none_of or (), use.cell_form.missing_codes)
        return found

    def lines(self) -> Iterator[str]:
        """Yield each word with its records; words that might be a person's only as a number."""
        for header, found in self._found.items():
            n_records = sum(n for _, n in found.values())
            is_coded = n_records >= _LEAST_RECORDS_OF_A_WORD * len(found)
            shown = _shown(found) if is_coded and len(found) <= _MOST_UNSELECTED_SHOWN else {}
            yield from (f"{header}: {word} ({counted(n, 'record')})" for word, n in shown.items())
            n_others = n_records - sum(shown.values())
            if n_others:
                others = counted(len(found) - len(shown), "other word")
                yield f"{header}: {others} ({counted(n_others, 'record')})"
