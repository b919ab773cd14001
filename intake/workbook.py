"""Reading a sheet of an Excel workbook."""

from __future__ import annotations

import datetime
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from xml.parsers import expat

import pyarrow as pa

from intake.cells import ROWS_PER_BATCH, InexactNumberError, TableReader, inexact, render
from intake.records import Fault, fits, joined_headers, judge_fields, judge_header
from intake.refusals import FileRefusedError, shown_name
from intake.uses import DEFAULT_FILE_FORM, FileForm

_ROWS_SEARCHED_FOR_HEADER = 25
_LARGEST_UNPACKED_BYTES = 2 << 30
_LARGEST_PART_BYTES = 256 << 20
"""Of what is held in memory as a whole: shared texts, formats, the list of sheets."""
_MOST_SHEET_ROWS = 1 << 20
"""As many as Excel has; a file may name any row, and every row up to it would be made."""
_MOST_SHEET_CELLS = 64 << 20
_MOST_BLANK_ROWS, _MOST_BLANK_CELLS = 100_000, 1 << 20
"""Blank rows in a row, and cells of blank rows: formats left below a table, or an endless sheet."""
_MAYBE_FORMULA = re.compile(rb"<(?:[^\s<>/:]+:)?f[\s/>]|^(?:\xff\xfe|\xfe\xff)")
"""A formula, or a sheet in UTF-16, in which this search would find none."""
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_FORMAT_ASIDE = re.compile(r"\[[^\]]*\]|[_*].")
"""Colours, conditions and paddings of a number format: they do not change what is read."""
_SHOWN_OTHERWISE = re.compile(r'%|"|\\|(?<![.0#+-])00|[0#?],+(?![0#?])|^$')
"""A number format that shows a percentage, a literal text, leading zeros, thousands, or nothing."""


