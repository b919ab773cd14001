"""From a mapping as written to plain uses of files: formats resolved, timepoints written out.

Everything behind reads a use as it stands here: one export, one file (and sheet), one way to read
it, one source per column.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

from intake.contract import EXPORTS, codes_of, column_names, required_columns, unexpected_columns
from intake.mapping_schema import (
    DATE_FORMATS,
    RELATIVE_DATES,
    SLOT,
    CellKeys,
    ColumnSource,
    ExportSource,
    FileSource,
    FormatKeys,
    RecordFilter,
)
from intake.refusals import shown_name
from intake.yaml_files import PlacedError

NOT_SELECTED = "not_selected"
"""Rule of a record that no use of its file takes, and the part under which it is counted."""

FORMATS = {".csv": "csv", ".csv.gz": "csv_gz", ".xlsx": "xlsx", ".parquet": "parquet"}
"""Ending of a file name -> format."""

_OF_READING = (
    "encoding",
    "delimiter",
    "preamble_lines",
    "header_lines",
    "skip_records",
    "centre",
)
"""What holds for all uses of a file and sheet, because it is read once."""

NUMBERS = ("score", "age")
"""Kinds of columns whose cells are numbers."""

Path = tuple[str, ...]


@dataclass(frozen=True)
class CellForm:
    """How the cells of one column are written.

    Attributes
    ----------
    decimal_mark, date_format : str
        As the mapping names them.
    two_digit_years : int or None
        Pivot of two-digit years; None refuses them.
    missing_codes : tuple of str
        Texts that mean missing.
    partial_dates : bool
        Whether a course may have partial dates.
    time_zone : str or None
        Zone whose date a timestamp with an offset becomes; None refuses it.
    """

    decimal_mark: str = "."
    date_format: str = "ymd-"
    two_digit_years: int | None = None
    missing_codes: tuple[str, ...] = ()
    partial_dates: bool = False
    time_zone: str | None = None

    def with_keys(self, keys: CellKeys) -> CellForm:
        """Return the form with what more specific keys say."""
        return replace(self, **_given(keys, CellForm))


@dataclass(frozen=True)
class FileForm:
    """How a file is read: its bytes, its lines and its header.

    Attributes
    ----------
    encoding, delimiter : str
        As Python names them; delimiter may be ``auto``.
    preamble_lines, header_lines : int
        Lines above the header, and lines of the header.
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    preamble_lines: int = 0
    header_lines: int = 1


DEFAULT_CELL_FORM, DEFAULT_FILE_FORM = CellForm(), FileForm()


@dataclass(frozen=True)
class FileUse:
    """One use of a file by an export.

    Attributes
    ----------
    export_name : str
        The export that it feeds.
    source : FileSource
        File, sheet, part, filters and columns; no timepoints are left in it.
    file_form : FileForm
        How the file is read.
    cell_form : CellForm
        How its cells are written, unless a column says otherwise.
    staged_form : CellForm
        How staging reads the cells of the export.
    slot_headers : tuple of str
        Headers of the use's timepoint: a record that is empty in all of them is none of this use.
    """

    export_name: str
    source: FileSource
    file_form: FileForm
    cell_form: CellForm
    staged_form: CellForm = DEFAULT_CELL_FORM
    slot_headers: tuple[str, ...] = ()

    @property
    def columns(self) -> dict[str, ColumnSource]:
        """Contract column -> its source; our own headers when the mapping names none."""
        if self.source.columns:
            return self.source.columns
        return {name: ColumnSource(column=name) for name in column_names(self.export_name)}

    @property
    def may_be_absent(self) -> list[str]:
        """The contract columns whose absence from the file does not mean a renamed column."""
        own = [] if self.source.columns else unexpected_columns(self.export_name)
        return [*self.source.may_be_absent, *own]

    @property
    def headers(self) -> tuple[str, ...]:
        """Headers that filters need."""
        return (*self.source.records, *self.source.skip_records)

    @property
    def is_filtered(self) -> bool:
        """Whether the use takes only some of the records of its file."""
        return bool(self.source.records or self.slot_headers)

    def form_of(self, column: str) -> CellForm:
        """Return how the cells of a contract column are written."""
        source = self.source.columns.get(column)
        return self.cell_form if source is None else self.cell_form.with_keys(source)

    def source_file(self, name: str) -> str:
        """Return the file's name in the raw table: with ``#part`` when it has several uses."""
        return f"{name}#{self.source.part}" if self.source.part else name


