"""From a mapping as written to plain uses of files: formats resolved, repeated columns written out.

Every later step reads uses of this plain form: one export, one file (and sheet), one way to read
it, one source per column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from intake.contract import EXPORTS, codes_of, column_names, known_words, required_columns
from intake.mapping_checks import (
    Path,
    check_columns,
    check_forms,
    check_parts,
    check_relative_dates,
)
from intake.mapping_schema import (
    NOT_EMPTY,
    NUMBER_SLOT,
    SLOT,
    ColumnSource,
    ExportSource,
    FileSource,
    FormatKeys,
    RecordFilter,
    in_slot,
)
from intake.records import normal_header
from intake.refusals import shown_name
from intake.uses import (
    DEFAULT_CELL_FORM,
    DEFAULT_FILE_FORM,
    FileForm,
    FileUse,
    Flag,
    file_key,
    given_keys,
    staged_form,
)
from intake.yaml_files import PlacedError

_OF_READING = ("encoding", "delimiter", "preamble_lines", "header_lines", "skip_records", "centre")
"""What holds for all uses of a file and sheet, because it is read once."""


_YES_MARKS = ("x", "+", "✓", "✔")
_TERM_COLUMNS = {"comorbidities": "comorbidity_term", "prescriptions": "drug_name"}


class _Written(NamedTuple):
    """One use of a file as written, with its place in the mapping and the export that it is of."""

    path: Path
    export_name: str
    export: ExportSource
    source: FileSource


class WrittenMapping(Protocol):
    """The part of a mapping that says which files feed which export."""

    @property
    def defaults(self) -> FormatKeys: ...  # noqa: D102
    @property
    def exports(self) -> Mapping[str, ExportSource]: ...  # noqa: D102
    @property
    def criteria(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def words(self) -> Mapping[str, Mapping[str, str]]: ...  # noqa: D102


def expand(content: WrittenMapping) -> tuple[FileUse, ...]:
    """Return the plain uses of files that a mapping describes, by export.

    Raises
    ------
    PlacedError
        Keys that contradict each other or the contract, with their place in the mapping.
    """
    written: list[_Written] = []
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
            assert export is not None
            for use in _with_scores_apart(_Written(path, export_name, export, source)):
                check_columns(path, use.export_name, use.source)
                written.append(use)
    written.sort(key=lambda use: list(EXPORTS).index(use.export_name))
    if "patients" not in content.exports:
        raise PlacedError(("exports",), "exports: patients is missing")
    uses = [
        of_slot
        for each in _with_shared_keys(content, written)
        for of_slot in _slots(each.path, _plain_use(content, each))
    ]
    check_parts(uses)
    check_relative_dates(content.criteria, uses)
    check_forms(uses)
    forms = {
        name: staged_form(use for _, use in uses if use.export_name == name)
        for name in {use.export_name for _, use in uses}
    }
    plain = [replace(use, staged_form=forms[use.export_name]) for _, use in uses]
    return tuple(_with_flags(content, plain))


def _with_flags(content: WrittenMapping, uses: list[FileUse]) -> Iterator[FileUse]:
    """Yield the uses; those of a column of yes and no know what it says beside yes."""
    own = {word.strip().lower(): code for word, code in content.words.get("yes_no", {}).items()}
    codes = {**dict.fromkeys(_YES_MARKS, "yes"), **known_words("yes_no"), **own}
    no = {word for word, code in codes.items() if code == "no"}
    filters: dict[tuple[str, str | None, str], list[tuple[FileUse, RecordFilter]]] = {}
    for use in uses:
        for header, wanted in use.source.records.items():
            place = (file_key(use.source.file), use.source.sheet, normal_header(header))
            filters.setdefault(place, []).append((use, wanted))
    for use in uses:
        flag = _flag_header(use, codes)
        if flag is None:
            yield use
            continue
        place = (file_key(use.source.file), use.source.sheet, normal_header(flag))
        others = [wanted for other, wanted in filters[place] if other is not use]
        taken = {text.lower() for wanted in others for text in wanted.one_of or ()}
        is_empty_taken = "" in taken or any(wanted.is_empty for wanted in others)
        words = tuple(sorted(no)), tuple(sorted(taken - {""}))
        column = _TERM_COLUMNS[use.export_name]
        yield replace(use, flag=Flag(flag, column, *words, is_empty_taken))


def _flag_header(use: FileUse, codes: dict[str, str]) -> str | None:
    """Return the column of yes and no of a use with a constant term: an illness or an earlier drug.

    A drug of another time is none: there the filter may choose a visit.
    """
    columns = use.source.columns
    term = columns.get(_TERM_COLUMNS.get(use.export_name, ""))
    period = columns.get("period")
    is_past = period is not None and period.constant == "before_index"
    if (
        term is None
        or term.constant is None
        or (use.export_name == "prescriptions" and not is_past)
    ):
        return None
    found = [
        (header, wanted.one_of or ())
        for header, wanted in use.source.records.items()
        if any(codes.get(text.strip().lower()) == "yes" for text in wanted.one_of or ())
    ]
    if len(found) > 1:  # the number of a visit, or the like, may be beside it
        found = [each for each in found if not all(map(str.isdigit, each[1]))]
    return found[0][0] if len(found) == 1 else None


def _with_scores_apart(use: _Written) -> Iterator[_Written]:
    """Yield a use of visits without its additional scores, and a use of export scores for each.

    ``scorad_score`` is one where seed score_definitions has ``scorad`` and visits no such column.
    """
    source = use.source
    known = column_names("visits")
    found = {
        name.removesuffix("_score"): column
        for name, column in source.columns.items()
        if use.export_name == "visits" and "scores" in EXPORTS and name not in known
        if name.endswith("_score") and name.removesuffix("_score") in codes_of("score")
    }
    if not found:
        yield use
        return
    part = source.part or "visits"
    columns = {name: column for name, column in source.columns.items() if name in known}
    yield use._replace(source=source.model_copy(update={"part": part, "columns": columns}))
    shared = {
        name: column
        for name, column in columns.items()
        if name in ("patient_id", "visit_date", "nominal_timepoint")
    }
    for code, column in found.items():
        update = {
            "part": f"{part}_{code}",
            "records": {**source.records, **dict.fromkeys(column.headers, NOT_EMPTY)},
            "columns": {**shared, "score": ColumnSource(constant=code), "value": column},
        }
        yield use._replace(export_name="scores", source=source.model_copy(update=update))


def _plain_use(content: WrittenMapping, use: _Written) -> FileUse:
    levels = (content.defaults, use.export, use.source)
    source = use.source
    file_form, cell_form = DEFAULT_FILE_FORM, DEFAULT_CELL_FORM
    for level in levels:
        file_form = replace(file_form, **given_keys(level, FileForm))
        cell_form = cell_form.with_keys(level)
    if any(column.remarks for column in source.columns.values()):
        # A remark says since which month; the other uses of the export stay as strict as declared.
        cell_form = replace(cell_form, partial_dates=True)
    return FileUse(use.export_name, source, file_form, cell_form)


def _with_shared_keys(content: WrittenMapping, written: list[_Written]) -> list[_Written]:
    """Give every use of a file and sheet what one of them says about how it is read."""
    sheets: dict[str, set[str | None]] = {}
    for use in written:
        sheets.setdefault(file_key(use.source.file), set()).add(use.source.sheet)
    by_sheet: dict[tuple[str, str | None], list[int]] = {}
    sources: list[FileSource] = []
    for number, (path, _, _, source) in enumerate(written):
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
                getattr(_plain_use(content, written[place]).file_form, key, None)
                for place in places
            ]
            given = said or forms
            odd = next((n for n, value in enumerate(given) if value != given[0]), None)
            if odd is not None:
                use = written[places[odd if given is forms else -1]]
                raise PlacedError(
                    use.path,
                    f"exports: the uses of the file {use.source.file} declare different {key}",
                )
            if said:
                for place in places:
                    sources[place] = sources[place].model_copy(update={key: said[0]})
    if len({source.centre is None for source in sources}) > 1:
        path = next(w.path for w, s in zip(written, sources, strict=True) if s.centre is None)
        raise PlacedError(path, "exports: every file names its centre, or none does")
    return [use._replace(source=source) for use, source in zip(written, sources, strict=True)]


def _slots(path: Path, use: FileUse) -> Iterator[tuple[Path, FileUse]]:
    """Yield a use once for each of its timepoints or numbers, with their labels in its strings."""
    source = use.source
    if not source.timepoints and not source.numbered:
        yield path, use
        return
    parts: set[str] = set()
    key, start = ("timepoints", "t") if source.timepoints else ("numbered", "n")
    for label in source.timepoints or source.numbered:
        name = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_") or "slot"
        part = f"{source.part}_{name}" if source.part else f"{start}_{name}"
        if part in parts:
            raise PlacedError((*path, key, label), f"exports: {source.file}: two {key} are {part}")
        parts.add(part)
        columns = {
            name: found
            for name, written in source.columns.items()
            if (found := _in_slot(written, label)) is not None
        }
        if any(name not in columns for name in required_columns(use.export_name)):
            continue
        if source.timepoints:
            code = source.timepoints[label]
            columns.setdefault("nominal_timepoint", ColumnSource(constant=code))
        of_slot = {
            header: None
            for name, written in source.columns.items()
            if name in columns and (written.by_timepoint or _has_slot("".join(written.headers)))
            for header in columns[name].headers
            # A score that was not measured is no record, whatever else the visit holds.
            if header not in written.headers and (use.export_name != "scores" or name == "value")
        }
        plain = source.model_copy(
            update={
                "part": part,
                "timepoints": {},
                "numbered": (),
                "columns": columns,
                "records": {
                    in_slot(header, label): _filter_in_slot(wanted, label)
                    for header, wanted in source.records.items()
                },
            }
        )
        yield path, replace(use, source=plain, slot_headers=tuple(of_slot))


def _has_slot(text: str) -> bool:
    return SLOT in text or NUMBER_SLOT in text


def _in_slot(source: ColumnSource, label: str) -> ColumnSource | None:
    """Return a column's source at one timepoint or number; None where it has none there."""
    if source.by_timepoint:
        header = source.by_timepoint.get(label)
        update: dict[str, Any] = {"by_timepoint": {}, "column": header}
        return None if header is None else source.model_copy(update=update)
    parts = tuple(
        part.model_copy(
            update={
                key: in_slot(text, label)
                for key in ("header", "constant")
                if (text := getattr(part, key)) is not None
            }
        )
        for part in source.join
    )
    texts = {
        key: in_slot(text, label)
        for key in ("column", "constant")
        if (text := getattr(source, key)) is not None
    }
    return source.model_copy(update={"join": parts, **texts})


def _filter_in_slot(wanted: RecordFilter, label: str) -> RecordFilter:
    texts = {
        key: tuple(in_slot(text, label) for text in found)
        for key in ("one_of", "none_of")
        if (found := getattr(wanted, key)) is not None
    }
    return wanted.model_copy(update=texts)