@dataclass
class WorkbookReader(TableReader):
    """Reads one sheet of an Excel workbook.

    Attributes
    ----------
    sheet : str or None
        Name of the sheet; the first one when None.
    other_sheets : tuple of str
        Sheets that are read too, apart.
    file_form : FileForm
        Declared rows above the header and of the header.
    """

    sheet: str | None = None
    other_sheets: tuple[str, ...] = ()
    file_form: FileForm = DEFAULT_FILE_FORM
    _stored: dict[int, str] = field(default_factory=dict)
    _formats: Counter[tuple[str, str, type]] = field(default_factory=Counter)

    def batches(self) -> Iterator[pa.Table]:
        """Yield the records of the sheet in order, with the columns of ``records.batch_schema``.

        line_number is the row of the sheet.

        Raises
        ------
        FileRefusedError
            The workbook is damaged, has no such sheet, or its header is not the contract's.
        """
        try:
            yield from self._read()
        except FileRefusedError:
            raise
        except Exception:  # a damaged workbook raises anything, from KeyError to ParseError
            raise FileRefusedError("damaged_workbook", "is a damaged Excel workbook.") from None

    def _read(self) -> Iterator[pa.Table]:
        import openpyxl  # noqa: PLC0415 (slow to import, needed for workbooks only)

        # They repeat cells of the file; what they warn of is refused in staging.
        warnings.filterwarnings("ignore", module=r"openpyxl\.")
        self._refuse_bomb()
        sheet = self._chosen(openpyxl.load_workbook(self.copy, read_only=True, data_only=True))
        self._refuse_formulas(sheet)
        sheet.reset_dimensions()
        rows = self._bounded(enumerate(sheet.iter_rows(), 1))
        self._find_layout(rows)
        yield from self._records(rows)
        self._note_formats()

    def _chosen(self, book: Any) -> Any:
        """Return the declared sheet, or the first one, which must not be hidden then."""
        names = book.sheetnames
        if self.sheet is not None and self.sheet not in names:
            raise FileRefusedError(
                "no_such_sheet",
                f"has no sheet {shown_name(self.sheet)!r}; it has "
                f"{', '.join(shown_name(name, 31) for name in names[:10])}.",
            )
        sheet = book[self.sheet] if self.sheet is not None else book.worksheets[0]
        is_hidden = sheet.sheet_state != "visible"
        if is_hidden and self.sheet is None:
            raise FileRefusedError(
                "hidden_sheet", "its first sheet is hidden, and the mapping names no sheet."
            )
        if is_hidden:
            self.notices.append(("hidden_sheet", "the sheet that is read is hidden"))
        n_unread = len(set(names) - {sheet.title, *self.other_sheets})
        if n_unread:
            self.notices.append(("other_sheets", f"{n_unread} other sheets are not read"))
        return sheet

    def _refuse_bomb(self) -> None:
        with zipfile.ZipFile(self.copy) as archive:
            parts = archive.infolist()
        if sum(part.file_size for part in parts) > _LARGEST_UNPACKED_BYTES:
            raise _too_large(f"unpacks to more than {_LARGEST_UNPACKED_BYTES >> 30} GiB.")
        if any(
            part.file_size > _LARGEST_PART_BYTES and "worksheets/" not in part.filename
            for part in parts
        ):
            raise _too_large(
                f"holds more than {_LARGEST_PART_BYTES >> 20} MiB of texts or formats."
            )

    @staticmethod
    def _bounded(rows: Iterator[tuple[int, tuple]]) -> Iterator[tuple[int, tuple]]:
        """Yield the rows of a sheet; refuse one that names more rows or cells than a sheet has."""
        n_cells = 0
        for number, row in rows:
            n_cells += len(row)
            if number > _MOST_SHEET_ROWS or n_cells > _MOST_SHEET_CELLS:
                raise _too_large(
                    f"its sheet has more than {_MOST_SHEET_ROWS:,} rows or "
                    f"{_MOST_SHEET_CELLS:,} cells, blank ones included."
                )
            yield number, row

    def _refuse_formulas(self, sheet: Any) -> None:
        """Refuse formulas whose result was never calculated: they would read as empty cells."""
        with zipfile.ZipFile(self.copy) as archive:
            path = sheet._worksheet_path
            if _may_hold_formula(archive, path) and _holds_uncalculated_formula(archive, path):
                raise FileRefusedError(
                    "formula_without_result", "holds a formula whose result was never calculated."
                )

    def _find_layout(self, rows: Iterator[tuple[int, tuple]]) -> None:
        form = self.file_form
        top = list(islice(rows, form.preamble_lines + form.header_lines))
        if len(top) < form.preamble_lines + form.header_lines:
            raise FileRefusedError("no_header", "has no header row.")
        lines = [self._texts(row) for _, row in top]
        header = joined_headers(lines[form.preamble_lines :])
        if not fits(header, self.contract):
            for number, row in islice(rows, _ROWS_SEARCHED_FOR_HEADER):
                lines.append(self._texts(row))
                if fits(joined_headers(lines[-form.header_lines :]), self.contract):
                    first = number - form.header_lines + 1
                    raise FileRefusedError(
                        "preamble",
                        f"its header is in row {first}, expected in row {form.preamble_lines + 1}.",
                        f"Remove the rows above it, or declare preamble_lines: {first - 1}.",
                    )
        while header and not header[-1].strip():
            header.pop()
        self.layout = judge_header(header, self.contract)
        self._stored = dict(zip(self.layout.positions, self.layout.keys, strict=True))

    def _texts(self, row: Sequence[Any]) -> list[str]:
        return [self._text(cell, place) for place, cell in enumerate(row)]

    def _text(self, cell: Any, place: int) -> str:
        value = cell.value
        if isinstance(value, str):
            return _decoded(value) if "_x" in value else value
        column = self._stored.get(place)
        if value is not None and column is not None and not isinstance(value, bool):
            self._formats[column, cell.number_format or "", type(value)] += 1
        try:
            return render(value, self.forms.of(column))
        except InexactNumberError:
            if column is None:
                return "?"  # in no stored column; only whether it is blank matters
            raise inexact(column) from None

    def _note_formats(self) -> None:
        """Note columns whose number format shows something else than the number that is read."""
        n_otherwise: Counter[str] = Counter()
        for (column, number_format, kind), count in self._formats.items():
            plain = _FORMAT_ASIDE.sub("", number_format.split(";")[0])
            if issubclass(kind, datetime.date):
                is_otherwise = "d" not in plain.lower() or "y" not in plain.lower()
            else:
                is_otherwise = bool(_SHOWN_OTHERWISE.search(plain))
            n_otherwise[column] += count * is_otherwise
        self.notices += [
            ("number_format", f"{column}: {count} cells are shown otherwise than they are read")
            for column, count in n_otherwise.items()
            if count
        ]

    def _records(self, rows: Iterator[tuple[int, tuple]]) -> Iterator[pa.Table]:
        assert self.layout is not None
        n_columns = self.layout.n_columns
        judged: list[list[str] | Fault] = []
        lines: list[int] = []
        n_blank = n_blank_cells = 0
        for number, row in rows:
            texts = self._texts(row)
            if not any(text.strip() for text in texts):
                n_blank += 1
                n_blank_cells += len(row)
                if n_blank > _MOST_BLANK_ROWS or n_blank_cells > _MOST_BLANK_CELLS:
                    raise _too_large(
                        f"has more than {_MOST_BLANK_ROWS:,} blank rows in a row, or "
                        f"{_MOST_BLANK_CELLS:,} blank cells in blank rows.",
                        "Delete the blank rows below the table, save, and deliver that.",
                    )
                continue
            for blank in range(number - n_blank, number):
                judged.append(Fault("empty_record", "every field is blank"))
                lines.append(blank)
            n_blank = 0
            while len(texts) > n_columns and not texts[-1].strip():
                texts.pop()
            texts += [""] * (n_columns - len(texts))
            judged.append(judge_fields(texts, self.layout))
            lines.append(number)
            if len(judged) >= ROWS_PER_BATCH:
                yield self._batch(judged, lines)
                judged, lines = [], []
        if judged:
            yield self._batch(judged, lines)
        if n_blank:
            words = "1 blank row" if n_blank == 1 else f"{n_blank} blank rows"
            self.notices.append(("tail_ignored", f"{words} at the end of the sheet"))


