"""The course that enrols a patient: the index treatment with its start, found or asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from intake.contract import known_words
from intake.propose.formats import date_columns, days_of
from intake.propose.headers import folded, phrases, words_of
from intake.propose.proposal import Proposal, Setting, Use, flow, headers_in
from intake.propose.roles import INDEX_CODE, index_products, names_index, share_of_index
from intake.propose.seen import Seen
from intake.propose.tables import Column, Table
from intake.yaml_files import OPEN

_MOST_CANDIDATES = 6
_OF_A_PERSON = ("birth_date", "ad_diagnosis_date", "last_contact_date")
_SURELY = 0.6


def ask_for_index(proposal: Proposal) -> None:
    """Give the index treatment its start, or ask which column holds it.

    Without a start no patient can be enrolled. A date in the group of the drug's header is the
    start; any other date is a candidate of a question.
    """
    courses = [use for use in proposal.uses if use.export == "prescriptions"]
    named = [use for use in courses if "period" not in use.columns and _holds_index(use)]
    starts = [use.columns["start_date"] for use in named if "start_date" in use.columns]
    if not all(setting.is_commented for setting in starts):
        return
    if named:
        named[0].columns["start_date"] = _start(proposal, named[0])
        return
    register = next((use for use in proposal.uses if use.export == "patients"), None)
    if register is not None:
        register.part = register.part or "patients"  # the course is another use of the file
        proposal.index_course = _course_to_fill_in(proposal, register)


def index_courses(seen: Seen) -> list[Use]:
    """Return the course whose start has the index treatment in its header."""
    uses = []
    named = [c for c in seen.table.columns if words_in(c.header) & index_products()]
    for column in named:
        words = words_in(column.header)
        is_start = bool(words & set(phrases()["start_word"])) and column.date_share > 0.5
        if not is_start and not (column.date_share > 0.5 and len(words) == 1):
            continue
        key = Setting({"join": [seen.roles.header("patient_id"), {"constant": "index"}]})
        use = seen.use("prescriptions", "index", key, {column.header: "not_empty"})
        use.columns["drug_name"] = _index_drug(seen, column, named)
        use.columns["start_date"] = Setting(column.header)
        ends = [c for c in named if words_in(c.header) & set(phrases()["end_word"])]
        ends = [c for c in ends if c is not column and c.date_share > 0.5]
        if ends:
            use.columns["end_date"] = Setting(ends[0].header)
        uses.append(use)
    return uses[:1]


def _index_drug(seen: Seen, start: Column, named: Sequence[Column]) -> Setting:
    """Return the drug of that course: a column that holds it, else the word in the header."""
    starts = seen.table.cells(start)
    for column in named:
        texts = seen.table.cells(column)
        is_text = column is not start and column.date_share == 0 and column.number_share == 0
        is_drug = all(
            words_in(text) & index_products()
            for text, begins in zip(texts, starts, strict=True)
            if begins
        )
        if is_text and is_drug and column.n_filled:
            return Setting({"column": column.header, "remarks": True})
    product = next(iter(sorted(words_in(start.header) & index_products())))
    return Setting({"constant": product})


def words_in(text: str) -> set[str]:
    """Return the words of a text, folded."""
    return set(folded(text).split())


def _holds_index(use: Use) -> bool:
    """Return whether the drugs of a use are or include the index treatment."""
    source = use.source("drug_name")
    is_constant = folded(str(source.get("constant", ""))) in index_products()
    if is_constant or INDEX_CODE in source.get("words", {}).values():
        return True
    return any(share_of_index(column) > 0 for column in use.columns_of("drug_name"))


def _start(proposal: Proposal, use: Use) -> Setting:
    """Return the start of a course: a date of the group of its drug, or a question."""
    groups = {folded(column.header).split()[0] for column in use.columns_of("drug_name")}
    same = [column for column in _dates(use.table) if folded(column.header).split()[0] in groups]
    if same and use.table.header_lines > 1:
        return Setting(same[0].header, "the date in the group of the drug")
    options = _candidates(proposal, use.table)
    return Setting(
        next(iter(options)) if options else _first_day(proposal),
        question="when did the index treatment start? Without a start no patient can be enrolled",
        candidates=tuple(options.values()),
        is_commented=True,
    )


def _first_day(proposal: Proposal) -> object:
    """Return the first day of a source that counts days; open where it has dates."""
    days = set().union(*days_of(proposal).values())
    return {"constant": "0" if 0 in days else "1"} if days else OPEN


def _candidates(proposal: Proposal, table: Table) -> dict[str, str]:
    """Return header of a date -> how it is shown; the day of the first timepoint is one of them."""
    found: dict[str, str] = {}
    for use in proposal.uses:
        setting = use.columns.get("visit_date")
        if use.table is table and setting is not None and "timepoints" in use.keys:
            label = next(iter(use.keys["timepoints"].value))
            first = sorted(headers_in(setting.value, [label]))[:1]
            known = [c.header for c in table.columns if c.header.lower() in first]
            found |= {header: f"{header}, the first visit" for header in known}
    visits = {c.header for use in proposal.uses if use.table is table
              for c in date_columns(use).get("visit_date", [])}  # fmt: skip
    others = [c.header for c in _dates(table) if c.header not in visits]
    return {header: header for header in others[:_MOST_CANDIDATES]} | found


def _dates(table: Table) -> Iterator[Column]:
    """Yield the columns of dates or days that may be the start of a course."""
    for column in table.columns:
        of_person = any(words_of(column.header, role) > _SURELY for role in _OF_A_PERSON)
        if (column.date_share > 0.5 or column.is_relative_day) and not of_person:
            yield column


def _course_to_fill_in(proposal: Proposal, register: Use) -> Setting:
    """Return the use that enrols the patients of a register, with what is not known left open."""
    table, patient = register.table, register.columns["patient_id"].value
    options = _candidates(proposal, table)
    records = dict(register.keys["records"].value) if "records" in register.keys else {}
    arm = register.columns.get("treatment_arm")
    column = table.column(arm.value) if arm is not None and isinstance(arm.value, str) else None
    texts = [] if column is None else [
        text for text in column.values if names_index(text)
    ]  # fmt: skip
    if column is not None and texts and table.shown_words(column, table.column(str(patient))):
        records[column.header] = sorted(texts)
    days = set().union(*days_of(proposal).values())
    start = next(iter(options)) if options else _first_day(proposal)
    course = _course(table, [patient], patient, start, records)
    first_visit = None if days else _course_from_first_visit(proposal, table)
    answers = list(options.values())
    if first_visit is not None and not options:
        course = first_visit
        answers.append("the first visit, as below")
    elif first_visit is not None:
        answers.append(f"the first visit: {flow(first_visit)}")
    return Setting(
        course,
        question="no column names the index treatment: no patient can be enrolled. Did all these "
        "patients start it, and when?",
        candidates=tuple(answers),
        is_commented=True,
    )


def _course(
    table: Table, key: list[object], patient: object, start: object, records: dict[str, object]
) -> dict[str, object]:
    """Return the use of a table by a course of the index treatment."""
    use: dict[str, object] = {"file": table.named, "part": "index"}
    use |= {"sheet": table.sheet} if table.sheet else {}
    use |= {"records": records} if records else {}
    use["columns"] = {
        "prescription_id": {"join": [*key, {"constant": "index"}]},
        "patient_id": patient,
        "drug_name": {"constant": min(index_products())},
        "start_date": start,
    }
    return use


def _course_from_first_visit(proposal: Proposal, register: Table) -> dict[str, object] | None:
    """Return a course that starts at the first visit, where another table has the visits.

    Without labels each visit is a course; the earliest is day 0, and equal records count once.
    """
    for use in proposal.uses:
        date, patient = use.columns.get("visit_date"), use.column_of("patient_id")
        if use.export != "visits" or date is None or date.is_commented or patient is None:
            continue
        headers = headers_in(date.value, use.labels[:1])
        column = next((c for c in use.table.columns if c.header.lower() in headers), None)
        if use.table is register or column is None:
            continue
        records: dict[str, object] = {column.header: "not_empty"} if use.labels else {}
        label = use.column_of("nominal_timepoint")
        if label is not None:
            own = use.source("nominal_timepoint").get("words", {})
            first = [
                text
                for text in label.values
                if (own.get(text) or known_words("timepoint").get(text.strip().lower()))
                == "baseline"
            ]
            records |= {label.header: sorted(first)} if first else {}
        key: list[object] = [patient.header, column.header]
        return _course(use.table, key, patient.header, column.header, records)
    return None
