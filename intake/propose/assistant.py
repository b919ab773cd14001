"""Write a mapping for a delivery, or add to the one that is there; say what is left to do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from core.files import write_whole
from intake.delivery import read_about
from intake.mapping import MAPPINGS_FOLDER
from intake.mapping_schema import IDENTIFIER
from intake.propose.draft import draft
from intake.propose.proposal import Proposal
from intake.propose.revise import contradictions, read_written, revised
from intake.propose.write import written
from intake.refusals import MappingError
from intake.yaml_files import OPEN

_QUESTION = re.compile(r"^\s*# QUESTION \d+: ")


@dataclass(frozen=True)
class ProposeReport:
    """What a run wrote.

    Attributes
    ----------
    path : Path
        The mapping.
    is_new : bool
        Whether it was not there before.
    added : list of str
        What was added to a mapping that was there.
    questions : list of tuple
        Line, question, and whether the mapping cannot be loaded without its answer.
    lost : list of str
        What the proposal does not read, by file.
    """

    path: Path
    is_new: bool
    added: list[str] = field(default_factory=list)
    questions: list[tuple[int, str, bool]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def mapping_path(out: str) -> Path:
    """Return the file of a mapping: a name among ours, or a path that ends in ``.yml``.

    Raises
    ------
    MappingError
        It is neither.
    """
    if IDENTIFIER.fullmatch(out):
        return MAPPINGS_FOLDER / f"{out}.yml"
    path = Path(out)
    if path.suffix != ".yml" or not IDENTIFIER.fullmatch(path.stem):
        raise MappingError(
            "--out: must be a name in lower snake case, or the path of a file named so "
            "that ends in .yml."
        )
    return path


def propose(folder: Path, out: str) -> ProposeReport:
    """Look at a delivery and write a mapping for it; nothing is loaded.

    Parameters
    ----------
    folder : Path
        The delivery folder.
    out : str
        The mapping: a name, or a path. Where it is there already, its decisions stay.

    Returns
    -------
    ProposeReport

    Raises
    ------
    IntakeError
        The folder holds nothing usable, or a written decision contradicts its files (with line).
    """
    path = mapping_path(out)
    about = read_about(folder)
    proposal, found = draft(folder, path.stem, about.extraction_date)
    if about.centre is not None:
        _leave_centre_to_the_delivery(proposal)
    is_new = not path.exists()
    added: list[str] = []
    if is_new:
        text = written(proposal)
    else:
        before = read_written(path)
        problems = contradictions(before, found)
        if problems:
            raise MappingError(*problems)
        text, added = revised(before, proposal)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
    return ProposeReport(path, is_new, added, questions_of(text), proposal.lost)


def _leave_centre_to_the_delivery(proposal: Proposal) -> None:
    """Take the centre out: delivery.yml names the one centre of the whole delivery."""
    for use in proposal.uses:
        use.keys.pop("centre", None)


def questions_of(text: str) -> list[tuple[int, str, bool]]:
    """Return line, words and urgency of every question in a mapping.

    The line is the one to edit. A question whose line holds ``?`` stops the loader.
    """
    lines = text.split("\n")
    found = []
    for number, line in enumerate(lines):
        if _QUESTION.match(line):
            place = number + 1
            while place < len(lines) - 1 and re.match(r"\s*#   ", lines[place]):
                place += 1
            is_read = not lines[place].lstrip().startswith("#")
            is_open = is_read and f': "{OPEN}"' in lines[place]
            found.append((place + 1, _QUESTION.sub("", line), is_open))
    return found
