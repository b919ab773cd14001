"""Contradictions of a mapping that no single key shows; each is named with its place."""

from __future__ import annotations

from collections.abc import Iterator

from intake.contract import EXPORTS, codes_of, column_names, required_columns, word_kind
from intake.mapping_schema import NUMBER_SLOT, RELATIVE_DATES, SLOT, FileSource
from intake.refusals import shown_name
from intake.uses import NOT_SELECTED, NUMBERS, SKIPPED, FileUse, file_key
from intake.yaml_files import PlacedError

Path = tuple[str, ...]


def check_parts(uses: list[tuple[Path, FileUse]]) -> None:
    """Refuse uses of one file that have no name of their own: the ledger counts each of them."""
    by_file: dict[str, list[tuple[Path, str | None]]] = {}
    for path, use in uses:
        by_file.setdefault(file_key(use.source.file), []).append((path, use.source.part))
    for file, found in by_file.items():
        parts = [part for _, part in found]
        for path, part in found:
            if part in (NOT_SELECTED, SKIPPED):
                raise PlacedError(path, f"exports: {file}: the part name {part} is reserved")
            if len(found) > 1 and (part is None or parts.count(part) > 1):
                raise PlacedError(
                    path,
                    f"exports: the file {file} is used {len(found)} times; "
                    "give each use a 'part' of its own",
                )


def check_columns(path: Path, export_name: str, source: FileSource) -> None:
    """Refuse columns that the export does not have, lacks, or cannot take."""
    for checks in (_wrong_columns, _wrong_shape, _wrong_sources):
        for place, text in checks(path, export_name, source):
            raise PlacedError(place, f"exports: {export_name}: {source.file}: {text}")


Problems = Iterator[tuple[Path, str]]
"""Place and text of everything that is wrong; the first one is shown."""


def _wrong_columns(path: Path, export_name: str, source: FileSource) -> Problems:
    """Yield columns that the export does not have, and those that are missing or there twice."""
    allowed, required = column_names(export_name), required_columns(export_name)
    for key, names in (("columns", source.columns), ("may_be_absent", source.may_be_absent)):
        for name in names:
            if name not in allowed:
                yield (
                    (*path, key, name),
                    f"{shown_name(name)!r} is no column of {export_name}; allowed: "
                    + ", ".join(allowed),
                )
    mapped = set(source.columns)
    if any(column.remarks for column in source.columns.values()):
        mapped.add("start_date")  # from the remark
    if source.timepoints:
        mapped.add("nominal_timepoint")  # the slot
    absent = [name for name in required if name not in mapped]
    absent += [
        f"{column.name} or {column.alternative}"
        for column in EXPORTS[export_name]
        if column.alternative and mapped.isdisjoint({column.name, column.alternative})
    ]
    if source.columns and absent:
        yield (*path, "columns"), "required and not mapped: " + ", ".join(absent)
    needed = [name for name in source.may_be_absent if name in required]
    if needed:
        yield (*path, "may_be_absent"), "may_be_absent: required: " + ", ".join(needed)
    scores: dict[tuple[str, ...], str] = {}
    for name, column in source.columns.items():
        headers = tuple(
            header.strip().lower() for header in column.headers or column.by_timepoint.values()
        )
        if name.endswith("_score") and scores.setdefault(headers, name) != name:
            yield (*path, "columns", name), f"{scores[headers]} and {name} have the same source"


def _wrong_shape(path: Path, export_name: str, source: FileSource) -> Problems:
    """Yield timepoints, numbers and pieces where they mean nothing."""
    columns = (*path, "columns")
    if source.timepoints and "nominal_timepoint" not in column_names(export_name):
        yield columns, "timepoints: only visits and scores have timepoints"
    if source.timepoints and not source.columns:
        yield columns, "timepoints: columns say which headers a timepoint has"
    if source.numbered and (source.timepoints or not source.columns or export_name == "patients"):
        yield (
            (*path, "numbered"),
            "numbered: needs columns, no timepoints, and an export of which a patient may have "
            "several records",
        )
    split = [name for name, column in source.columns.items() if column.split]
    if len(split) > 1:
        yield (*columns, split[1]), f"{' and '.join(split)}: only one column may be split"
    unknown = set(source.timepoints.values()) - set(codes_of("timepoint"))
    if unknown:
        yield (
            (*path, "timepoints"),
            f"timepoints: {', '.join(sorted(unknown))} is no code of ours; allowed: "
            + ", ".join(codes_of("timepoint")),
        )


