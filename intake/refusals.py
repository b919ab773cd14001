"""Why intake refuses a delivery: every code of a refused file, a faulty record and a notice.

The three tables hold all codes, and ``docs/data_contract.md`` explains them. A search for a quoted
code finds the line that gives it. No message holds a cell of a patient; names that come
from a file are escaped and cut.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.stop import ExitCode, Stop

FILE_REFUSALS = {
    "missing_file": "Deliver it, or correct the file name in the mapping.",
    "several_files": "Leave one in the folder.",
    "unknown_file": "Remove it (a second part or a copy is never loaded), "
    "or name it in the mapping (files, or ignored_files).",
    "not_a_file": "Deliver one plain file per export.",
    "symbolic_link": "Deliver the file itself.",
    "unreadable": "Check its permissions.",
    "changed_while_read": "Wait until the delivery is complete, then load it again.",
    "empty_file": "Export it again.",
    "no_records": "Export it again, or declare may_be_empty.",
    "none_selected": "Correct the texts under records in the mapping, or declare may_be_empty.",
    "wrong_kind": "Export it in the format that its name says, or correct the name.",
    "wrong_encoding": "Declare the encoding in the mapping, or export the file again.",
    "mixed_line_ends": "Export it again with one kind of line end.",
    "nul_padding": "Copy the delivery again.",
    "cut_file": "Export it again.",
    "line_too_long": "The file is damaged or no CSV; export it again.",
    "damaged_archive": "Deliver it again.",
    "damaged_workbook": "Open it, save it again as .xlsx, and deliver that.",
    "damaged_parquet": "Deliver it again.",
    "workbook_too_large": "Deliver a table of this size as CSV or Parquet.",
    "no_such_sheet": "Correct the sheet's name in the mapping or in the workbook.",
    "hidden_sheet": "Name the sheet in the mapping (sheet), or show it and save the workbook.",
    "formula_without_result": "Open it in Excel and save it, or deliver values.",
    "column_type": "Deliver it as text, number or date.",
    "no_header": "Export the file again with its header line.",
    "header_line_break": "Correct the quotes of the header at the source.",
    "preamble": "Remove the lines above the header, or declare preamble_lines.",
    "wrong_delimiter": "Declare the delimiter in the mapping, or export the file again.",
    "column_missing": "Restore the column names, "
    "or describe the new ones in the mapping (columns, may_be_absent).",
    "column_twice": "Remove or rename the surplus column at the source.",
    "open_quote": "Correct that line at the source.",
    "too_many_faults": "Correct the export.",
}
"""Code of a refused file -> what to do about it."""

RECORD_FAULTS = (
    "empty_record", "field_count", "header_repeated", "bad_quoting", "control_character",
    "invalid_utf8", "cell_too_long", "not_selected", "unknown_centre",
)  # fmt: skip
"""Codes of records without cells: broken, of no export, of no centre (seed rejection_rules)."""

NOTICES = (
    "extra_column", "optional_column_absent", "optional_file_absent", "ignored_file",
    "unknown_file", "other_sheets", "hidden_sheet", "number_format", "no_records",
    "unselected_records", "unselected_word", "skipped_records", "empty_slots", "tail_ignored",
)  # fmt: skip
"""Codes of what is worth knowing and refuses nothing."""

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
        What to do about it; by default that of the table.
    file_name : str
        Name in the delivery folder, as shown to the user.
    """

    def __init__(self, code: str, cause: str, advice: str = "", file_name: str = "") -> None:
        super().__init__(code)
        default = FILE_REFUSALS[code]
        self.code, self.cause, self.file_name = code, cause, file_name
        self.advice = advice or default

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

    @property
    def recorded_details(self) -> tuple[str, ...]:
        """File and code; the name of a file that no mapping knows may be a patient's."""
        codes = [
            each.code if each.code == "unknown_file" else f"{each.file_name}: {each.code}"
            for each in self.refusals
        ]
        return (*codes, *self.details[len(self.refusals) :])


def shown_name(name: str, limit: int = 60) -> str:
    """Return a file or column name that is safe in a log line.

    Parameters
    ----------
    limit : int
        Longest text shown, in characters.

    Returns
    -------
    str
        Printable characters only; others as Python escapes; "..." where it was cut.
    """
    cut = name if len(name) <= limit else name[: limit - 3] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