def _too_large(cause: str, advice: str = "") -> FileRefusedError:
    return FileRefusedError("workbook_too_large", cause, advice)


def _decoded(text: str) -> str:
    """Return a workbook's text with its escapes decoded: ``_x000D_`` is a carriage return."""
    plain = _ESCAPED.sub(lambda escape: chr(int(escape.group(1), 16)), text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _may_hold_formula(archive: zipfile.ZipFile, path: str) -> bool:
    with archive.open(path) as part:
        rest = b""
        while block := part.read(1 << 20):
            if _MAYBE_FORMULA.search(rest + block):
                return True
            rest = block[-256:]
    return False


def _holds_uncalculated_formula(archive: zipfile.ZipFile, path: str) -> bool:
    """Return whether a cell of a sheet has a formula and no result, in any spelling of the XML.

    A result that is an empty text (``t="str"``) is a result.
    """
    found = False
    has_formula = is_in_value = False
    kind, value = "", ""

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal has_formula, is_in_value, kind, value
        local = name.rpartition(" ")[2]
        if local == "c":
            has_formula, kind, value = False, attributes.get("t", ""), ""
        elif local == "f":
            has_formula = True
        is_in_value = local == "v"

    def text(characters: str) -> None:
        nonlocal value
        if is_in_value:
            value += characters

    def end(name: str) -> None:
        nonlocal found, is_in_value
        is_in_value = False
        if name.rpartition(" ")[2] == "c":
            found = found or (has_formula and kind != "str" and not value.strip())

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text
    parser.buffer_text = True
    with archive.open(path) as part:
        while not found and (block := part.read(1 << 20)):
            parser.Parse(block)
    return found
