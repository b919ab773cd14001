"""Reading blocks of whole lines: Arrow splits plain ones, the exact reader takes the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from intake.exact_csv import ExactReader, MoreLinesNeededError
from intake.plain_lines import Lines, judge_lines, split_lines
from intake.records import MOST_FAULTY_READ, Fault, Layout, Tally, batch_of_rows, batch_schema

_PYTHON_BLANKS = "".join(chr(c) for c in range(0x3001) if chr(c).isspace())


@dataclass
class _ExactRecords:
    """Records of a block that were read one by one."""

    rows: list[list[str] | Fault] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def add(self, row: list[str] | Fault, place: int) -> None:
        self.rows.append(row)
        self.places.append(place)

    def sorted(self) -> _ExactRecords:
        order = sorted(range(len(self.places)), key=self.places.__getitem__)
        return _ExactRecords([self.rows[n] for n in order], [self.places[n] for n in order])


@dataclass(frozen=True)
class BlockReader:
    """Reads blocks of whole lines of one file.

    Attributes
    ----------
    delimiter : str
        One character.
    tally : Tally
        Counts that go on from block to block.
    vectorised : bool
        False sends every line to the exact reader.
    """

    layout: Layout
    delimiter: str
    tally: Tally
    vectorised: bool = True

    def read(
        self, block: bytes, lines_before: int, is_last: bool
    ) -> tuple[pa.Table | None, int, int]:
        """Read the records of a block.

        Parameters
        ----------
        block : bytes
            Whole lines, the first of which starts a record.
        lines_before : int
            Lines of the file before this block.
        is_last : bool
            Whether no line follows.

        Returns
        -------
        tuple
            The records with the columns of ``records.batch_schema``, plain ones first
            (record_number gives the order of the file), and the bytes and lines that were used: a
            record that goes on beyond the block is left for the next one.
        """
        if self.vectorised:
            lines = judge_lines(block, ord(self.delimiter), self.layout.n_columns)
        else:
            lines = split_lines(block)
        others = _ExactRecords()
        self.tally.require_readable(self.tally.n_records, 0)
        n_lines = self._read_others(block, lines, lines_before, is_last, others)
        lines.is_plain[n_lines:] = False
        table = self._split_plain(block, lines)
        if table is not None:
            table = self._take_suspects_out(table, block, lines, lines_before, others)
        batch = self._together(table, lines, lines_before, others.sorted())
        return batch, int(lines.ends[n_lines - 1]) + 1 if n_lines else 0, n_lines

    def _read_others(
        self, block: bytes, lines: Lines, lines_before: int, is_last: bool, others: _ExactRecords
    ) -> int:
        """Read the lines that are not plain; return how many lines of the block are used."""
        n_lines = len(lines.ends)
        not_plain = np.flatnonzero(~lines.is_plain).tolist()
        if not not_plain:
            return n_lines
        exact = ExactReader(self.layout, self.delimiter, _line_getter(block, lines), n_lines)
        after = n_faulty = 0
        for place in not_plain:
            if place < after:
                continue
            try:
                row, after = exact.read(place, lines_before + place + 1, is_last)
            except MoreLinesNeededError:
                return place
            others.add(row, place)
            lines.is_plain[place + 1 : after] = False
            n_faulty += isinstance(row, Fault)
            if n_faulty > MOST_FAULTY_READ:
                self.tally.require_readable(self.tally.n_records + place + 1, n_faulty)
        return n_lines

    def _split_plain(self, block: bytes, lines: Lines) -> pa.Table | None:
        """Split the plain lines into the stored columns."""
        is_plain = lines.is_plain
        if is_plain.all():
            text = block
        elif is_plain.any():
            edges = np.flatnonzero(np.diff(is_plain, prepend=False, append=False))
            starts = lines.starts[edges[0::2]].tolist()
            stops = (lines.ends[edges[1::2] - 1] + 1).tolist()
            text = b"".join([block[start:stop] for start, stop in zip(starts, stops, strict=True)])
        else:
            return None
        names = [f"f{place}" for place in range(self.layout.n_columns)]
        stored = [names[place] for place in self.layout.positions]
        return arrow_csv.read_csv(
            pa.BufferReader(text),
            read_options=arrow_csv.ReadOptions(
                use_threads=False, block_size=len(text) + 1, column_names=names
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self.delimiter,
                quote_char='"' if b'"' in text else False,
                double_quote=True,
                escape_char=False,
                newlines_in_values=False,
                ignore_empty_lines=False,
            ),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=stored,
                column_types={name: pa.string() for name in stored},
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )

    def _take_suspects_out(
        self, table: pa.Table, block: bytes, lines: Lines, lines_before: int, others: _ExactRecords
    ) -> pa.Table:
        """Read records exactly whose first required column is blank or repeats the header."""
        column = table.column(self.layout.probe)
        if block.isascii():
            text = pc.ascii_lower(pc.ascii_trim_whitespace(column))
        else:
            text = pc.utf8_lower(pc.utf8_trim(column, _PYTHON_BLANKS))
        name = self.layout.keys[self.layout.probe]
        is_suspect = pc.is_in(text, pa.array(["", name])).to_numpy()
        if not is_suspect.any():
            return table
        places = np.flatnonzero(lines.is_plain)[is_suspect]
        exact = ExactReader(
            self.layout, self.delimiter, _line_getter(block, lines), len(lines.ends)
        )
        for place in places.tolist():
            others.add(exact.read(place, lines_before + place + 1, True)[0], place)
        lines.is_plain[places] = False
        return table.filter(pa.array(~is_suspect))

    def _together(
        self, table: pa.Table | None, lines: Lines, lines_before: int, others: _ExactRecords
    ) -> pa.Table | None:
        """Join both kinds of records, numbered in the order of the file, and count them."""
        plain = np.flatnonzero(lines.is_plain)
        exact_places = np.array(others.places, np.int64)
        first = self.tally.n_records + 1
        self.tally.n_records += len(plain) + len(exact_places)
        if lines.is_beyond_ascii is not None:
            self.tally.n_beyond_ascii += int(
                np.count_nonzero(lines.is_beyond_ascii & lines.is_plain)
            )
        schema = batch_schema(self.layout)
        parts = []
        if table is not None and len(plain):
            numbers = first + np.arange(len(plain)) + np.searchsorted(exact_places, plain)
            place = [pa.array(numbers), pa.array(plain + lines_before + 1)]
            faults = [pa.nulls(len(plain), pa.string())] * 2
            parts.append(pa.Table.from_arrays([*table.columns, *place, *faults], schema=schema))
        if others.rows:
            numbers = first + np.arange(len(exact_places)) + np.searchsorted(plain, exact_places)
            exact_lines = (exact_places + lines_before + 1).tolist()
            self.tally.count_rows(others.rows, exact_lines)
            parts.append(batch_of_rows(others.rows, numbers, exact_lines, self.layout))
        return pa.concat_tables(parts) if parts else None


def _line_getter(block: bytes, lines: Lines) -> Callable[[int], bytes]:
    starts, stops = lines.starts.tolist(), (lines.ends + 1).tolist()

    def line_at(number: int) -> bytes:
        return block[starts[number] : stops[number]]

    return line_at
