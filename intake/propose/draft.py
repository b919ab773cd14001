"""Write a mapping for a delivery, or add to the one that is there.

Every file is looked at and given a use; questions say what is left to do, and comments what is not
read.
"""

from __future__ import annotations

import datetime
import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.files import write_whole
from intake.contract import EXPORTS, codes_of, column_names, known_words, required_columns
from intake.delivery import read_about
from intake.mapping import MAPPINGS_FOLDER
from intake.mapping_schema import IDENTIFIER, RELATIVE_DATES
from intake.propose import redcap
from intake.propose.blocks import days_by_label, label_of, meanings
from intake.propose.dictionary import Project, projects_of
from intake.propose.formats import (
    add_formats,
    ask_for_number_codes,
    counted,
    date_columns,
    in_order,
    settle_days,
)
from intake.propose.headers import is_of_headers
from intake.propose.index_course import ask_for_index
from intake.propose.losses import losses
from intake.propose.plain_cells import without_codes, without_units, write_meanings
from intake.propose.proposal import Proposal, Setting, Use, written
from intake.propose.revise import contradictions, read_written, revised
from intake.propose.roles import names_index
from intake.propose.scan import scan_folder
from intake.propose.seen import Seen, look
from intake.propose.shapes import uses_of
from intake.propose.tables import Folder, Table
from intake.refusals import IntakeError, MappingError, shown_name
from intake.yaml_files import OPEN

_DAY_IN_NAME = re.compile(r"(?:19|20)\d{2}[-_.]?(?:0[1-9]|1[0-2])(?:[-_.]?[0-3]\d)?(?!\d)")
_NO_TOPICALS = "leave it out: no file names a topical drug, so all would count as using none"
_CALENDAR_CRITERIA = ("is_index_date_in_study_period",)
_QUESTION = re.compile(r"^\s*# QUESTION \d+: ")


@dataclass(frozen=True)
class ProposeReport:
    """What a run wrote.

    Attributes
    ----------
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
    out : str
        The mapping: a name, or a path. Where it is there already, its decisions stay.

    Raises
    ------
    IntakeError
        The folder holds nothing usable, or a written decision contradicts its files (with line).
    """
    path = mapping_path(out)
    about = read_about(folder)
    proposal, found = draft(folder, path.stem, about.extraction_date)
    if about.centre is not None:  # of the whole delivery
        for use in proposal.uses:
            use.keys.pop("centre", None)
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


def draft(
    folder: Path, source_system: str, extraction: datetime.date | None = None
) -> tuple[Proposal, Folder]:
    """Return a proposal for the files of a folder, and what was found in them.

    Raises
    ------
    IntakeError
        The folder holds no table with a column of patients.
    """
    if not folder.is_dir():
        raise IntakeError(f"The delivery folder {folder} is not there.", "name the right folder")
    found = scan_folder(folder)
    found.problems += [(t.file, "holds no record.") for t in found.tables if not t.records]
    found.tables = [table for table in found.tables if table.records]
    _name_files(found.tables)
    for table in found.tables:
        without_units(table)
    lookups = without_codes(found.tables)
    proposal = Proposal(source_system, f"Mapping proposed for {source_system}")
    projects = projects_of(found.tables)
    beside = [*lookups, *(table for project in projects for table in project.others)]
    described = {*beside, *(project.data for project in projects)}
    seen = [look(table) for table in found.tables if table not in described]
    for project in projects:
        redcap.add_uses(proposal, project)
    if not any(use.export == "patients" for use in proposal.uses):
        proposal.uses += uses_of([_with_patient(each, seen) for each in seen])
    if not proposal.uses:
        raise nothing_usable(folder, found, projects)
    for use in proposal.uses:
        _add_timepoint_words(use)
        _ask_for_codes(use)
    _ask_for_reviews(proposal)
    ask_for_index(proposal)
    _leave_out_what_is_not_ours(proposal)
    add_formats(proposal, extraction)
    settle_days(proposal)
    ask_for_number_codes(proposal)
    write_meanings(proposal)
    _without_calendar(proposal)
    used = in_order(use.table for use in proposal.uses)
    unread = [table for table in found.tables if table.file not in used]
    without = [name for name, _ in found.problems if name not in used]
    proposal.ignored = list(dict.fromkeys([*(table.named for table in unread), *without]))
    proposal.unread = [_described(table) for table in unread if table not in beside]
    proposal.seen = {
        table.name: [column.header for column in table.columns] for table in found.tables
    }
    proposal.lost += losses(proposal, found, seen, beside)
    return proposal, found


def _described(table: Table) -> str:
    """Return a table that nothing reads, with its records and first headers."""
    headers = ", ".join(shown_name(column.header, 40) for column in table.columns[:12])
    return f"{table.name}, {counted(table.n_records, 'record')} of {headers}"


def _name_files(tables: Sequence[Table]) -> None:
    """Write ``*`` for the day in the name of a file, where no other file would match."""
    files = in_order(tables)
    for table in tables:
        pattern = _DAY_IN_NAME.sub("*", table.file)
        if sum(fnmatch.fnmatchcase(file, pattern) for file in files) == 1:
            table.pattern = pattern


