"""A delivery folder: what it declares, and which of its files feeds which export."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from intake.contract import EXPORTS, column_names, required_columns
from intake.mapping import (
    MAPPINGS_FOLDER,
    Centre,
    ColumnSource,
    ExportSource,
    FileSource,
    Identifier,
    Mapping,
    Text,
    load_mapping,
)
from intake.records import HeaderContract, normal_header
from intake.refusals import FileRefusedError, IntakeError, MappingError, shown_name
from intake.yaml_files import StrictModel, read_settings

DELIVERY_FILE = "delivery.yml"
DEFAULT_MAPPING = "clinic"

FORMATS = {".csv": "csv", ".csv.gz": "csv_gz", ".xlsx": "xlsx", ".parquet": "parquet"}
"""Ending of a file name -> format."""

_DATA_ENDING = re.compile(
    r"\.(csv|tsv|gz|zip|7z|xls[xmb]?|ods|parquet|jsonl?|feather|sas7bdat|xpt|sav|dta|mdb)"
)
_TEXT_ENDING = re.compile(r"\.(txt|dat|asc|tab|prn)")
"""Text that may hold records; refused when it is named after a file of the mapping."""


class DeliveryFile(StrictModel):
    """What delivery.yml may say; every key is optional."""

    source_system: Identifier | None = None
    extraction_date: datetime.date | None = None
    is_synthetic: bool = False
    label: Text | None = None
    centre: Centre | None = None


@dataclass(frozen=True)
class Delivery:
    """A delivery folder with the mapping that describes it.

    Attributes
    ----------
    folder : Path
        As the user gave it.
    about : DeliveryFile
        Content of delivery.yml, or its defaults.
    mapping : Mapping
        The mapping by which the files are read.
    """

    folder: Path
    about: DeliveryFile
    mapping: Mapping

    @property
    def extraction_date(self) -> datetime.date | None:
        """The day of the export: delivery.yml first, then the mapping."""
        return self.about.extraction_date or self.mapping.content.extraction_date

    @property
    def centre(self) -> ColumnSource | None:
        """The one centre of the whole delivery; None where there is no such one."""
        return None if self.about.centre is None else ColumnSource(constant=self.about.centre)


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
    """A file of the folder with every use that exports make of it, and where its centre is."""

    name: str
    file_format: str
    n_bytes: int
    modified_ns: int = 0
    uses: list[FileUse] = field(default_factory=list)
    centre: ColumnSource | None = None

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
            if self.centre is not None:
                required.update(dict.fromkeys(map(normal_header, self.centre.headers)))
        only_optional = tuple(name for name in optional if name not in required)
        return HeaderContract(tuple(required), only_optional, tuple(declared))


@dataclass
class FolderPlan:
    """What was found in a delivery folder before any file was opened.

    Attributes
    ----------
    files : list of PlannedFile
        The files to read.
    notices : list of tuple
        File, notice code and detail.
    refusals : list of FileRefusedError
        Files that are missing, there twice, or data that no export uses.
    """

    files: list[PlannedFile] = field(default_factory=list)
    notices: list[tuple[str, str, str]] = field(default_factory=list)
    refusals: list[FileRefusedError] = field(default_factory=list)


def open_delivery(
    folder: Path, mapping_name: str = "", mappings_folder: Path = MAPPINGS_FOLDER
) -> Delivery:
    """Read delivery.yml and the mapping; no export is opened.

    Parameters
    ----------
    folder : Path
        The delivery folder.
    mapping_name : str
        Name of the mapping; "" takes source_system of delivery.yml, else ``clinic``.
    mappings_folder : Path
        Folder of the mapping files.

    Raises
    ------
    IntakeError
        The folder is not there.
    MappingError
        delivery.yml or the mapping is not valid, or the extraction date is in the future.
    """
    if not folder.is_dir():
        raise IntakeError(
            f"The delivery folder {folder} is not there.",
            "set REGISTRY_DELIVERY to the folder that holds the exports",
        )
    about = DeliveryFile()
    path = folder / DELIVERY_FILE
    if os.path.lexists(path):
        if path.is_symlink() or not path.is_file():
            raise MappingError(f"{path}: must be a plain file.")
        about, _ = read_settings(path, DeliveryFile)
    name = mapping_name or about.source_system or DEFAULT_MAPPING
    delivery = Delivery(folder, about, load_mapping(name, mappings_folder))
    _require_past(delivery.extraction_date)
    if about.centre is not None and delivery.mapping.content.has_centres:
        raise MappingError(
            f"{DELIVERY_FILE}: centre: the mapping {delivery.mapping.name} says where the centre "
            "of each record is; name it in one place only."
        )
    return delivery


def _require_past(extraction_date: datetime.date | None) -> None:
    """Refuse an extraction date in the future: with it, no date of a visit would be too late.

    A day ahead is another time zone, or a clock that is slow.
    """
    if extraction_date and extraction_date > datetime.date.today() + datetime.timedelta(days=1):
        raise MappingError(
            f"{DELIVERY_FILE}: extraction_date {extraction_date} has not come yet on this machine. "
            "Correct the date, or the clock."
        )


def plan_folder(delivery: Delivery) -> FolderPlan:
    """Match the names in a delivery folder with the mapping; no file is opened.

    Raises
    ------
    IntakeError
        The folder cannot be listed.
    """
    try:
        states = {
            entry.name: entry.stat(follow_symlinks=False) for entry in os.scandir(delivery.folder)
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
            found = _candidates(source.file, states)
            if export and len(found) == 1:
                name, file_format = found[0]
                state = states[name]
                planned = taken.setdefault(
                    name, PlannedFile(name, file_format, state.st_size, state.st_mtime_ns)
                )
                planned.centre = source.centre or delivery.centre
                planned.uses.append(FileUse(export_name, export, source))
            elif found:
                plan.refusals.append(_several(source.file, [name for name, _ in found]))
                taken.update({name: PlannedFile(name, "", 0) for name, _ in found})
            elif source.required:
                plan.refusals.append(_missing(source.file, states))
            else:
                plan.notices.append((source.file, "optional_file_absent", export_name))
    plan.files = [planned for planned in taken.values() if planned.uses]
    _judge_other_files(plan, set(states) - set(taken), delivery)
    return plan


def require_unchanged(delivery: Delivery, plan: FolderPlan) -> None:
    """Stop when a file has another size or time of change than in the plan, or is gone.

    Raises
    ------
    IntakeError
        It names the files; a folder into which files are still copied is not complete.
    """
    now = {planned.name: planned for planned in plan_folder(delivery).files}
    changed = [planned.name for planned in plan.files if now.get(planned.name) != planned]
    if changed:
        raise IntakeError(
            f"The delivery {delivery.folder} changed while it was loaded or built: "
            f"{', '.join(map(shown_name, changed))}.",
            "wait until it is complete, then run again",
        )


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
        "missing_file", f"is missing: looked for {looked_for}.{also}", file_name=file
    )


def _several(file: str, names: list[str]) -> FileRefusedError:
    return FileRefusedError(
        "several_files",
        f"several files could be it: {', '.join(shown_name(name) for name in names)}.",
        file_name=file,
    )


def _judge_other_files(plan: FolderPlan, names: Iterable[str], delivery: Delivery) -> None:
    """Refuse data files that no export uses; note any other file."""
    ignored = {name.lower() for name in delivery.mapping.content.ignored_files}
    used = [
        _stem(file.file.lower())
        for export in delivery.mapping.content.exports.values()
        for file in export.files
    ]
    named_after_one = re.compile(f"({'|'.join(map(re.escape, used))})(?![a-z])")
    n_unknown = 0
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
                    file_name=shown_name(name),
                )
            )
        else:
            n_unknown += 1
    if n_unknown:
        # Counted, not named: the name of a letter or a picture may name a patient.
        plan.notices.append(("(delivery folder)", "unknown_file", f"{n_unknown} not read"))


def _stem(name: str) -> str:
    for ending in FORMATS:
        name = name.removesuffix(ending)
    return name
