"""Judging a header and one record, field by field: the exact rules that every format shares.

Rules look at form only: which headers, how many fields, which characters, how long. A record is
sound or has one fault. What a value says is judged in staging.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import zip_longest

import pyarrow as pa

from intake.refusals import FileRefusedError, shown_name

LONGEST_CELL = 4000
"""Characters; no column of the contract holds prose."""

FORBIDDEN_CHARACTERS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
"""Control characters (a tab is a blank), line and paragraph separators, byte order marks."""

_EDGE_BLANKS = "\t\n\r "
"""A line break at the edge of a cell is a blank: Alt+Enter at the end of a cell leaves one."""

UNDECODED = re.compile("[\udc80-\udcff]")
"""Bytes that were not text, as Python's surrogateescape shows them."""

MOST_FAULTY_READ = 20_000
"""With more faulty records than this, and more than half of all, the rest is not read."""

BYTE_ORDER_MARK = "\ufeff"
_MOST_NAMES_SHOWN = 12


def normal_header(text: str) -> str:
    """Return the form in which headers are compared: no mark, single blanks, lower case.

    A line break inside a header is a blank.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.removeprefix(BYTE_ORDER_MARK))
    return " ".join(text.split()).lower()


def joined_headers(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return one header per column from the lines of a header, the groups first.

    A group goes on to the right over blank cells, as merged cells are stored, as long as the line
    below has a name there.
    """
    *groups, names = [[" ".join(text.split()) for text in line] for line in lines]
    for upper in reversed(groups):
        group, joined = "", []
        for above, below in zip_longest(upper, names, fillvalue=""):
            group = above or (group if below else "")
            joined.append(f"{group} {below}".strip())
        names = joined
    return names


@dataclass(frozen=True)
class HeaderContract:
    """Headers that the uses of one file ask for, in their normal form.

    Attributes
    ----------
    required : tuple of str
        Without one of these the file is refused.
    optional : tuple of str
        Stored where present. An absent one beside an unexpected column refuses the file, because
        one may be the other under a new name; otherwise it is noted.
    may_be_absent : tuple of str
        Optional headers whose absence the mapping declares.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    may_be_absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """The columns of one file, and which of them are stored.

    Attributes
    ----------
    header : tuple of str
        Every header of the file in its normal form, in the order of the file.
    keys : tuple of str
        The stored headers, in the order of the file.
    positions : tuple of int
        Their positions, from 0.
    probe : int
        Index into ``keys`` of the first required column; a repeated header and an empty record
        are recognised by it.
    extra : tuple of str
        Headers that are not stored, as written.
    """

    header: tuple[str, ...]
    keys: tuple[str, ...]
    positions: tuple[int, ...]
    probe: int
    extra: tuple[str, ...] = field(default=(), repr=False)

    @property
    def n_columns(self) -> int:
        """Number of fields that every record must have."""
        return len(self.header)


def fits(cells: Sequence[str], contract: HeaderContract) -> bool:
    """Return whether a line holds every required header."""
    return set(contract.required) <= {normal_header(cell) for cell in cells}


def judge_header(cells: Sequence[str], contract: HeaderContract) -> Layout:
    """Compare a header line with the contract.

    Raises
    ------
    FileRefusedError
        A column is missing or may have been renamed, or a stored one is there twice.
    """
    header = tuple(normal_header(cell) for cell in cells)
    wanted = {*contract.required, *contract.optional}
    missing = [name for name in contract.required if name not in header]
    if wanted.isdisjoint(header):
        raise FileRefusedError(
            "no_header",
            "the first line is not a header: none of the columns "
            f"({_listed([*contract.required, *contract.optional])}) is in it.",
        )
    unexpected = [cell for cell, name in zip(cells, header, strict=True) if name not in wanted]
    if missing:
        raise _missing_columns("required columns are missing", missing, unexpected)
    undeclared = [
        name
        for name in contract.optional
        if name not in header and name not in contract.may_be_absent
    ]
    if undeclared and any(name.strip() for name in unexpected):
        raise _missing_columns("columns are missing", undeclared, unexpected)
    twice = sorted({name for name in header if name in wanted and header.count(name) > 1})
    if twice:
        raise FileRefusedError("column_twice", f"columns are there twice: {_listed(twice)}.")
    positions = tuple(place for place, name in enumerate(header) if name in wanted)
    keys = tuple(header[place] for place in positions)
    return Layout(
        header=header,
        keys=keys,
        positions=positions,
        probe=next(place for place, key in enumerate(keys) if key in contract.required),
        extra=tuple(unexpected),
    )


def _missing_columns(
    words: str, missing: Sequence[str], unexpected: Sequence[str]
) -> FileRefusedError:
    also = f"; unexpected: {_listed(unexpected)}" if unexpected else ""
    return FileRefusedError("column_missing", f"{words}: {_listed(missing)}{also}.")


def _listed(names: Sequence[str]) -> str:
    shown = [shown_name(name.strip(), 40) or "(no name)" for name in names[:_MOST_NAMES_SHOWN]]
    if len(names) > _MOST_NAMES_SHOWN:
        shown.append(f"and {len(names) - _MOST_NAMES_SHOWN} more")
    return ", ".join(shown)


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
        return Fault("header_repeated", "the header line is repeated here")
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
        if "\n" in text or "\r" in text:
            text = text.rstrip(_EDGE_BLANKS)
            bare = text.lstrip(_EDGE_BLANKS)
            # A carriage return alone before a text is half of a broken line end.
            text = bare if "\n" in text[: len(text) - len(bare)] else text
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

    def require_readable(self, n_records: int, n_faulty: int) -> None:
        """Refuse a file of which most records so far are faulty, without reading it to its end.

        Parameters
        ----------
        n_records, n_faulty : int
            Records read so far; faulty ones among them that are not counted yet.

        Raises
        ------
        FileRefusedError
            A small archive of blank lines would otherwise be read for hours.
        """
        n_faulty += self.n_faulty
        if n_faulty > MOST_FAULTY_READ and 2 * n_faulty > n_records:
            raise FileRefusedError(
                "too_many_faults", f"{n_faulty} of the first {n_records} records are faulty."
            )

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
    rows: Sequence[list[str] | Fault], numbers: Iterable[int], lines: Iterable[int], layout: Layout
) -> pa.Table:
    """Return records that were judged one by one as a batch with the columns of ``batch_schema``.

    Parameters
    ----------
    rows : sequence
        Result of ``judge_fields`` per record.
    numbers, lines : iterable of int
        Record number and physical line of each record.
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
