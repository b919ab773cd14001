"""A second run over a mapping: what a person decided stays, and only what is new is added.

The text above the list of what is not read is kept byte for byte; lines are inserted for columns
and timepoints that no earlier run has seen. A decision that the files contradict is an error.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intake.propose.formats import BUILT_IN
from intake.propose.proposal import (
    NOT_READ,
    SEEN,
    Proposal,
    Use,
    headers_in,
    scalar,
    setting_lines,
    tail,
    use_lines,
)
from intake.propose.tables import Column, Folder, Table
from intake.refusals import MappingError, shown_name
from intake.yaml_files import OPEN, read_yaml

_LEAST_SHARE_READ = 0.9
Levels = tuple[dict[str, Any], ...]
"""Keys of a column, its use, its export and the defaults: the first that has one wins."""
_FORM_KEYS = ("encoding", "delimiter", "preamble_lines", "header_lines")


@dataclass
class Written:
    """A mapping as it is written: its text, what YAML reads, and the line of every key."""

    name: str
    text: str
    content: dict[str, Any]
    lines: dict[tuple[str, ...], int]

    def fault(self, path: tuple[str, ...], what: str) -> str:
        """Return a problem with the line of the deepest key that is written."""
        line = next((self.lines[path[:n]] for n in range(len(path), 0, -1)
                     if path[:n] in self.lines), 1)  # fmt: skip
        return f"{self.name} line {line}: {what}"

    def uses(self) -> Iterator[tuple[tuple[str, ...], str, dict[str, Any], dict[str, Any]]]:
        """Yield path, export, keys of the export, and keys of each use of a file."""
        for export_name, export in (self.content.get("exports") or {}).items():
            for number, use in enumerate(export.get("files") or []):
                path = ("exports", export_name, "files", str(number))
                yield path, export_name, export, use


def read_written(path: Path) -> Written:
    """Read a mapping that may still have open questions.

    Raises
    ------
    MappingError
        It is no YAML, or no mapping.
    """
    content, lines, raw = read_yaml(path)
    if not isinstance(content.get("exports"), dict):
        raise MappingError(f"{path.name}: is no mapping: it has no exports.")
    return Written(path.name, raw.decode("utf-8-sig"), content, lines)


def contradictions(written: Written, found: Folder) -> list[str]:
    """Return every decision of a mapping that the files contradict, with its line."""
    problems: list[str] = []
    for path, _, export, use in written.uses():
        table = table_of(use, found.tables)
        if table is None:
            continue
        levels = (use, export, written.content.get("defaults") or {})
        problems += _wrong_forms(written, path, levels, table)
        problems += _wrong_columns(written, path, levels, table)
    return list(dict.fromkeys(problems))


def table_of(use: dict[str, Any], tables: Iterable[Table]) -> Table | None:
    """Return the table that a use reads; None where the folder has none or several."""
    wanted = str(use.get("file", "")).lower()
    sheet = use.get("sheet")
    fitting = [
        table
        for table in tables
        if fnmatch.fnmatchcase(table.file.lower(), wanted)
        or fnmatch.fnmatchcase(
            re.sub(r"\.(csv|csv\.gz|xlsx|parquet)$", "", table.file.lower()), wanted
        )
    ]
    same = [table for table in fitting if sheet is None or table.sheet == sheet]
    return same[0] if same else None


def _place(path: tuple[str, ...], levels: Levels, key: str) -> tuple[str, ...]:
    """Return the path of the level at which a key is written."""
    places = (path, path[:2], ("defaults",))
    for level, place in zip(levels, places, strict=True):
        if key in level:
            return (*place, key)
    return path


def _value(levels: Levels, key: str) -> Any:
    return next((level[key] for level in levels if key in level), BUILT_IN.get(key))


def _wrong_forms(
    written: Written, path: tuple[str, ...], levels: Levels, table: Table
) -> Iterator[str]:
    if not table.encoding:
        return
    for key in _FORM_KEYS:
        said, is_so = str(_value(levels, key)), str(getattr(table, key))
        is_same = (
            said.lower() == is_so or said in (OPEN, "auto") or (key, said) == ("delimiter", "\t")
        )
        is_ascii = key == "encoding" and is_so == "utf-8" and not said.startswith("utf-16")
        if is_ascii and all(c.header.isascii() for c in table.columns):
            is_same = is_same or all(text.isascii() for r in table.records for text in r)
        if not is_same and key in {k for level in levels for k in level}:
            yield written.fault(
                _place(path, levels, key), f"{key}: {said} is declared; {table.name} has {is_so}."
            )


def _wrong_columns(
    written: Written, path: tuple[str, ...], levels: Levels, table: Table
) -> Iterator[str]:
    use = levels[0]
    labels = []
    key = "timepoints" if use.get("timepoints") else "numbered"
    for label in map(str, use.get(key) or ()):
        of_label = set().union(*(headers_in(s, [label]) for s in use["columns"].values()))
        of_all = set().union(*(headers_in(s, [""]) for s in use["columns"].values()))
        if any(table.column(header) for header in of_label - of_all):
            labels.append(label)
        else:
            yield written.fault(
                (*path, key, label), f"{key}: {table.name} has no column at {label}."
            )
    for name, source in (use.get("columns") or {}).items():
        place = (*path, "columns", name)
        headers = headers_in(source, labels)
        columns = [c for c in table.columns if c.header.lower() in headers]
        absent = headers - {column.header.lower() for column in columns}
        if absent:
            names = ", ".join(shown_name(header, 40) for header in sorted(absent))
            yield written.fault(place, f"{name}: {table.name} has no column {names}.")
        own = (source if isinstance(source, dict) else {}, *levels)
        wrong = _wrong_dates(own, columns) if name.endswith("_date") else None
        wrong = _wrong_marks(own, columns) if name.endswith("_score") else wrong
        if wrong is not None:
            key, what = wrong
            at = (*place, key) if key in own[0] else _place(path, levels, key)
            yield written.fault(at, f"{key}: {what.format(name)}")
    for key in ("records", "skip_records"):
        for header in use.get(key) or {}:
            if table.column(header) is None:
                yield written.fault(
                    (*path, key, header),
                    f"{key}: {table.name} has no column {shown_name(header, 40)}.",
                )


def _wrong_dates(levels: Levels, columns: Iterable[Column]) -> tuple[str, str] | None:
    """Return the key and what is wrong where another order of dates reads more of them."""
    said = _value(levels, "date_format")
    forms: Counter[str] = Counter()
    for column in columns:
        forms.update(column.date_forms if column.n_typed_dates == 0 else {})
    if not _is_contradicted(said, forms):
        return None
    best, n = forms.most_common(1)[0]
    return "date_format", f"{said} reads {forms[said]:,} dates of {{}}, {best} reads {n:,}."


def _wrong_marks(levels: Levels, columns: Iterable[Column]) -> tuple[str, str] | None:
    """Return the key and what is wrong where most numbers have another decimal mark."""
    said = _value(levels, "decimal_mark")
    marks: Counter[str] = Counter()
    for column in columns:
        marks.update(column.decimal_marks if column.n_typed_numbers == 0 else {})
    if not _is_contradicted(said, marks):
        return None
    best, n = marks.most_common(1)[0]
    return "decimal_mark", f'"{said}" is declared; {n:,} numbers of {{}} have "{best}".'


def _is_contradicted(said: str, counts: Counter[str]) -> bool:
    """Return whether another form reads clearly more cells than the declared one."""
    n_most = max(counts.values(), default=0)
    return said != OPEN and n_most > 0 and counts[said] < _LEAST_SHARE_READ * n_most


def revised(written: Written, proposal: Proposal) -> tuple[str, list[str]]:
    """Return the text of a mapping with what a new delivery adds, and what was added in words.

    Parameters
    ----------
    written : Written
        The mapping; its decisions stay.
    proposal : Proposal
        What would be proposed for the new delivery alone.
    """
    seen = _seen_headers(written)
    lines = written.text.split(NOT_READ)[0].rstrip("\n").split("\n")
    inserts: list[tuple[int, list[str]]] = []
    added: list[str] = []
    numbers = iter(range(1 + written.text.count("# QUESTION "), 10_000))
    for use in proposal.uses:
        added += _add_codes(written, use, lines)
        known = seen.get(use.table.name, set())
        new = {header for header in use.headers if header not in known}
        if not new:
            continue
        match = _same_use(written, use)
        if match is None:
            place = _end_of(written, ("exports", use.export))
            block = use_lines(use, numbers)
            if place is None:
                place, block = (
                    _end_of(written, ("exports",)),
                    [f"  {use.export}:", "    files:", *block],
                )
            inserts.append((place or len(lines), block))
            added.append(f"{use.export}: {use.table.name}")
            continue
        path, old = match
        for name, setting in use.columns.items():
            headers = headers_in(setting.value, use.labels)
            if name not in (old.get("columns") or {}) and headers and headers <= new:
                place = _end_of(written, (*path, "columns")) or len(lines)
                inserts.append((place, setting_lines(name, setting, 10, numbers)))
                added.append(f"{use.export}: {name}: {use.table.name}")
        added += _add_labels(written, path, old, use, lines)
    for place, block in sorted(inserts, key=lambda insert: -insert[0]):
        lines[place:place] = block
    return "\n".join(lines) + "\n" + tail(proposal, _merged(seen, proposal)), added


def _add_labels(
    written: Written, path: tuple[str, ...], old: dict[str, Any], use: Use, lines: list[str]
) -> list[str]:
    """Write new timepoints or numbers at the end of their line; return what was added."""
    key, end = ("timepoints", "}") if "timepoints" in use.keys else ("numbered", "]")
    known = {str(label) for label in old.get(key) or ()}
    new = [label for label in use.labels if label not in known]
    if not known or not new:
        return []
    number = written.lines[*path, key] - 1
    if not lines[number].rstrip().endswith(end):
        return []
    codes = use.keys[key].value
    more = [f"{scalar(n)}: {codes[n]}" if end == "}" else scalar(n) for n in new]
    lines[number] = ", ".join([lines[number].rstrip()[:-1], *more]) + end
    return [f"{use.export}: {key.removesuffix('s')} {label}" for label in new]


def _add_codes(written: Written, use: Use, lines: list[str]) -> list[str]:
    """Write new codes of a lookup file at the end of ``labels: {...}``; return what was added."""
    match = _same_use(written, use)
    path, old = match if match is not None else ((), {})
    added = []
    for name in use.columns:
        source = (old.get("columns") or {}).get(name)
        known = source.get("labels") if isinstance(source, dict) else None
        proposed = use.source(name).get("labels", {})
        new = {code: text for code, text in proposed.items() if code not in (known or {})}
        number = written.lines.get((*path, "columns", name), 0) - 1
        if not known or not new or not lines[number].rstrip().endswith("}}"):
            continue
        more = "".join(f", {scalar(code)}: {scalar(text)}" for code, text in new.items())
        lines[number] = lines[number].rstrip()[:-2] + more + "}}"
        added.append(f"{use.export}: {name}: codes {', '.join(new)}")
    return added


def _same_use(written: Written, use: Use) -> tuple[tuple[str, ...], dict[str, Any]] | None:
    """Return path and keys of the written use that reads the same table for the same purpose."""
    fitting = [
        (path, old)
        for path, export_name, _, old in written.uses()
        if export_name == use.export and table_of(old, [use.table]) is not None
    ]
    same = [(path, old) for path, old in fitting if (old.get("part") or "") == use.part]
    chosen = same or (fitting if len(fitting) == 1 else [])
    return chosen[0] if chosen else None


def _end_of(written: Written, path: tuple[str, ...]) -> int | None:
    """Return the number of lines up to the end of a block; None where it is not there."""
    if path not in written.lines:
        return None
    return max(line for other, line in written.lines.items() if other[: len(path)] == path)


def _seen_headers(written: Written) -> dict[str, set[str]]:
    """Return table -> headers in lower case that an earlier run has seen."""
    found: dict[str, set[str]] = {}
    for line in written.text.split("\n"):
        if line.startswith(SEEN):
            name, headers = json.loads(line.removeprefix(SEEN))
            found[name] = {header.lower() for header in headers}
    return found


def _merged(seen: dict[str, set[str]], proposal: Proposal) -> dict[str, list[str]]:
    """Return table -> every header seen so far."""
    found = {name: list(headers) for name, headers in proposal.seen.items()}
    for name, headers in seen.items():
        mine = {header.lower() for header in found.get(name, [])}
        found[name] = [*found.get(name, []), *sorted(headers - mine)]
    return found
