"""Why intake refuses a delivery: every code of a refused file, a faulty record and a notice.

The three tables hold all codes; ``docs/data_contract.md`` explains the same ones. A search for a
quoted code finds the line that gives it. No message holds a cell of a patient; names that come
from a file are escaped and cut.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.stop import ExitCode, Stop

FILE_REFUSALS = {
    "missing_file": "the mapping requires it, and it is not there",
    "several_files": "it is there more than once, such as visits.csv beside visits.xlsx",
    "unknown_file": "it is a data file that no export of the mapping uses",
    "not_a_file": "it is a folder, a pipe or a device",
    "symbolic_link": "it is a link to something else",
    "unreadable": "it cannot be opened or read to its end",
    "changed_while_read": "it changed while it was read",
    "empty_file": "it has 0 bytes",
    "no_records": "it has a header and no record, and may_be_empty is not declared",
    "wrong_kind": "its bytes are of another format than its name says",
    "wrong_encoding": "it is plainly of another encoding than declared",
    "mixed_line_ends": "some records end in CR alone and others in LF",
    "nul_padding": "it ends in NUL bytes: a torn copy",
    "cut_file": "it ends in the middle of a line, a character or an archive",
    "line_too_long": "a line is longer than any record",
    "damaged_archive": "the gzip archive cannot be unpacked",
    "damaged_workbook": "the workbook cannot be read",
    "damaged_parquet": "the Parquet file cannot be read",
    "workbook_too_large": "the workbook unpacks to more than a reader should take",
    "no_such_sheet": "the workbook lacks the sheet that the mapping names",
    "formula_without_result": "a formula was never calculated, so its cell would read as empty",
    "column_type": "a stored column of a Parquet file holds lists, structures or bytes",
    "no_header": "it has no header line, or a first line that is none",
    "preamble": "its header is further down than declared",
    "wrong_delimiter": "another mark than the declared one separates its fields",
    "column_missing": "a required column is missing, or an optional one may have been renamed",
    "column_twice": "a stored column is there twice",
    "open_quote": "a quote swallows the records behind it",
    "too_many_faults": "too many of its records cannot be split into cells",
}
RECORD_FAULTS = {
    "empty_record": "every field is blank",
    "field_count": "it has more or fewer fields than the header",
    "header_repeated": "it is the header line again",
    "bad_quoting": "a quote is not closed, or text follows a closing quote",
    "control_character": "a cell holds a control character",
    "invalid_utf8": "a cell holds bytes that are not text in the declared encoding",
    "cell_too_long": "a cell is longer than any column of the contract allows",
}
NOTICES = {
    "extra_column": "a column that the contract does not know; it is not stored",
    "optional_column_absent": "an optional column is not in the file; it is null in every record",
    "optional_file_absent": "a file that the mapping does not require is not there",
    "ignored_file": "a file that the mapping ignores",
    "unknown_file": "a file that is no data",
    "other_sheets": "further sheets of a workbook, which are not read",
    "no_records": "no record of a file was selected for an export",
    "unselected_records": "records of a file that no export selects",
    "tail_ignored": "blank lines or an end-of-file mark at the end",
}

_LONGEST_LINE = 500


class IntakeError(Stop):
    """Intake cannot go on: the folder, a mapping or a file of the delivery cannot be used."""

    def __init__(
        self,
        what: str,
        todo: str = "ask the sender for a corrected export, then run again",
        details: Iterable[str] = (),
    ) -> None:
        first, *others = (shown_name(line, _LONGEST_LINE) for line in (what, *details))
        super().__init__(ExitCode.DELIVERY_REFUSED, first, todo, "delivery_refused", tuple(others))

    def __str__(self) -> str:
        return "\n  ".join([self.what, *self.details])


class MappingError(IntakeError):
    """A mapping file or delivery.yml is not valid; one line per problem."""

    def __init__(self, *problems: str) -> None:
        todo = "correct the mapping or delivery.yml (docs/data_contract.md), then run again"
        super().__init__(problems[0], todo, problems[1:])


class FileRefusedError(Exception):
    """One file of a delivery cannot be trusted.

    Parameters
    ----------
    code : str
        A key of FILE_REFUSALS.
    cause : str
        What is wrong, in one sentence.
    advice : str
        What to do about it.
    file_name : str
        Name in the delivery folder, as shown to the user.
    """

    def __init__(self, code: str, cause: str, advice: str, file_name: str = "") -> None:
        if code not in FILE_REFUSALS:
            raise ValueError(f"{code} is not in FILE_REFUSALS")
        super().__init__(code)
        self.code, self.cause, self.advice, self.file_name = code, cause, advice, file_name

    def __str__(self) -> str:
        return f"{self.file_name}: {self.cause} {self.advice}"


class DeliveryRefusedError(IntakeError):
    """The delivery is refused as a whole, for one or more of its files."""

    def __init__(self, folder: str, refusals: list[FileRefusedError]) -> None:
        self.refusals = refusals
        count = "1 file" if len(refusals) == 1 else f"{len(refusals)} files"
        super().__init__(
            f"Delivery {folder} is refused ({count}); the warehouse was not changed.",
            details=map(str, refusals),
        )


def shown_name(name: str, limit: int = 60) -> str:
    """Return a file or column name that is safe in a log line.

    Parameters
    ----------
    name : str
        Text from a file or a folder.
    limit : int
        Longest text shown, in characters.

    Returns
    -------
    str
        Printable characters only; others as Python escapes; "..." where it was cut.
    """
    cut = name if len(name) <= limit else name[: limit - 3] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
