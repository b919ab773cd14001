"""The files of a delivery folder: which file feeds which export, and what else lies there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from intake.contract import EXPORTS, column_names, required_columns
from intake.delivery import DELIVERY_FILE, Delivery
from intake.errors import FileRefusedError, IntakeError, shown_name
from intake.layout import HeaderContract, normal_header
from intake.mapping import ColumnSource, ExportSource, FileSource

FORMATS = {".csv": "csv", ".csv.gz": "csv_gz", ".xlsx": "xlsx", ".parquet": "parquet"}
"""Ending of a file name -> format."""

_DATA_ENDING = re.compile(
    r"\.(csv|tsv|gz|zip|7z|xls[xmb]?|ods|parquet|jsonl?|feather|sas7bdat|xpt|sav|dta|mdb)"
)
_TEXT_ENDING = re.compile(r"\.(txt|dat|asc|tab|prn)")
"""Text that may hold records; refused when it is named after a file of the mapping."""
_MOST_NOTICES_PER_KIND = 50


@dataclass(frozen=True)
class FileUse:
    """One use of a file by an export."""

    export_name: str
    export: ExportSource
    source: FileSource

    @property
    def columns(self) -> dict[str, ColumnSource]:
        """Contract column -> its source; our own headers when the mapping names none."""
        if self.source.columns:
            return self.source.columns
        return {name: ColumnSource(column=name) for name in column_names(self.export_name)}

    def source_file(self, name: str) -> str:
        """Return the file's name in the raw table: with ``#part`` when it has several uses."""
        return f"{name}#{self.source.part}" if self.source.part else name


@dataclass
class PlannedFile:
    """A file of the folder with everything that is asked of it."""

    name: str
    file_format: str
    n_bytes: int
    uses: list[FileUse] = field(default_factory=list)

    @property
    def contract(self) -> HeaderContract:
        """The headers that all uses together need."""
        required: dict[str, None] = {}
        optional: dict[str, None] = {}
        declared: dict[str, None] = {}
        for use in self.uses:
            must = required_columns(use.export_name)
            for name, source in use.columns.items():
                headers = dict.fromkeys(map(normal_header, source.headers))
                (required if name in must else optional).update(headers)
                declared.update(headers if name in use.source.may_be_absent else {})
            required.update(dict.fromkeys(map(normal_header, use.source.records)))
        only_optional = tuple(name for name in optional if name not in required)
        return HeaderContract(tuple(required), only_optional, tuple(declared))


@dataclass
class FolderPlan:
    """What was found in a delivery folder before any file was opened."""

    files: list[PlannedFile] = field(default_factory=list)
    notices: list[tuple[str, str, str]] = field(default_factory=list)
    refusals: list[FileRefusedError] = field(default_factory=list)


def plan_folder(delivery: Delivery) -> FolderPlan:
    """Match the names in a delivery folder with the mapping.

    Parameters
    ----------
    delivery : Delivery
        Folder and mapping.

    Returns
    -------
    FolderPlan
        A refusal for a file that is missing, stands twice or is data that nobody asked for;
        a notice for anything else.

    Raises
    ------
    IntakeError
        The folder cannot be listed.
    """
    try:
        sizes = {
            entry.name: entry.stat(follow_symlinks=False).st_size
            for entry in os.scandir(delivery.folder)
        }
    except OSError as error:
        raise IntakeError(
            f"The delivery folder {delivery.folder} cannot be read ({error.strerror})."
        ) from None
    plan = FolderPlan()
    taken: dict[str, PlannedFile] = {}
    for export_name in EXPORTS:
        export = delivery.mapping.content.exports.get(export_name)
        for source in export.files if export else ():
            use = FileUse(export_name, export, source)
            found = _candidates(source.file, sizes)
            if len(found) == 1:
                name, file_format = found[0]
                planned = taken.setdefault(name, PlannedFile(name, file_format, sizes[name]))
                planned.uses.append(use)
            elif found:
                plan.refusals.append(_several(source.file, [name for name, _ in found]))
                taken.update({name: PlannedFile(name, "", 0) for name, _ in found})
            elif source.required:
                plan.refusals.append(_missing(source.file, sizes))
            else:
                plan.notices.append((source.file, "optional_file_absent", export_name))
    plan.files = [planned for planned in taken.values() if planned.uses]
    _judge_other_files(plan, set(sizes) - set(taken), delivery)
    return plan


def _candidates(file: str, names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the files that a mapping's file name can mean, with their formats."""
    wanted = file.lower()
    endings = [ending for ending in FORMATS if wanted.endswith(ending)]
    accepted = {wanted: FORMATS[max(endings, key=len)]} if endings else {}
    if not endings:
        accepted = {wanted + ending: file_format for ending, file_format in FORMATS.items()}
    return [(name, accepted[name.lower()]) for name in sorted(names) if name.lower() in accepted]


def _missing(file: str, names: Iterable[str]) -> FileRefusedError:
    endings = [ending for ending in FORMATS if file.lower().endswith(ending)]
    looked_for = file if endings else f"{file} ({', '.join(FORMATS)})"
    similar = sorted(name for name in names if name.lower().startswith(file.lower()))
    also = f" The folder holds {shown_name(similar[0])}." if similar else ""
    return FileRefusedError(
        "missing_file",
        f"is missing: looked for {looked_for}.{also}",
        "Deliver it, or correct the file name in the mapping.",
        file,
    )


def _several(file: str, names: list[str]) -> FileRefusedError:
    return FileRefusedError(
        "several_files",
        f"several files could be it: {', '.join(shown_name(name) for name in names)}.",
        "Leave one in the folder.",
        file,
    )


def _judge_other_files(plan: FolderPlan, names: Iterable[str], delivery: Delivery) -> None:
    ignored = {name.lower() for name in delivery.mapping.content.ignored_files}
    used = [
        _stem(file.file.lower())
        for export in delivery.mapping.content.exports.values()
        for file in export.files
    ]
    named_after_one = re.compile(f"({'|'.join(map(re.escape, used))})(?![a-z])")
    n_notices = 0
    for name in sorted(names):
        lower = name.lower()
        if name == DELIVERY_FILE:
            continue
        ending = os.path.splitext(lower)[1]
        is_table = _DATA_ENDING.fullmatch(ending) or (
            _TEXT_ENDING.fullmatch(ending) and named_after_one.match(lower)
        )
        if lower in ignored or _stem(lower) in ignored:
            plan.notices.append((shown_name(name), "ignored_file", "the mapping ignores it"))
        elif is_table and not lower.startswith((".", "~$")):
            plan.refusals.append(
                FileRefusedError(
                    "unknown_file",
                    "no export of the mapping uses this data file.",
                    "Remove it (a second part or a copy is never loaded), "
                    "or name it in the mapping (files, or ignored_files).",
                    shown_name(name),
                )
            )
        elif n_notices < _MOST_NOTICES_PER_KIND:
            n_notices += 1
            plan.notices.append((shown_name(name), "unknown_file", "not read"))


def _stem(name: str) -> str:
    for ending in FORMATS:
        name = name.removesuffix(ending)
    return name