def _staged_form(uses: Iterable[FileUse]) -> CellForm:
    """Return the form in which staging reads all cells of an export, given its uses.

    It is the one that all uses and columns declare; where two differ, ISO dates, a decimal point
    and no missing codes, and intake rewrites the cells.
    """
    dates, marks, missing = set(), set(), set()
    uses = list(uses)
    for use in uses:
        for column in EXPORTS[use.export_name]:
            form = use.form_of(column.name)
            if column.name in use.columns:
                missing.add(form.missing_codes)
                dates.update([form.date_format] if column.kind == "date" else [])
                marks.update([form.decimal_mark] if column.kind in NUMBERS else [])
    dates = dates or {use.cell_form.date_format for use in uses}
    marks = marks or {use.cell_form.decimal_mark for use in uses}
    date_format = dates.pop() if len(dates) == 1 else "ymd-"
    return CellForm(
        decimal_mark=marks.pop() if len(marks) == 1 else ".",
        date_format=date_format if date_format in DATE_FORMATS else "ymd-",
        missing_codes=missing.pop() if len(missing) == 1 else (),
        partial_dates=any(use.cell_form.partial_dates for use in uses),
    )


class WrittenMapping(Protocol):
    """The part of a mapping that says which files feed which export."""

    @property
    def defaults(self) -> FormatKeys: ...  # noqa: D102
    @property
    def exports(self) -> Mapping[str, ExportSource]: ...  # noqa: D102
    @property
    def criteria(self) -> tuple[str, ...]: ...  # noqa: D102


def expand(content: WrittenMapping) -> tuple[FileUse, ...]:
    """Return the plain uses of files that a mapping describes, by export.

    Raises
    ------
    PlacedError
        Keys that contradict each other or the contract, with their place in the mapping.
    """
    written: list[tuple[Path, str, FileSource]] = []
    for export_name in content.exports:
        if export_name not in EXPORTS:
            raise PlacedError(
                ("exports", export_name),
                f"exports: {shown_name(export_name)!r} is no export; allowed: "
                + ", ".join(EXPORTS),
            )
    for export_name in EXPORTS:
        export = content.exports.get(export_name)
        for number, source in enumerate(export.files if export else ()):
            path = ("exports", export_name, "files", str(number))
            _check_columns(path, export_name, source)
            written.append((path, export_name, source))
    if "patients" not in content.exports:
        raise PlacedError(("exports",), "exports: patients is missing")
    uses = [
        of_slot
        for path, export_name, source in _with_shared_keys(content, written)
        for of_slot in _slots(path, _plain_use(content, export_name, source))
    ]
    _check_parts(uses)
    _check_relative_dates(content, uses)
    forms = {
        name: _staged_form(use for _, use in uses if use.export_name == name)
        for name in {use.export_name for _, use in uses}
    }
    return tuple(replace(use, staged_form=forms[use.export_name]) for _, use in uses)


def _given(keys: CellKeys, form: type[CellForm] | type[FileForm]) -> dict[str, Any]:
    """Return the keys of a form that are written."""
    names = {each.name for each in fields(form)} & set(type(keys).model_fields)
    return {name: getattr(keys, name) for name in names if getattr(keys, name) is not None}


def _plain_use(content: WrittenMapping, export_name: str, source: FileSource) -> FileUse:
    levels = (content.defaults, content.exports[export_name], source)
    file_form, cell_form = DEFAULT_FILE_FORM, DEFAULT_CELL_FORM
    for level in levels:
        file_form = replace(file_form, **_given(level, FileForm))
        cell_form = cell_form.with_keys(level)
    if any(column.remarks for column in source.columns.values()):
        # A remark says since which month; the other uses of the export stay as strict as declared.
        cell_form = replace(cell_form, partial_dates=True)
    return FileUse(export_name, source, file_form, cell_form)


def normal_name(file: str) -> str:
    """Return the form in which file names are compared: composed letters, lower case."""
    return unicodedata.normalize("NFC", file).lower()


def file_key(file: str) -> str:
    """Return what the names of one file in a mapping have in common: also without its ending."""
    name = normal_name(file)
    return name.removesuffix(max(filter(name.endswith, FORMATS), key=len, default=""))


def _with_shared_keys(
    content: WrittenMapping, written: list[tuple[Path, str, FileSource]]
) -> list[tuple[Path, str, FileSource]]:
    """Give every use of a file and sheet what one of them says about how it is read."""
    sheets: dict[str, set[str | None]] = {}
    for _, _, source in written:
        sheets.setdefault(file_key(source.file), set()).add(source.sheet)
    by_sheet: dict[tuple[str, str | None], list[int]] = {}
    sources: list[FileSource] = []
    for number, (path, _, source) in enumerate(written):
        named = sheets[file_key(source.file)] - {None}
        if source.sheet is None and len(named) > 1:
            raise PlacedError(path, f"exports: {source.file}: names no sheet, other uses do")
        sheet = next(iter(named)) if len(named) == 1 else source.sheet
        sources.append(source.model_copy(update={"sheet": sheet}))
        by_sheet.setdefault((file_key(source.file), sheet), []).append(number)
    for places in by_sheet.values():
        for key in _OF_READING:
            found = [getattr(sources[place], key) for place in places]
            said = [value for value in found if value not in (None, {})]
            forms = [
                getattr(_plain_use(content, written[place][1], sources[place]).file_form, key, None)
                for place in places
            ]
            given = said or forms
            odd = next((n for n, value in enumerate(given) if value != given[0]), None)
            if odd is not None:
                path, _, source = written[places[odd if given is forms else -1]]
                raise PlacedError(
                    path, f"exports: the uses of the file {source.file} declare different {key}"
                )
            if said:
                for place in places:
                    sources[place] = sources[place].model_copy(update={key: said[0]})
    if len({source.centre is None for source in sources}) > 1:
        path = next(w[0] for w, s in zip(written, sources, strict=True) if s.centre is None)
        raise PlacedError(path, "exports: every file names its centre, or none does")
    return [(path, name, source) for (path, name, _), source in zip(written, sources, strict=True)]


