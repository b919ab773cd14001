"""Errors of intake: written for the person who sent or loads the delivery.

No message holds a cell of a patient; names that come from a file are escaped and cut.
"""

from __future__ import annotations

from dataclasses import dataclass


class IntakeError(Exception):
    """Intake cannot go on; the message says what happened, where, and what to do."""


class MappingError(IntakeError):
    """A mapping file or delivery.yml is not valid."""


@dataclass
class FileRefusedError(IntakeError):
    """One file of a delivery cannot be trusted.

    Attributes
    ----------
    code : str
        Machine name of the cause, lower snake case.
    cause : str
        What is wrong, in one sentence.
    advice : str
        What to do about it.
    file_name : str
        Name in the delivery folder, as shown to the user.
    """

    code: str
    cause: str
    advice: str
    file_name: str = ""

    def __str__(self) -> str:
        return f"{self.file_name}: {self.cause} {self.advice}"


class DeliveryRefusedError(IntakeError):
    """The delivery is refused as a whole.

    Parameters
    ----------
    folder : str
        The delivery folder as the user gave it.
    refusals : list of FileRefusedError
        One per refused file.
    """

    def __init__(self, folder: str, refusals: list[FileRefusedError]) -> None:
        self.folder = folder
        self.refusals = refusals
        count = "1 file" if len(refusals) == 1 else f"{len(refusals)} files"
        lines = [f"Delivery {folder} is refused ({count}); the warehouse was not changed."]
        lines += [f"  {refusal}" for refusal in refusals]
        super().__init__("\n".join(lines))


def shown_name(name: str, limit: int = 60) -> str:
    """Return a file or column name that is safe in a log line: escaped and cut.

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