def nothing_usable(folder: Path, found: Folder, projects: Sequence[Project]) -> IntakeError:
    """Return the error for a folder from which no mapping can be made, in one line."""
    if not found.tables and not found.problems:
        what = "it holds no CSV, Excel or Parquet file"
    elif not found.tables:
        name, cause = found.problems[0]
        what = f"no file can be read ({shown_name(name)} {cause.rstrip('.')})"
    elif projects:
        what = "the REDCap project has no field that the registry knows"
    else:
        what = "no table has a column that looks like a patient's identifier"
    return IntakeError(
        f"Nothing in {folder.name} can feed the registry: {what}.",
        "name the folder that holds the exports",
    )


def _with_patient(seen: Seen, others: Sequence[Seen]) -> Seen:
    """Give a table without a column of patients the one whose values another table has."""
    if seen.patient is not None:
        return seen
    known = {text for other in others if other.patient for text in other.patient.values}
    for column in seen.table.columns:
        n_shared = sum(n for text, n in column.values.items() if text in known)
        if column.n_filled and n_shared >= 0.8 * column.n_filled:
            seen.roles.of_role["patient_id"] = column
            return seen
    return seen


def _add_timepoint_words(use: Use) -> None:
    """Give labels of visits that no list knows their timepoint, by dates, units or numbers."""
    setting = use.columns.get("nominal_timepoint")
    if setting is None or not isinstance(setting.value, str):
        return
    column, patient = use.table.column(setting.value), use.column_of("patient_id")
    if column is None or patient is None:
        return
    known = known_words("timepoint")
    texts = [text for text in column.values if text.strip().lower() not in known]
    labels = {text: label for text in column.values if (label := label_of(text)) is not None}
    shown = use.table.shown_words(column, patient)
    unknown = [t for t in texts if t in labels and (t in shown or is_of_headers(t))]
    if not unknown:
        return
    days = days_by_label(use.table, patient, column, use.column_of("visit_date"), labels)
    codes, reason, is_certain = meanings(set(labels.values()), days)
    words = {text: codes[labels[text]] for text in sorted(unknown, key=lambda t: labels[t].number)}
    setting.value = {"column": column.header, "words": words}
    setting.comment = reason if is_certain else ""
    setting.question = "" if is_certain else f"which timepoint is each label? ({reason})"


def _ask_for_codes(use: Use) -> None:
    """Ask what the codes of the patient's sex mean, where no list and no dictionary knows them."""
    setting, column = use.columns.get("sex"), use.column_of("sex")
    patient = use.column_of("patient_id")
    if setting is None or column is None or not isinstance(setting.value, str):
        return
    known = known_words("sex")
    unknown = [text for text in use.table.shown_words(column, patient) if text.lower() not in known]
    if unknown:
        setting.value = {"column": column.header, "words": dict.fromkeys(unknown, OPEN)}
        setting.question = "what do these codes mean?"
        setting.candidates = codes_of("sex")


def _ask_for_reviews(proposal: Proposal) -> None:
    """Ask whether topical therapy was followed at every visit, where no column says so."""
    visits = [use for use in proposal.uses if use.export == "visits"]
    if visits and not any("topical_adherence" in use.columns for use in visits):
        visits[0].columns["topical_adherence"] = Setting(
            {"constant": "adherent"},
            question="was topical therapy reviewed at every visit? Only then remove the #",
            candidates=() if any(map(_may_hold_topicals, proposal.uses)) else (_NO_TOPICALS,),
            is_commented=True,
        )


def _may_hold_topicals(use: Use) -> bool:
    """Return whether a use has courses of another drug than the index treatment."""
    if use.export != "prescriptions" or "period" in use.columns:
        return False
    columns = use.columns_of("drug_name")
    return any(not names_index(text) for column in columns for text in column.values)


def _leave_out_what_is_not_ours(proposal: Proposal) -> None:
    """Take out exports and columns that the registry does not have, and name them as lost."""
    kept = []
    for use in proposal.uses:
        if use.export not in EXPORTS:
            proposal.lost.append(f"{use.table.name}: the registry has no export {use.export}")
            continue
        absent = [name for name in use.columns if not _has_column(use.export, name)]
        for name in absent:
            proposal.lost.append(f"{use.table.name}: {use.export} has no column {name}")
            del use.columns[name]
        needed = [name for name in required_columns(use.export) if name not in use.columns]
        if ("period" in absent or needed) and use.export != "patients":
            lacks = f": {', '.join(needed)} is not there" if needed else ""
            proposal.lost.append(f"{use.table.name}: no {use.export} can be made{lacks}")
            continue
        if "birth_date" in use.columns and not use.columns["birth_date"].is_commented:
            use.columns.pop("age_at_index_years", None)
        kept.append(use)
    proposal.uses = kept


def _has_column(export: str, name: str) -> bool:
    """Return whether a mapping may name this column of an export.

    A score that visits have no column for is one of them too: the loader reads it as a score.
    """
    is_score = export == "visits" and name.removesuffix("_score") in codes_of("score")
    return is_score or name in column_names(export)


def _without_calendar(proposal: Proposal) -> None:
    """Where dates are days, name the criteria that need no calendar, and keep all dates alike."""
    forms = [proposal.defaults, *(use.keys for use in proposal.uses)]
    said = {form["date_format"].value for form in forms if "date_format" in form}
    if not said & {*RELATIVE_DATES}:
        return
    proposal.criteria = tuple(
        code for code in codes_of("criterion") if code not in _CALENDAR_CRITERIA
    )
    for use in proposal.uses:
        for name, columns in date_columns(use).items():
            if any(column.date_share > 0.5 for column in columns):
                setting = use.columns[name]
                setting.is_commented = True
                setting.question = "a calendar date beside days: the registry reads one kind"
