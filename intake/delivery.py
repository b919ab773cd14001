"""A delivery folder: what it declares, and which of its files feeds which export."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from intake.cells import CellForms
from intake.contract import EXPORTS, required_columns
from intake.mapping import MAPPINGS_FOLDER, Mapping, load_mapping
from intake.mapping_schema import Centre, ColumnSource, Identifier, Text
from intake.records import HeaderContract, normal_header
from intake.refusals import FileRefusedError, IntakeError, MappingError, shown_name
from intake.uses import FORMATS, NUMBERS, FileForm, FileUse, file_key, normal_name
from intake.yaml_files import StrictModel, read_settings

DELIVERY_FILE = "delivery.yml"
DEFAULT_MAPPING = "clinic"

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
    about : DeliveryFile
        Content of delivery.yml, or its defaults.
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


@dataclass
class PlannedFile:
    """A file of the folder, or a sheet of one, with every use that exports make of it.

    Attributes
    ----------
    sheet : str or None
        Sheet of a workbook; None where the mapping names none.
    uses : list of FileUse
        They agree on how the file is read.
    centre : ColumnSource or None
        Where the centre of a record is.
    other_sheets : tuple of str
        Sheets of the same workbook that other uses read.
    """

    name: str
    file_format: str
    n_bytes: int
    modified_ns: int = 0
    sheet: str | None = None
    uses: list[FileUse] = field(default_factory=list)
    centre: ColumnSource | None = None
    other_sheets: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Name of the file, and of its sheet where others of the same workbook are read too."""
        return f"{self.name} [{self.sheet}]" if self.other_sheets else self.name

    @property
    def form(self) -> FileForm:
        """How the file is read."""
        return self.uses[0].file_form

    @property
    def cell_forms(self) -> CellForms:
        """How typed cells of each header are written as text."""
        kinds = {
            (use.export_name, column.name): column.kind
            for use in self.uses
            for column in EXPORTS[use.export_name]
        }
        return CellForms(
            self.uses[0].cell_form,
            {
                normal_header(source.column): use.form_of(name)
                for use in self.uses
                for name, source in use.columns.items()
                if source.column and kinds[use.export_name, name] in ("date", *NUMBERS)
            },
        )

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
                declared.update(headers if name in use.may_be_absent else {})
            required.update(dict.fromkeys(map(normal_header, use.headers)))
            if self.centre is not None:
                required.update(dict.fromkeys(map(normal_header, self.centre.headers)))
        only_optional = tuple(name for name in optional if name not in required)
        return HeaderContract(tuple(required), only_optional, tuple(declared))


@dataclass
class FolderPlan:
    """What was found in a delivery folder before any file was opened.

    Attributes
    ----------
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
    mapping_name : str
        Name of the mapping; "" takes source_system of delivery.yml, else ``clinic``.

    Raises
    ------
    IntakeError
        The folder is not there.
    MappingError
        delivery.yml or the mapping is not valid, or the extraction date is in the future.
    """
    about = read_about(folder)
    name = mapping_name or about.source_system or DEFAULT_MAPPING
    delivery = Delivery(folder, about, load_mapping(name, mappings_folder))
    _require_past(delivery.extraction_date)
    if about.centre is not None and delivery.mapping.content.has_centres:
        raise MappingError(
            f"{DELIVERY_FILE}: centre: the mapping {delivery.mapping.name} says where the centre "
            "of each record is; name it in one place only."
        )
    return delivery


def read_about(folder: Path) -> DeliveryFile:
    """Read delivery.yml of a folder, or return its defaults.

    Raises
    ------
    IntakeError
        The folder is not there.
    MappingError
        delivery.yml is not valid.
    """
    if not folder.is_dir():
        raise IntakeError(
            f"The delivery folder {folder} is not there.",
            "set REGISTRY_DELIVERY to the folder that holds the exports",
        )
    path = folder / DELIVERY_FILE
    if not os.path.lexists(path):
        return DeliveryFile()
    if path.is_symlink() or not path.is_file():
        raise MappingError(f"{path}: must be a plain file.")
    return read_settings(path, DeliveryFile)[0]


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
    taken: dict[tuple[str, str | None], PlannedFile] = {}
    ambiguous: set[str] = set()
    for use in delivery.mapping.content.uses:
        source = use.source
        found = _candidates(source.file, states)
        if len(found) == 1:
            name, file_format = found[0]
            state = states[name]
            planned = taken.setdefault(
                (name, source.sheet),
                PlannedFile(name, file_format, state.st_size, state.st_mtime_ns, source.sheet),
            )
            planned.centre = source.centre or delivery.centre
            planned.uses.append(use)
        elif found:
            plan.refusals.append(_several(source.file, [name for name, _ in found]))
            ambiguous.update(name for name, _ in found)
        elif source.required:
            plan.refusals.append(_missing(source.file, states))
        else:
            plan.notices.append((source.file, "optional_file_absent", use.export_name))
    plan.files = list(taken.values())
    for planned in plan.files:
        planned.other_sheets = tuple(
            sheet
            for name, sheet in taken
            if name == planned.name and sheet is not None and sheet != planned.sheet
        )
    plan.refusals = list({(each.code, each.file_name): each for each in plan.refusals}.values())
    plan.notices = list(dict.fromkeys(plan.notices))
    _judge_other_files(plan, set(states) - {name for name, _ in taken} - ambiguous, delivery)
    return plan


def require_unchanged(delivery: Delivery, plan: FolderPlan) -> None:
    """Stop when a file has another size or time of change than in the plan, or is gone.

    Raises
    ------
    IntakeError
        It names the files; a folder into which files are still copied is not complete.
    """
    now = plan_folder(delivery).files
    changed = [planned.name for planned in plan.files if planned not in now]
    if changed:
        raise IntakeError(
            f"The delivery {delivery.folder} changed while it was loaded or built: "
            f"{', '.join(map(shown_name, dict.fromkeys(changed)))}.",
            "wait until it is complete, then run again",
        )


def _candidates(file: str, names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the files that a mapping's file name can mean, with their formats."""
    stem = _pattern(file_key(file))
    written = [ending for ending in FORMATS if file.lower().endswith(ending)]
    endings = [max(written, key=len)] if written else list(FORMATS)
    return [
        (name, FORMATS[ending])
        for name in sorted(names)
        for ending in endings
        if re.fullmatch(stem + re.escape(ending), normal_name(name))
    ]


def _pattern(name: str) -> str:
    """Return the regular expression of a file name in which * stands for any text."""
    return ".*".join(map(re.escape, name.split("*")))


def _missing(file: str, names: Iterable[str]) -> FileRefusedError:
    endings = [ending for ending in FORMATS if file.lower().endswith(ending)]
    looked_for = file if endings else f"{file} ({', '.join(FORMATS)})"
    similar = sorted(name for name in names if normal_name(name).startswith(normal_name(file)))
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
    content = delivery.mapping.content
    ignored = re.compile("|".join(map(_pattern, map(normal_name, content.ignored_files))) or "(?!)")
    used = dict.fromkeys(_pattern(file_key(use.source.file)) for use in content.uses)
    named_after_one = re.compile(f"({'|'.join(used)})(?![a-z])")
    n_unknown = 0
    for name in sorted(names):
        lower = normal_name(name)
        if name == DELIVERY_FILE:
            continue
        ending = os.path.splitext(lower)[1]
        is_table = _DATA_ENDING.fullmatch(ending) or (
            _TEXT_ENDING.fullmatch(ending) and named_after_one.match(lower)
        )
        if ignored.fullmatch(lower) or ignored.fullmatch(file_key(lower)):
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
