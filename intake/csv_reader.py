"""Reading a CSV file: its header, then its records block by block, and how it ends.

Plain lines are split by Arrow; the exact reader takes all others.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from intake.csv_blocks import BlockReader
from intake.records import (
    BYTE_ORDER_MARK,
    HeaderContract,
    Layout,
    Tally,
    fits,
    joined_headers,
    judge_header,
)
from intake.refusals import FileRefusedError
from intake.uses import DEFAULT_FILE_FORM, FileForm

LONGEST_LINE_BYTES = 64 << 20
_LONGEST_HEADER_BYTES = 4 << 20
_LONGEST_BLANK_TAIL_BYTES = 4 << 20
_LINES_SEARCHED_FOR_HEADER = 25
_BLANK = b" \t\r\n\x1a"
_MARK_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}


@dataclass
class CsvReader:
    """Reads one CSV file and judges its header and records.

    Attributes
    ----------
    blocks : iterator of bytes
        UTF-8 text with LF or CRLF line ends.
    form : FileForm
        The declared delimiter, or "auto": the one by which the header fits the contract; lines
        above the header and of the header.
    vectorised : bool
        False sends every line to the exact reader.
    tally, notices, layout
        Filled while the file is read.
    """

    blocks: Iterator[bytes]
    contract: HeaderContract
    form: FileForm = DEFAULT_FILE_FORM
    vectorised: bool = True
    tally: Tally = field(default_factory=Tally)
    notices: list[tuple[str, str]] = field(default_factory=list)
    layout: Layout | None = None
    delimiter: str = ","
    _carry: bytes = b""

    def batches(self) -> Iterator[pa.Table]:
        """Yield the records of the file in order, with the columns of ``records.batch_schema``.

        Raises
        ------
        FileRefusedError
            The header is not the contract's, a quote swallows lines, or the file is cut.
        """
        self.delimiter = self.form.delimiter
        self._carry, lines_before = self._read_header()
        assert self.layout is not None
        reader = BlockReader(self.layout, self.delimiter, self.tally, self.vectorised)
        for block, is_last in self._whole_lines():
            batch, n_bytes, n_lines = reader.read(block, lines_before, is_last)
            self._carry = block[n_bytes:]
            lines_before += n_lines
            if batch is not None:
                yield batch

    def _read_header(self) -> tuple[bytes, int]:
        """Judge the header; return the bytes behind it and the lines used."""
        n_searched = self.form.preamble_lines + _LINES_SEARCHED_FOR_HEADER
        text = b""
        for block in self.blocks:
            text += block
            if text.count(b"\n") > n_searched or len(text) > _LONGEST_HEADER_BYTES:
                break
        lines = text.split(b"\n", n_searched)
        texts = [line.decode("utf-8", "replace").removesuffix("\r") for line in lines[:n_searched]]
        texts[0] = texts[0].removeprefix(BYTE_ORDER_MARK)
        if len(lines) <= self.form.preamble_lines + self.form.header_lines:
            raise _too_long_line() if len(text) > _LONGEST_HEADER_BYTES else _without_header(text)
        header, n_used = self._header_lines(texts)
        self.layout = self._find_layout(header, texts)
        return text[sum(len(line) + 1 for line in lines[:n_used]) :], n_used

    def _header_lines(self, texts: list[str]) -> tuple[list[str], int]:
        """Return the lines of the header and how many lines of the file are used up to its end.

        A column name in quotes may go on in the next lines of the file.
        """
        header: list[str] = []
        place = self.form.preamble_lines
        for _ in range(self.form.header_lines):
            start = place
            place += 1
            while "".join(texts[start:place]).count('"') % 2:
                if place >= len(texts):
                    raise FileRefusedError(
                        "header_line_break", "has a column name whose quote is not closed."
                    )
                place += 1
            header.append("\n".join(texts[start:place]))
        return header, place

    def _find_layout(self, header: list[str], texts: list[str]) -> Layout:
        if not any(map(str.strip, header)):
            self._refuse_preamble(texts)
            raise _without_header(b"")
        found = [mark for mark in _MARK_NAMES if fits(_names(header, mark), self.contract)]
        if self.delimiter == "auto":
            self.delimiter = found[0] if len(found) == 1 else ","
        elif found and self.delimiter not in found:
            raise FileRefusedError(
                "wrong_delimiter",
                f"its fields are separated by {_MARK_NAMES[found[0]]}, "
                f"and {_MARK_NAMES[self.delimiter]} is declared.",
            )
        if not found:
            self._refuse_preamble(texts)
        return judge_header(_names(header, self.delimiter) or header, self.contract)

    def _refuse_preamble(self, texts: list[str]) -> None:
        for number in range(len(texts)):
            header = texts[number : number + self.form.header_lines]
            if number != self.form.preamble_lines and any(
                fits(_names(header, mark), self.contract) for mark in _MARK_NAMES
            ):
                raise FileRefusedError(
                    "preamble",
                    f"its header is on line {number + 1}, "
                    f"expected on line {self.form.preamble_lines + 1}.",
                    f"Remove the lines above it, or declare preamble_lines: {number}.",
                )

    def _whole_lines(self) -> Iterator[tuple[bytes, bool]]:
        """Yield blocks that end in a line feed; the last one without its blank tail.

        The caller puts the lines that it did not use into ``_carry``.
        """
        pending: list[bytes] = []
        for block in self.blocks:
            cut = block.rfind(b"\n") + 1
            if cut == 0:
                pending.append(block)
                if sum(map(len, pending)) > LONGEST_LINE_BYTES:
                    raise _too_long_line()
                continue
            whole = b"".join([self._carry, *pending, block[:cut]])
            pending = [block[cut:]] if cut < len(block) else []
            ready = whole[: len(whole) - self._blank_tail(whole)]
            self._carry = b""
            if ready:
                yield ready, False
            self._carry += whole[len(ready) :]
            if len(self._carry) > LONGEST_LINE_BYTES:
                raise _too_long_line()
        final = self._without_tail(b"".join([self._carry, *pending]))
        if final:
            yield final, True

    def _blank_tail(self, whole: bytes) -> int:
        """Return how many bytes at the end are blank lines that may be the file's tail."""
        kept = len(whole.rstrip(self._tail_bytes))
        held = len(whole) - (whole.find(b"\n", kept) + 1 if kept else 0)
        return held if held <= _LONGEST_BLANK_TAIL_BYTES else 0

    @property
    def _tail_bytes(self) -> bytes:
        return _BLANK.replace(self.delimiter.encode(), b"")

    def _without_tail(self, final: bytes) -> bytes:
        """Judge the end of the file; return its last lines without blank ones at the end."""
        kept = len(final.rstrip(self._tail_bytes))
        cut = final.find(b"\n", kept) + 1 if kept else 0
        if kept and final[kept - 1] == 0:
            raise FileRefusedError("nul_padding", "ends in NUL bytes: the copy was torn.")
        if kept and cut == 0:
            raise _cut_file()
        tail = final[cut:]
        if tail:
            n_lines = tail.count(b"\n")
            words = "1 blank line" if n_lines == 1 else f"{n_lines} blank lines"
            words += " and an end-of-file mark" if b"\x1a" in tail else ""
            self.notices.append(("tail_ignored", f"{words} at the end of the file"))
        return final[:cut]


def _names(header: list[str], delimiter: str) -> list[str]:
    """Return the column names of a header split at a mark; none where it cannot be."""
    try:
        lines = [next(csv.reader([line], delimiter=delimiter, strict=True), []) for line in header]
    except csv.Error:
        return []
    return lines[0] if len(lines) == 1 else joined_headers(lines)


def _without_header(text: bytes) -> FileRefusedError:
    if text.strip(b"\x00 \t\r\n") and not text.endswith(b"\n"):
        return _cut_file()
    return FileRefusedError("no_header", "has no header line.")


def _cut_file() -> FileRefusedError:
    return FileRefusedError(
        "cut_file", "has no end of line at its end: the last record may be cut."
    )


def _too_long_line() -> FileRefusedError:
    return FileRefusedError(
        "line_too_long",
        f"holds a line of more than {LONGEST_LINE_BYTES >> 20} MiB "
        f"(a header: {_LONGEST_HEADER_BYTES >> 20} MiB).",
    )