def _slots(path: Path, use: FileUse) -> Iterator[tuple[Path, FileUse]]:
    """Yield a use once for each of its timepoints, with their labels in its strings."""
    source = use.source
    if not source.timepoints:
        yield path, use
        return
    parts: set[str] = set()
    for label, code in source.timepoints.items():
        name = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_") or "slot"
        part = f"{source.part}_{name}" if source.part else f"t_{name}"
        if part in parts:
            raise PlacedError(
                (*path, "timepoints", label), f"exports: {source.file}: two timepoints are {part}"
            )
        parts.add(part)
        columns = {
            name: found
            for name, written in source.columns.items()
            if (found := _in_slot(written, label)) is not None
        }
        columns.setdefault("nominal_timepoint", ColumnSource(constant=code))
        of_slot = {
            header: None
            for name, written in source.columns.items()
            if name in columns and (written.by_timepoint or SLOT in "".join(written.headers))
            for header in columns[name].headers
            if header not in written.headers
        }
        plain = source.model_copy(
            update={
                "part": part,
                "timepoints": {},
                "columns": columns,
                "records": {
                    _named(header, label): _filter_in_slot(wanted, label)
                    for header, wanted in source.records.items()
                },
            }
        )
        yield path, replace(use, source=plain, slot_headers=tuple(of_slot))


def _named(text: str, label: str) -> str:
    return text.replace(SLOT, label)


def _in_slot(source: ColumnSource, label: str) -> ColumnSource | None:
    """Return a column's source at one timepoint; None where it has none there."""
    if source.by_timepoint:
        header = source.by_timepoint.get(label)
        update: dict[str, Any] = {"by_timepoint": {}, "column": header}
        return None if header is None else source.model_copy(update=update)
    parts = tuple(
        part.model_copy(
            update={
                key: _named(text, label)
                for key in ("header", "constant")
                if (text := getattr(part, key)) is not None
            }
        )
        for part in source.join
    )
    texts = {
        key: _named(text, label)
        for key in ("column", "constant")
        if (text := getattr(source, key)) is not None
    }
    return source.model_copy(update={"join": parts, **texts})


def _filter_in_slot(wanted: RecordFilter, label: str) -> RecordFilter:
    texts = {
        key: tuple(_named(text, label) for text in found)
        for key in ("one_of", "none_of")
        if (found := getattr(wanted, key)) is not None
    }
    return wanted.model_copy(update=texts)


def _check_parts(uses: list[tuple[Path, FileUse]]) -> None:
    """Refuse uses of one file that have no name of their own: the ledger counts each of them."""
    by_file: dict[str, list[tuple[Path, str | None]]] = {}
    for path, use in uses:
        by_file.setdefault(file_key(use.source.file), []).append((path, use.source.part))
    for file, found in by_file.items():
        parts = [part for _, part in found]
        for path, part in found:
            if part == NOT_SELECTED:
                raise PlacedError(
                    path, f"exports: {file}: the part name {NOT_SELECTED} is reserved"
                )
            if len(found) > 1 and (part is None or parts.count(part) > 1):
                raise PlacedError(
                    path,
                    f"exports: the file {file} is used {len(found)} times; "
                    "give each use a 'part' of its own",
                )