def _wrong_sources(path: Path, export_name: str, source: FileSource) -> Problems:
    """Yield columns whose source has words, slots, pieces, units or remarks that mean nothing."""
    kinds = {column.name: column.kind for column in EXPORTS[export_name]}
    is_split = any(column.split for column in source.columns.values())
    for name, column in source.columns.items():
        place = (*path, "columns", name)
        kind = word_kind(export_name, name)
        if column.words and not kind:
            yield place, f"{name}: has no words"
        unknown = [code for code in column.words.values() if code not in codes_of(kind)]
        if unknown:
            yield (
                (*place, "words"),
                f"{name}: {kind}: {', '.join(unknown)} is no code of ours; allowed: "
                + ", ".join(codes_of(kind)),
            )
        texts = "".join([*column.headers, *(part.constant or "" for part in column.join)])
        if not source.timepoints and (SLOT in texts or column.by_timepoint):
            yield place, f"{name}: {SLOT} and by_timepoint need 'timepoints' of the file"
        if not source.numbered and NUMBER_SLOT in texts:
            yield place, f"{name}: {NUMBER_SLOT} needs 'numbered' of the file"
        odd = [label for label in column.by_timepoint if label not in source.timepoints]
        if odd:
            yield place, f"{name}: {', '.join(odd)} is not among the timepoints"
        if not is_split and any(part.piece for part in column.join):
            yield place, f"{name}: piece: no column of this file is split"
        if column.unit and kinds.get(name) not in NUMBERS:
            yield place, f"{name}: unit: is no number"
        if column.remarks and name != "drug_name":
            yield place, f"{name}: remarks are read behind drug_name only"


def check_relative_dates(criteria: tuple[str, ...], uses: list[tuple[Path, FileUse]]) -> None:
    """Refuse relative days beside calendar dates, and criteria that need a calendar."""
    found = {
        use.form_of(column.name).date_format in RELATIVE_DATES: (*path, "columns", column.name)
        for path, use in uses
        for column in EXPORTS[use.export_name]
        if column.kind == "date" and column.name in use.columns
    }
    if True not in found:
        return
    if False in found:
        raise PlacedError(
            found[False],
            "date_format: day or study_day: all date columns of a mapping are relative, or none is",
        )
    if not criteria or "is_index_date_in_study_period" in criteria:
        raise PlacedError(
            ("criteria",),
            "criteria: with relative days there is no calendar; name the criteria that apply "
            "without is_index_date_in_study_period",
        )


def check_forms(uses: list[tuple[Path, FileUse]]) -> None:
    """Refuse a header that is read in two forms: a typed cell is written in one of them."""
    found: dict[tuple[str, str | None, str, str], str] = {}
    for path, use in uses:
        for column in EXPORTS[use.export_name]:
            source = use.columns.get(column.name)
            if source is None or source.column is None:
                continue
            form = use.form_of(column.name)
            forms = {"date": form.date_format, **dict.fromkeys(NUMBERS, form.decimal_mark)}
            if column.kind not in forms:
                continue
            key = "date_format" if column.kind == "date" else "decimal_mark"
            header = source.column.strip().lower()
            place = (file_key(use.source.file), use.source.sheet, header, key)
            if found.setdefault(place, forms[column.kind]) != forms[column.kind]:
                raise PlacedError(
                    (*path, "columns", column.name),
                    f"exports: {use.source.file}: {shown_name(source.column)} is read with "
                    f"{key} {found[place]} and {forms[column.kind]}",
                )
