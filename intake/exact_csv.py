"""The exact CSV reader: one record at a time, Python's csv module in strict mode.

It reads every record that is not a plain line, and can read a whole file alone.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from intake.records import Fault, Layout, field_count_fault, judge_fields
from intake.refusals import FileRefusedError

MOST_LINES_IN_RECORD = 1000
MOST_BYTES_IN_RECORD = 1 << 20
"""A quoted cell may hold line breaks; one longer than this is an open quote."""

csv.field_size_limit(1 << 30)  # a long cell is our own fault code, not an error of the parser


class MoreLinesNeededError(Exception):
    """The record is not complete at the end of the block."""


@dataclass(frozen=True)
class ExactReader:
    """Reads single records out of a block of lines.

    Attributes
    ----------
    delimiter : str
        One character.
    line_at : callable
        Gives a line of the block, from 0, with its line end.
    n_lines : int
        Lines in the block.
    """

    layout: Layout
    delimiter: str
    line_at: Callable[[int], bytes]
    n_lines: int

    def read(self, place: int, line_number: int, is_last: bool) -> tuple[list[str] | Fault, int]:
        """Read and judge the record that starts on a line.

        Parameters
        ----------
        place : int
            Line of the block on which the record starts, from 0.
        line_number : int
            Line of the file, from 1, for messages.
        is_last : bool
            Whether the block is the last one.

        Returns
        -------
        tuple
            The stored texts or the fault, and the line of the block after the record.

        Raises
        ------
        MoreLinesNeededError
            A quoted cell goes on beyond the block.
        FileRefusedError
            A quote swallows lines, or a line holds records that end in CR alone.
        """
        line = self.line_at(place)
        mark = self.delimiter.encode()
        if b'"' not in line:
            n_fields, n_columns = line.count(mark) + 1, self.layout.n_columns
            if n_fields != n_columns and line.strip(b" \t\r\n" + mark):
                self._refuse_lone_line_ends(line, line_number)
                return field_count_fault(n_fields, n_columns), place + 1
            text = _text(line).removesuffix("\n").removesuffix("\r")
            return judge_fields(text.split(self.delimiter), self.layout), place + 1
        try:
            return judge_fields(self._fields([_text(line)]), self.layout), place + 1
        except csv.Error as error:
            words = str(error)
        if words.startswith("new-line character"):
            self._refuse_lone_line_ends(line, line_number)
            return Fault("control_character", "a lone carriage return"), place + 1
        if not words.startswith("unexpected end of data"):
            return Fault("bad_quoting", "text follows a closing quote"), place + 1
        return self._read_over_lines(place, line_number, is_last)

    def _read_over_lines(
        self, place: int, line_number: int, is_last: bool
    ) -> tuple[list[str] | Fault, int]:
        reader = csv.reader(self._feed(place, line_number), delimiter=self.delimiter, strict=True)
        try:
            fields = next(reader)
        except csv.Error as error:
            if not is_last and str(error).startswith("unexpected end of data"):
                raise MoreLinesNeededError from None
            if reader.line_num > 1:
                raise _swallowing_quote(line_number) from None
            return Fault("bad_quoting", "a quote is opened and never closed"), place + 1
        after = place + reader.line_num
        if self._swallows(fields, [self.line_at(number) for number in range(place, after)]):
            raise _swallowing_quote(line_number)
        return judge_fields(fields, self.layout), after

    def _feed(self, place: int, line_number: int) -> Iterator[str]:
        """Yield the lines of one record, up to the longest that a record may be."""
        n_bytes = 0
        for number in range(place, self.n_lines):
            line = self.line_at(number)
            n_bytes += len(line)
            is_too_long = n_bytes > MOST_BYTES_IN_RECORD or number - place >= MOST_LINES_IN_RECORD
            if is_too_long and number > place:
                raise _swallowing_quote(line_number)
            yield _text(line)

    def _swallows(self, fields: list[str], lines: list[bytes]) -> bool:
        """Return whether a quoted cell over several lines holds records of its file.

        A line with as many fields as the file has columns may also be a line of a note. It is a
        record when its cells look like those of the record around it.
        """
        for line in lines[1:-1]:
            if self._is_record(line):
                cells = _text(line).rstrip("\r\n")
                texts = cells.split(self.delimiter) if '"' not in cells else self._fields([cells])
                if self._is_like(texts, fields):
                    return True
        if not (self._is_whole(lines[0]) and self._is_whole(lines[-1])):
            return False
        texts = _text(lines[-1]).partition('"')[0].split(self.delimiter)[:-1]
        return self._is_like(texts, fields)

    def _is_like(self, texts: list[str], fields: list[str]) -> bool:
        """Return whether the cells of a line look like those of a record.

        The first required column decides, unless it is one of the cells in question: it has a
        digit in both or in neither, and no more words. Of the numbers and dates half must be some.
        """
        if len(fields) != self.layout.n_columns:
            return True
        likeness = {
            place: _looks_like(texts[place].strip(), fields[place].strip())
            for place in self.layout.positions
            if place < len(texts) and not {"\n", "\r"} & set(fields[place])
        }
        if likeness.pop(self.layout.positions[self.layout.probe], True) is False:
            return False
        numbers = [alike for place, alike in likeness.items() if _is_number(fields[place])]
        found = [alike for alike in numbers if alike is not None]
        return 2 * sum(found) >= len(found)

    def _refuse_lone_line_ends(self, line: bytes, line_number: int) -> None:
        """Refuse the file when a carriage return alone ends a record inside this line."""
        parts = line.rstrip(b"\r\n").split(b"\r")
        if len(parts) > 1 and any(self._is_record(part + b"\n") for part in parts):
            raise FileRefusedError(
                "mixed_line_ends", f"line {line_number} holds several records that end in CR alone."
            )

    def _fields(self, lines: Iterable[str]) -> list[str]:
        return next(csv.reader(lines, delimiter=self.delimiter, strict=True))

    def _is_whole(self, line: bytes) -> bool:
        return line.count(self.delimiter.encode()) == self.layout.n_columns - 1

    def _is_record(self, line: bytes) -> bool:
        if b'"' not in line:
            return self._is_whole(line)
        try:
            return len(self._fields([_text(line)])) == self.layout.n_columns
        except csv.Error:
            return False


def _text(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape")


def _is_number(text: str) -> bool:
    """Return whether a text is a number or a date: digits and no letter."""
    return any(map(str.isdigit, text)) and not any(map(str.isalpha, text))


def _looks_like(text: str, other: str) -> bool | None:
    """Return whether two cells may be of one column; None where one is blank."""
    if not text or not other:
        return None
    if _is_number(other):
        return _is_number(text)
    has_digits = [any(map(str.isdigit, cell)) for cell in (text, other)]
    return has_digits[0] == has_digits[1] and text.count(" ") <= other.count(" ")


def _swallowing_quote(line_number: int) -> FileRefusedError:
    return FileRefusedError(
        "open_quote", f"a quote that is opened on line {line_number} swallows the lines behind it."
    )
