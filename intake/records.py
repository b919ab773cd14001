"""Judging one record, field by field: the exact rules that every format shares.

A record is sound or has one fault. Rules look at form only: how many fields, which characters,
how long. What a value says is judged in staging.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import pyarrow as pa

from intake.layout import Layout, normal_header

LONGEST_CELL = 4000
"""Characters; no column of the contract holds prose."""

FORBIDDEN_CHARACTERS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
"""Control characters (a tab is a blank), line and paragraph separators, byte order marks."""

UNDECODED = re.compile("[\udc80-\udcff]")
"""Bytes that were not text, as Python's surrogateescape shows them."""


@dataclass(frozen=True)
class Fault:
    """Why a record cannot be read: a code, and words that hold nothing of the record."""

    code: str
    detail: str


@lru_cache(maxsize=1024)
def field_count_fault(n_fields: int, n_columns: int) -> Fault:
    """Return the fault of a record with too few or too many fields."""
    fields = "1 field" if n_fields == 1 else f"{n_fields} fields"
    return Fault("field_count", f"{fields} where {n_columns} are declared")


def judge_fields(fields: Sequence[str], layout: Layout) -> list[str] | Fault:
    """Judge the fields of one record.

    Parameters
    ----------
    fields : sequence of str
        All fields in the order of the file; undecodable bytes as lone surrogates.
    layout : Layout
        The file's columns.

    Returns
    -------
    list of str, or Fault
        The stored texts in the order of ``layout.keys`` (NFC), or what is wrong.
    """
    whole = "".join(fields)
    if not whole.strip():
        return Fault("empty_record", "every field is blank")
    if len(fields) != layout.n_columns:
        return field_count_fault(len(fields), layout.n_columns)
    if _repeats_header(fields, layout):
        return Fault("header_repeated", "the header line stands here again")
    if whole.isascii() and whole.isprintable() and len(whole) <= LONGEST_CELL:
        return [fields[place] for place in layout.positions]
    return _judge_unusual_fields(fields, layout)


def _repeats_header(fields: Sequence[str], layout: Layout) -> bool:
    if normal_header(fields[layout.positions[layout.probe]]) != layout.keys[layout.probe]:
        return False
    return all(map(str.__eq__, map(normal_header, fields), layout.header))


def _judge_unusual_fields(fields: Sequence[str], layout: Layout) -> list[str] | Fault:
    for place, text in enumerate(fields):
        if not text.isascii() and UNDECODED.search(text):
            return Fault("invalid_utf8", f"field {place + 1} holds bytes that are not text")
        if "\x00" in text:
            return Fault("control_character", f"field {place + 1} holds a NUL byte")
    stored = []
    for key, place in zip(layout.keys, layout.positions, strict=True):
        text = fields[place]
        found = FORBIDDEN_CHARACTERS.search(text)
        if found:
            return Fault("control_character", f"{key} holds U+{ord(found.group()):04X}")
        if len(text) > LONGEST_CELL:
            return Fault(
                "cell_too_long", f"{key} holds {len(text)} characters, {LONGEST_CELL} are allowed"
            )
        stored.append(text if text.isascii() else unicodedata.normalize("NFC", text))
    return stored


@dataclass
class Tally:
    """What was counted while a file was read.

    Attributes
    ----------
    n_records : int
        Records read, sound or not.
    faults : dict
        Fault code -> (records, line of the first).
    n_undecodable, n_beyond_ascii : int
        Records with bytes that are no text; sound records with text beyond ASCII.
    """

    n_records: int = 0
    faults: dict[str, tuple[int, int]] = field(default_factory=dict)
    n_undecodable: int = 0
    n_beyond_ascii: int = 0

    @property
    def n_faulty(self) -> int:
        """Number of records with a fault."""
        return sum(count for count, _ in self.faults.values())

    def add_fault(self, code: str, line: int) -> None:
        """Count one faulty record."""
        count, first = self.faults.get(code, (0, line))
        self.faults[code] = (count + 1, first)
        if code == "invalid_utf8":
            self.n_undecodable += 1

    def count_rows(self, rows: Sequence[list[str] | Fault], lines: Sequence[int]) -> None:
        """Count the faults of records that were judged one by one, but not the records."""
        for row, line in zip(rows, lines, strict=True):
            if isinstance(row, Fault):
                self.add_fault(row.code, line)
            elif not all(map(str.isascii, row)):
                self.n_beyond_ascii += 1

    def words(self) -> str:
        """Return the faults in words, most frequent first."""
        ranked = sorted(self.faults.items(), key=lambda item: (-item[1][0], item[0]))
        return ", ".join(f"{count} {code} (first on line {line})" for code, (count, line) in ranked)


PLACE_FIELDS = (
    pa.field("record_number", pa.int64()),
    pa.field("line_number", pa.int64()),
    pa.field("record_fault", pa.string()),
    pa.field("record_fault_detail", pa.string()),
)
"""Columns of every batch of records beside the stored columns, which are named by position."""


def batch_schema(layout: Layout) -> pa.Schema:
    """Return the columns of a batch of records: the stored texts, then place and fault.

    Stored columns are named by their index in ``layout.keys``, because a header may be any text.
    """
    stored = [pa.field(str(place), pa.string()) for place in range(len(layout.keys))]
    return pa.schema([*stored, *PLACE_FIELDS])


def batch_of_rows(
    rows: Sequence[list[str] | Fault],
    numbers: Iterable[int],
    lines: Iterable[int],
    layout: Layout,
) -> pa.Table:
    """Return records that were judged one by one as a batch.

    Parameters
    ----------
    rows : sequence
        Result of ``judge_fields`` per record.
    numbers, lines : iterable of int
        Record number and physical line of each record.
    layout : Layout
        The file's columns.

    Returns
    -------
    pyarrow.Table
        With the columns of ``batch_schema``.
    """
    faults = [row if isinstance(row, Fault) else None for row in rows]
    blank = [None] * len(layout.keys)
    texts = [blank if isinstance(row, Fault) else row for row in rows]
    columns = [pa.array(list(column), pa.string()) for column in zip(*texts, strict=True)]
    columns += [
        pa.array(numbers, pa.int64()),
        pa.array(lines, pa.int64()),
        pa.array([fault and fault.code for fault in faults], pa.string()),
        pa.array([fault and fault.detail for fault in faults], pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=batch_schema(layout))
