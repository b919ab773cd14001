"""How the files of a proposal are written: what all of them share, and where one differs."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from intake.mapping_schema import RELATIVE_DATES, STUDY_DAY
from intake.propose.proposal import Proposal, Setting, Use
from intake.propose.roles import score_ranges
from intake.propose.tables import PARTIAL_DATE, Column, Table
from intake.yaml_files import OPEN

OF_READING = ("encoding", "delimiter", "preamble_lines", "header_lines")
"""Keys that one use of a file says for all."""

BUILT_IN: dict[str, object] = {
    "encoding": "utf-8", "delimiter": ",", "preamble_lines": 0, "header_lines": 1,
    "decimal_mark": ".", "date_format": "ymd-", "missing_codes": [],
}  # fmt: skip
"""What holds where a mapping says nothing."""

_NUMBER_CODES = frozenset(
    {"-1", "-8", "-9", "-88", "-99", "-999", "88", "99", "888", "999", "9999"}
)
_LEAST_NUMBER_CODES = 2
_LAST_NUMBER = re.compile(r"([+-]?\d{1,5})$")
_TIME_ZONES = ("Europe/Rome", "Europe/Berlin", "Europe/London", "UTC")


def date_columns(use: Use) -> dict[str, list[Column]]:
    """Return column of the contract -> columns of the file that hold its dates."""
    return _columns_of(use, [name for name in use.columns if name.endswith("_date")])


def score_columns(use: Use) -> dict[str, list[Column]]:
    """Return column of the contract -> columns of the file that hold its numbers."""
    names = [name for name in use.columns if name.endswith("_score") or name == "value"]
    return _columns_of(use, names)


def _columns_of(use: Use, names: Iterable[str]) -> dict[str, list[Column]]:
    found = {name: use.columns_of(name) for name in names if not use.columns[name].is_commented}
    return {name: columns for name, columns in found.items() if columns}


def add_formats(proposal: Proposal, extraction: datetime.date | None) -> None:
    """Write into a proposal how its files are written: defaults, then what differs.

    Parameters
    ----------
    extraction : date, optional
        Day of the export: no two-digit year lies after it.
    """
    by_table: dict[Table, list[Use]] = {}
    for use in proposal.uses:
        by_table.setdefault(use.table, []).append(use)
    found = {place: _formats(uses, extraction) for place, uses in by_table.items()}
    _settle_by_other_tables(found.values())
    codes = sorted({code for form in found.values() for code in form.pop("missing_codes", [])})
    for key in dict.fromkeys(key for form in found.values() for key in form):
        weights: Counter[str] = Counter()
        for place, form in found.items():
            value = form[key].value if key in form else BUILT_IN.get(key)
            if key in form or key in OF_READING:
                weights[repr(value)] += len(by_table[place])
        text, _ = weights.most_common(1)[0]
        first = next((form[key] for form in found.values() if key in form
                      and repr(form[key].value) == text), None)  # fmt: skip
        if key != "skip_records" and first is not None and text != repr(BUILT_IN.get(key)):
            proposal.defaults[key] = first
    if codes:
        proposal.defaults["missing_codes"] = Setting(codes)
    for place, form in found.items():
        for number, use in enumerate(by_table[place]):
            for key, setting in form.items():
                default = proposal.defaults.get(key, Setting(BUILT_IN.get(key)))
                is_said = number > 0 and key in (*OF_READING, "skip_records")
                if not is_said and repr(setting.value) != repr(default.value):
                    use.keys[key] = setting


def ask_for_number_codes(proposal: Proposal) -> None:
    """Ask whether a number that a score cannot have, such as -99, means "not recorded" there."""
    common = proposal.defaults.get("missing_codes", Setting([])).value
    for use in proposal.uses:
        for name, columns in score_columns(use).items():
            if name.removesuffix("_score") not in score_ranges():
                continue
            low, high = score_ranges()[name.removesuffix("_score")]
            found: Counter[str] = Counter()
            for column in columns:
                found.update({
                    text: n for text, n in column.values.items()
                    if text.strip() in _NUMBER_CODES and not low <= float(text) <= high
                })  # fmt: skip
            if found.total() >= _LEAST_NUMBER_CODES:
                _own_form(use, name, "missing_codes", [*common, *sorted(found)])
                codes = ", ".join(f"{code} ({n:,})" for code, n in sorted(found.items()))
                use.columns[name].question = f'does {codes} mean "not recorded" here?'


def _settle_by_other_tables(forms: Iterable[dict[str, Setting]]) -> None:
    """Propose for an open order of dates the one of another file; it stays a question."""
    decided = Counter(
        str(form["date_format"].value)
        for form in forms
        if "date_format" in form and form["date_format"].value != OPEN
    )
    for form in forms:
        setting = form.get("date_format")
        if setting is not None and setting.value == OPEN:
            fitting = [known for known, _ in decided.most_common() if known in setting.candidates]
            if fitting:
                setting.value = fitting[0]
                setting.question += " Another file decides for this one"


def _formats(uses: Sequence[Use], extraction: datetime.date | None) -> dict[str, Any]:
    """Return the format keys of one table, given its uses, and its missing codes as a list."""
    table = uses[0].table
    found: dict[str, Any] = {}
    if table.preamble_lines or table.encoding:
        found["preamble_lines"] = Setting(table.preamble_lines)
    if table.header_lines > 1:
        found["header_lines"] = Setting(table.header_lines)
    if table.encoding:
        found["encoding"] = Setting(table.encoding)
        found["delimiter"] = Setting(table.delimiter)
    if table.footers:
        first = table.columns[0].header
        found["skip_records"] = Setting(
            {first: list(dict.fromkeys(table.footers))}, "lines of totals, counted as not selected"
        )
    read = set().union(*(use.headers for use in uses))
    used = [c for c in table.columns if c.header.lower() in read]
    found["missing_codes"] = sorted({code for column in used for code in column.missing_codes})
    _add_marks(uses, found)
    _add_dates(uses, found, extraction)
    return found


def _add_marks(uses: Sequence[Use], found: dict[str, Any]) -> None:
    groups = [(use, name, group) for use in uses for name, group in score_columns(use).items()]
    by_group = [
        sum((c.decimal_marks for c in group if c.n_typed_numbers == 0), Counter[str]())
        for _, _, group in groups
    ]
    marks = sum(by_group, Counter[str]())
    if not marks:
        return
    best, n = marks.most_common(1)[0]
    for (use, name, _), own in zip(groups, by_group, strict=True):
        if own and own.most_common(1)[0][0] != best:
            _own_form(use, name, "decimal_mark", own.most_common(1)[0][0])
    odd = marks.total() - n
    comment = f"{counted(odd, 'number')} with another mark" if odd else ""
    found["decimal_mark"] = Setting(best, comment)


def _own_form(use: Use, name: str, key: str, value: object) -> None:
    """Give one column a form of its own."""
    use.columns[name].value = {**use.source(name), key: value}


def _add_dates(
    uses: Sequence[Use], found: dict[str, Any], extraction: datetime.date | None
) -> None:
    groups = [(use, name, group) for use in uses for name, group in date_columns(use).items()]
    columns = [column for _, _, group in groups for column in group]
    if not columns:
        return
    form = date_form(columns)
    if form is not None:
        found["date_format"] = form
    for use, name, group in groups:
        own = date_form(group)
        if own is None or form is None or own.value == form.value:
            continue
        if not own.question or form.value not in own.candidates:
            _own_form(use, name, "date_format", str(own.value))
    n_short = sum(column.n_two_digit_years for column in columns)
    if n_short:
        year = (extraction or datetime.date.today()).year % 100
        found["two_digit_years"] = Setting(
            year,
            question=f"{counted(n_short, 'date')} with two digits of the year: which are 20..?",
            candidates=(f"{year:02d}: 00 to {year:02d} are 2000 to 20{year:02d}, others 19..",),
        )
    n_zoned = sum(column.n_zoned for column in columns)
    if n_zoned:
        found["time_zone"] = Setting(
            OPEN,
            question=f"{counted(n_zoned, 'time')} with a zone: the day of which zone counts?",
            candidates=_TIME_ZONES,
        )
    courses = [c for _, name, group in groups if name in ("start_date", "end_date") for c in group]
    if any(c.share(PARTIAL_DATE) > 0 and not c.is_relative_day for c in courses):
        found["partial_dates"] = Setting(True, "some have a month or a year only")


def days_of(proposal: Proposal) -> dict[str, set[int]]:
    """Return name of a table -> the numbers in its columns of dates that are relative days."""
    found: dict[str, set[int]] = {}
    for use in proposal.uses:
        for columns in date_columns(use).values():
            form = date_form(columns)
            if form is not None and form.value in RELATIVE_DATES:
                texts = {text for column in columns for text in column.values}
                days = {int(m[1]) for text in texts if (m := _LAST_NUMBER.search(text))}
                found.setdefault(use.table.name, set()).update(days)
    return found


def settle_days(proposal: Proposal) -> None:
    """Say in a proposal whether its days have a day 0, or 1 is the first; ask where neither occurs.

    All files count from one day: a 0 in one of them decides for all.
    """
    found = days_of(proposal)
    days = set().union(*found.values())
    files = ", ".join(found)
    setting = Setting("day", f"days with a day 0, in {files}")
    if days and 0 not in days:
        setting = Setting(STUDY_DAY, f"no day 0 occurs: day 1 is the first day, in {files}")
    if not days & {0, 1}:
        setting.value = "day"
        setting.question = f"is day 1 the first day (study_day) or day 0 (day)? Days are in {files}"
        setting.candidates = RELATIVE_DATES
    for form in (proposal.defaults, *(use.keys for use in proposal.uses)):
        if "date_format" in form and form["date_format"].value in RELATIVE_DATES:
            form["date_format"] = setting
    for use in proposal.uses:
        for name in use.columns:
            if use.source(name).get("date_format") in RELATIVE_DATES:
                _own_form(use, name, "date_format", setting.value)


def date_form(columns: Sequence[Column]) -> Setting | None:
    """Return the form of the dates of some columns; None where cells of a workbook are dates.

    A value that only one order allows decides. Where none does, the setting is open.
    """
    if any(column.is_relative_day for column in columns) or _are_plain_days(columns):
        return Setting("day", "days, counted from the index date")
    texts = [column for column in columns if column.n_filled > column.n_typed_dates]
    if texts and all(column.is_serial for column in texts):
        return Setting("serial", "day numbers of a spreadsheet")
    forms: Counter[str] = Counter()
    for column in texts:
        forms.update(column.date_forms)
    n_text = sum(column.n_filled - column.n_typed_dates for column in texts)
    if not forms or not n_text:
        return None
    ranked = forms.most_common()
    best, n = ranked[0]
    rivals = [form for form, count in ranked[1:] if count == n and form[-1] == best[-1]]
    if rivals:
        return Setting(
            OPEN,
            question="every date fits two orders of day and month: which is it?",
            candidates=(best, *rivals),
        )
    other = dict(ranked).get({"d": "mdy", "m": "dmy"}.get(best[0], "") + best[-1], 0)
    comment = f"decided by {counted(n - other, 'date')} of {n:,}" if best[0] != "y" else ""
    return Setting(best, comment)


def _are_plain_days(columns: Iterable[Column]) -> bool:
    """Return whether dates are whole numbers that no spreadsheet would write for a date."""
    found = [column for column in columns if column.n_filled]
    return bool(found) and all(
        column.number_share > 0.9
        and not column.is_serial
        and column.date_share == 0
        and all(abs(number) < 10_000 and float(number).is_integer() for number in column.numbers)
        and max(map(abs, column.numbers), default=0) < 1900
        for column in found
    )


def counted(n: int, noun: str) -> str:
    """Return a number with its noun: 1 date, 2 dates."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def in_order(tables: Iterable[Table]) -> list[str]:
    """Return the names of files, each once."""
    return list(dict.fromkeys(table.file for table in tables))
