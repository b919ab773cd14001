"""What a proposed mapping leaves unread, by file: records, columns and words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from intake.contract import codes_of, known_words
from intake.propose.dictionary import is_form_status
from intake.propose.formats import counted
from intake.propose.proposal import Proposal, Use, headers_in
from intake.propose.roles import WORD_KIND_OF, is_identity
from intake.propose.seen import Seen
from intake.propose.tables import Folder, Table
from intake.refusals import shown_name


def losses(
    proposal: Proposal, found: Folder, seen: Sequence[Seen], beside: Sequence[Table]
) -> list[str]:
    """Return what the proposed mapping leaves unread, by file: records, columns and words.

    Parameters
    ----------
    seen : sequence of Seen
        Tables outside REDCap projects.
    beside : sequence of Table
        Dictionaries and events, which hold no data.
    """
    lines = [f"{shown_name(name)}: {cause}" for name, cause in found.problems]
    by_table = {each.table: each for each in seen}
    people = _register_of(proposal)
    for table in (table for table in found.tables if table not in beside):
        uses = [use for use in proposal.uses if use.table is table]
        if not uses:
            lines.append(f"{table.name}: {counted(table.n_records, 'record')}, no use")
            continue
        lines += _lost_records(table, uses)
        lines += _orphans(table, uses[0], people)
        lines += _lost_columns(table, uses, by_table.get(table))
        lines += _lost_words(table, uses)
    return lines


def _lost_records(table: Table, uses: Sequence[Use]) -> list[str]:
    lines = []
    if table.footers:
        lines.append(f"{table.name}: {counted(len(table.footers), 'line')} of totals")
    if table.n_remarks:
        lines.append(f"{table.name}: {counted(table.n_remarks, 'line')} with a remark")
    if not table.is_whole:
        lines.append(f"{table.name}: only the first {len(table.records):,} records were looked at")
    taken = [any(_takes(use, record) for use in uses) for record in table.records]
    if not all(taken):
        lines.append(f"{table.name}: {counted(taken.count(False), 'record')} that no use selects")
        lines += _unselected_words(table, uses, taken)
    for use in uses:
        if use.labels:
            what = "timepoints" if "timepoints" in use.keys else f"places for {use.export}"
            n_slots = len(use.labels) * len(table.records)
            n_empty = n_slots - sum(_n_slots(use, record) for record in table.records)
            if n_empty:
                lines.append(f"{table.name}: {n_empty:,} of {n_slots:,} {what} are empty")
    return lines


def _unselected_words(table: Table, uses: Sequence[Use], taken: Sequence[bool]) -> Iterator[str]:
    """Yield the words that no use selects, where its uses name what they take: scores, events."""
    asked: dict[str, set[str]] = {}
    for use in uses:
        records = use.keys["records"].value if "records" in use.keys else {}
        for header, wanted in records.items():
            if isinstance(wanted, list):
                asked.setdefault(header, set()).update(wanted)
    for header, words in asked.items():
        column, patient = table.column(header), uses[0].column_of("patient_id")
        if column is None or patient is None:
            continue
        texts = (t for t, is_taken in zip(table.cells(column), taken, strict=True) if not is_taken)
        left = Counter(text for text in texts if text and text not in words)
        shown = [text for text in table.shown_words(column, patient) if text in left]
        named = [f"{shown_name(text, 40)} ({left[text]:,})" for text in shown]
        n_others = len(left) - len(shown)
        named += [counted(n_others, "other word" if named else "word")] if n_others else []
        if named:
            yield f"{table.name}: {header} that no use selects (records): {', '.join(named)}"


def _register_of(proposal: Proposal) -> set[str]:
    """Return the identifiers of the patients that the mapping reads."""
    found: set[str] = set()
    for use in proposal.uses:
        column = use.column_of("patient_id")
        if use.export == "patients" and column is not None:
            found |= column.values.keys()
    return found


def _orphans(table: Table, use: Use, people: set[str]) -> Iterable[str]:
    column = use.column_of("patient_id")
    others = [n for text, n in column.values.items() if text not in people] if column else []
    if others:
        yield (
            f"{table.name}: {counted(sum(others), 'record')} of {counted(len(others), 'patient')} "
            "whom the file of patients does not have"
        )


def _takes(use: Use, record: Sequence[str]) -> bool:
    """Return whether the filters of a use select a record."""
    setting = use.keys.get("records")
    for header, wanted in (setting.value if setting is not None else {}).items():
        column = use.table.column(header)
        if column is None:
            return False
        text = record[column.position].strip()
        is_empty = not text or text in column.missing_codes
        if wanted in ("not_empty", "empty"):
            if is_empty == (wanted == "not_empty"):
                return False
        elif text not in wanted:
            return False
    return True


def _n_slots(use: Use, record: Sequence[str]) -> int:
    """Return the timepoints or numbers at which a record has a value."""
    n = 0
    for label in use.labels:
        headers: list[str] = []
        for setting in use.columns.values():
            headers += headers_in(setting.value, [label]) - headers_in(setting.value, [""])
        columns = [c for c in map(use.table.column, headers) if c is not None]
        texts = [(c, record[c.position].strip()) for c in columns]
        n += any(text and text not in c.missing_codes for c, text in texts)
    return n


def _lost_columns(table: Table, uses: Sequence[Use], seen: Seen | None) -> Iterable[str]:
    read = set().union(*(use.headers for use in uses))
    unread = [c for c in table.columns if c.header.lower() not in read]
    unread = [c for c in unread if not is_form_status(c.header)]
    people = {c.header for c in unread if is_identity(c.header)}
    people |= {c.header for c in seen.roles.identities} if seen else set()
    empty = [c.header for c in unread if c.n_filled == 0]
    plain = [c for c in unread if c.n_filled and c.header not in people]
    if plain:
        names = ", ".join(f"{shown_name(c.header, 40)} ({c.n_filled:,})" for c in plain[:30])
        more = f" and {len(plain) - 30} more" if len(plain) > 30 else ""
        yield f"{table.name}: columns not read (records with a value): {names}{more}"
    if people:
        names = ", ".join(shown_name(header, 40) for header in sorted(people))
        yield f"{table.name}: columns that may name a person, never read: {names}"
    if empty:
        yield f"{table.name}: empty columns: {', '.join(shown_name(h, 40) for h in empty[:30])}"


def _lost_words(table: Table, uses: Sequence[Use]) -> Iterable[str]:
    for use in uses:
        for name, setting in use.columns.items():
            kind = WORD_KIND_OF.get(name)
            column = use.column_of(name)
            if kind is None or column is None or setting.is_commented:
                continue
            own = use.source(name).get("words", {})
            known = known_words(kind).keys() | {word.strip().lower() for word in own}
            known |= set(codes_of(kind))
            unknown = {t: n for t, n in column.values.items() if t.strip().lower() not in known}
            if not unknown:
                continue
            patient = use.column_of("patient_id")
            shown = [t for t in table.shown_words(column, patient) if t in unknown]
            words = f": {', '.join(repr(text) for text in shown)}" if shown else ""
            yield (
                f"{table.name}: {name}: {counted(len(unknown), 'unknown word')} in "
                f"{counted(sum(unknown.values()), 'record')}{words}"
            )