def _check_columns(path: Path, export_name: str, source: FileSource) -> None:
    """Refuse columns that the export does not have, lacks, or cannot take."""
    where = f"exports: {export_name}: {source.file}"
    allowed, required = column_names(export_name), required_columns(export_name)
    for key, names in (("columns", source.columns), ("may_be_absent", source.may_be_absent)):
        for name in names:
            if name not in allowed:
                raise PlacedError(
                    (*path, key, name),
                    f"{where}: {shown_name(name)!r} is no column of {export_name}; allowed: "
                    + ", ".join(allowed),
                )
    mapped = set(source.columns)
    if any(column.remarks for column in source.columns.values()):
        mapped.add("start_date")  # from the remark
    if source.timepoints:
        mapped.add("nominal_timepoint")  # the slot
    absent = [name for name in required if source.columns and name not in mapped]
    absent += [
        f"{column.name} or {column.alternative}"
        for column in EXPORTS[export_name]
        if source.columns
        and column.alternative
        and mapped.isdisjoint({column.name, column.alternative})
    ]
    if absent:
        raise PlacedError(
            (*path, "columns"), f"{where}: required and not mapped: " + ", ".join(absent)
        )
    needed = [name for name in source.may_be_absent if name in required]
    if needed:
        raise PlacedError(
            (*path, "may_be_absent"), f"{where}: may_be_absent: required: " + ", ".join(needed)
        )
    scores: dict[tuple[str, ...], str] = {}
    for name, column in source.columns.items():
        headers = tuple(
            header.strip().lower() for header in column.headers or column.by_timepoint.values()
        )
        if name.endswith("_score") and scores.setdefault(headers, name) != name:
            raise PlacedError(
                (*path, "columns", name),
                f"{where}: {scores[headers]} and {name} have the same source",
            )
    _check_shape((*path, "columns"), where, export_name, source)


def _check_shape(path: Path, where: str, export_name: str, source: FileSource) -> None:
    """Refuse timepoints, pieces and remarks where they mean nothing."""
    if source.timepoints and "nominal_timepoint" not in column_names(export_name):
        raise PlacedError(path, f"{where}: timepoints: only visits and scores have timepoints")
    if source.timepoints and not source.columns:
        raise PlacedError(path, f"{where}: timepoints: columns say which headers a timepoint has")
    split = [name for name, column in source.columns.items() if column.split]
    if len(split) > 1:
        raise PlacedError(
            (*path, split[1]), f"{where}: {' and '.join(split)}: only one column may be split"
        )
    unknown = set(source.timepoints.values()) - set(codes_of("timepoint"))
    if unknown:
        raise PlacedError(
            (*path[:-1], "timepoints"),
            f"{where}: timepoints: {', '.join(sorted(unknown))} is no code of ours; allowed: "
            + ", ".join(codes_of("timepoint")),
        )
    for name, column in source.columns.items():
        place = (*path, name)
        _check_words(place, f"{where}: {name}", word_kind(export_name, name), column)
        texts = [*column.headers, *(part.constant or "" for part in column.join)]
        if not source.timepoints and (SLOT in "".join(texts) or column.by_timepoint):
            raise PlacedError(
                place, f"{where}: {name}: {SLOT} and by_timepoint need 'timepoints' of the file"
            )
        odd = [label for label in column.by_timepoint if label not in source.timepoints]
        if odd:
            raise PlacedError(
                place, f"{where}: {name}: {', '.join(odd)} is not among the timepoints"
            )
        if not split and any(part.piece for part in column.join):
            raise PlacedError(place, f"{where}: {name}: piece: no column of this file is split")
        if column.remarks and name != "drug_name":
            raise PlacedError(place, f"{where}: {name}: remarks are read behind drug_name only")


_KINDS_OF_TERMS = {
    "drug_name": "drug",
    "comorbidity_term": "comorbidity",
    "event_term": "adverse_event",
}


def word_kind(export_name: str, column_name: str) -> str:
    """Return the kind of the words of a contract column; "" where it has none."""
    kinds = {column.name: column.word_kind for column in EXPORTS[export_name]}
    return _KINDS_OF_TERMS.get(column_name) or kinds[column_name]


def _check_words(path: Path, where: str, kind: str, column: ColumnSource) -> None:
    """Refuse words of a column that has none, and codes that no seed has."""
    if column.words and not kind:
        raise PlacedError(path, f"{where}: has no words")
    unknown = [code for code in column.words.values() if code not in codes_of(kind)]
    if unknown:
        raise PlacedError(
            (*path, "words"),
            f"{where}: {kind}: {', '.join(unknown)} is no code of ours; allowed: "
            + ", ".join(codes_of(kind)),
        )


def _check_relative_dates(content: WrittenMapping, uses: list[tuple[Path, FileUse]]) -> None:
    """Refuse relative days beside calendar dates, and criteria that need a calendar."""
    found = {
        use.form_of(column.name).date_format == RELATIVE_DATES: (*path, "columns", column.name)
        for path, use in uses
        for column in EXPORTS[use.export_name]
        if column.kind == "date" and column.name in use.columns
    }
    if True not in found:
        return
    if False in found:
        raise PlacedError(
            found[False], "date_format: day: all date columns of a mapping are relative, or none is"
        )
    if not content.criteria or "is_index_date_in_study_period" in content.criteria:
        raise PlacedError(
            ("criteria",),
            "criteria: with date_format: day there is no calendar; name the criteria that apply "
            "without is_index_date_in_study_period",
        )
