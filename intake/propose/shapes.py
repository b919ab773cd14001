"""From tables with roles to uses of exports: grain, keys, and which sheet feeds what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from intake.mapping_schema import NUMBER_SLOT
from intake.propose.blocks import UNSCHEDULED, Block, block_of, label_of, meanings
from intake.propose.headers import folded, is_of_headers, phrases, words_of
from intake.propose.numbered import Numbered, numbered_columns
from intake.propose.proposal import Setting, Use
from intake.propose.roles import (
    ASKED_FROM,
    SCORES_OF_VISITS,
    SET_FROM,
    WORD_KIND_OF,
    Roles,
    index_products,
    known_words,
    roles_of,
    score_ranges,
    share_of_index,
    terms,
)
from intake.propose.tables import Column, Table

_PATIENT_FACTS = (
    "sex", "birth_date", "age_at_index_years", "ad_diagnosis_date", "disease_course",
    "clinical_phenotype", "involves_face", "involves_hands", "involves_genitalia",
    "last_contact_date", "end_of_observation_reason", "treatment_arm",
)  # fmt: skip
_VISIT_FACTS = ("visit_date", "nominal_timepoint", "topical_adherence")
_COURSE_FACTS = (
    "drug_name", "atc_code", "route", "strength", "dose_text", "body_site", "start_date",
    "end_date", "stop_reason",
)  # fmt: skip
_EVENT_FACTS = ("event_term", "onset_date", "is_serious", "outcome")
_KEY_OF = {"prescriptions": "prescription_id", "adverse_events": "adverse_event_id"}
_SEPARATORS = (";", ",", "+", "/", "\n")
_LEAST_SHARE_SPLIT = 0.05


@dataclass
class Seen:
    """A table with what its columns may be."""

    table: Table
    roles: Roles
    block: Block | None
    numbered: list[Numbered] = field(default_factory=list)

    @property
    def patient(self) -> Column | None:
        """The column with the patient's identifier."""
        return self.roles.of_role.get("patient_id")

    @property
    def is_per_patient(self) -> bool:
        """Whether no patient has two records."""
        return self.patient is not None and max(self.patient.values.values(), default=0) == 1

    def has(self, *roles: str) -> bool:
        """Whether any of these roles has a column."""
        return any(role in self.roles.of_role for role in roles)


def look(table: Table) -> Seen:
    """Find the repeated blocks of a table, then the roles of its other columns."""
    block = block_of(table)
    in_block = [] if block is None else block.columns
    free = [column for column in table.columns if column not in in_block]
    numbered = numbered_columns(table, free)
    taken = [column for each in numbered for column in each.columns]
    return Seen(table, roles_of(table, [c for c in free if c not in taken]), block, numbered)


def uses_of(seen: Sequence[Seen], has_register: bool = True) -> list[Use]:
    """Return the uses that exports make of tables.

    Parameters
    ----------
    seen : sequence of Seen
        Tables with a column of patients; others feed nothing.
    has_register : bool
        Whether one of them describes the patients.
    """
    tables = [each for each in seen if each.patient is not None]
    found: list[Use] = []
    register = _register(tables) if has_register else None
    if register is not None:
        found.append(_patients(register))
    for each in tables:
        courses = _prescriptions(each, is_register=each is register and each.is_per_patient)
        found += _visits(each) + courses + _comorbidities(each) + _events(each)
        found += [_numbered_use(each, numbered) for numbered in each.numbered]
    order = {name: n for n, name in enumerate(("patients", "visits", "scores", "prescriptions"))}
    found.sort(key=lambda use: order.get(use.export, 9))
    _name_parts(found)
    _keep_keys_apart(found)
    for use in found:
        if use.table.n_remarks and "records" not in use.keys:
            use.keys["records"] = Setting(
                {use.table.always_filled: "not_empty"},
                question=f"lines between the records hold one text ({use.table.n_remarks:,}): "
                "is this column filled in every record, and in no such line?",
            )
    return found


def _register(tables: Iterable[Seen]) -> Seen | None:
    """Return the table of the patients: one record each, and most facts about them."""

    def worth(each: Seen) -> tuple[bool, int, int]:
        n_facts = sum(each.has(role) for role in _PATIENT_FACTS)
        assert each.patient is not None
        return (each.is_per_patient and n_facts > 0, n_facts, len(each.patient.values))

    return max(tables, key=worth, default=None)


def mapped(seen: Seen, roles: Iterable[str]) -> dict[str, Setting]:
    """Return the settings of the columns with these roles, and the questions about them."""
    found: dict[str, Setting] = {}
    for role in roles:
        name = f"{role}_score" if role in score_ranges() else role
        column = seen.roles.of_role.get(role)
        doubts = seen.roles.doubts.get(role, [])
        if column is not None and column.n_filled == 0:
            continue
        others = tuple(
            f"{c.header} ({candidate.score}: {candidate.reason})" for c, candidate in doubts
        )
        if column is not None:
            candidate = seen.roles.reasons[role]
            is_sure = candidate.score >= 0.9 and not others
            setting = Setting(_source(seen, role, column))
            if others:
                setting.question = f"is this {name}? It may also be another column"
                setting.candidates = others
            elif not is_sure:
                setting.comment = f"{candidate.score}: {candidate.reason}"
            found[name] = setting
        elif others:
            header = doubts[0][0].header
            found[name] = Setting(header, "", f"is this {name}?", others, is_commented=True)
    return found


def _source(seen: Seen, role: str, column: Column) -> object:
    """Return the source of a column: its header, with words of its own where they are plain."""
    kind = WORD_KIND_OF.get(role)
    if kind is None:
        return column.header
    shown = {} if seen.patient is None else seen.table.shown_words(column, seen.patient)
    words = {
        text: code
        for text, code in own_words(kind, column).items()
        if text in shown or is_of_headers(text.split("(", 1)[1])
    }
    return {"column": column.header, "words": words} if words else column.header


def own_words(kind: str, column: Column) -> dict[str, str]:
    """Return words that a remark in brackets hides from the list: ``sì (viso)`` is yes."""
    known = known_words(kind)
    found: dict[str, str] = {}
    for text in column.values:
        bare = text.split("(")[0].strip().lower()
        if text.strip().lower() not in known and bare in known and "(" in text:
            found[text.strip()] = known[bare]
    is_few = len(found) <= 10 and all(len(text) <= 30 for text in found)
    return found if is_few and kind == "yes_no" else {}


def _patients(seen: Seen) -> Use:
    use = Use("patients", "patients", seen.table)
    use.columns["patient_id"] = Setting(seen.roles.header("patient_id"))
    use.columns |= mapped(seen, _PATIENT_FACTS)
    _ask_shared_areas(seen, use)
    if not seen.is_per_patient:
        use.keys["repeated_records"] = Setting(
            "keep_first", "the file repeats the patient's facts; the first record is kept"
        )
    _add_centre(seen, use)
    return use


def _ask_shared_areas(seen: Seen, use: Use) -> None:
    """Ask for each area that a column names besides the one that it is set for."""
    for role in ("involves_face", "involves_hands", "involves_genitalia"):
        for column in {c.header: c for c in seen.roles.of_role.values()}.values():
            is_other = role not in use.columns and any(
                f"involves_{area}" in use.columns
                and seen.roles.header(f"involves_{area}") == column.header
                for area in ("face", "hands", "genitalia")
            )
            if is_other and words_of(column.header, role) >= ASKED_FROM:
                use.columns[role] = Setting(
                    _source(seen, role, column),
                    question=f"does this column answer {role} too?",
                    is_commented=True,
                )


def _add_centre(seen: Seen, use: Use) -> None:
    header = seen.roles.header("centre")
    if header is not None:
        use.keys["centre"] = Setting(
            header, question="is this the centre of each record? Then every file needs it",
            is_commented=True,
        )  # fmt: skip


def _visits(seen: Seen) -> list[Use]:
    if seen.block is not None:
        return [_wide_visits(seen, seen.block)]
    scores = [code for code in score_ranges() if code in seen.roles.of_role]
    if seen.has("score_name") and seen.has("score_value"):
        return _long_scores(seen)
    is_contact = seen.has("visit_date") and seen.has("nominal_timepoint")
    is_other = seen.has("drug_name", "event_term", "comorbidity_term")
    is_visit = scores or seen.has("topical_adherence") or (is_contact and not is_other)
    is_one_visit = seen.is_per_patient and not seen.has("nominal_timepoint")
    timepoint = timepoint_in_name(seen.table) if is_one_visit else ""
    if not (seen.has(*_VISIT_FACTS) or timepoint) or not is_visit:
        return []
    use = Use("visits", "visits", seen.table)
    use.columns["visit_id"] = key_of(seen, "visit_id", ("visit_date", "nominal_timepoint"))
    use.columns["patient_id"] = Setting(seen.roles.header("patient_id"))
    use.columns |= mapped(seen, (*_VISIT_FACTS, *scores))
    if timepoint:
        label = {"constant": timepoint}
        use.columns["nominal_timepoint"] = Setting(label, "by the name of the file or sheet")
        if not seen.has("visit_id", "visit_date"):
            use.columns["visit_id"] = Setting({"join": [seen.roles.header("patient_id"), label]})
    return [use]


def timepoint_in_name(table: Table) -> str:
    """Return the timepoint that the name of a sheet or file says with its unit; "" for none."""
    for name in (table.sheet or "", table.file.partition(".")[0]):
        label = label_of(name)
        if label is not None and label.unit in ("week", "month", "baseline"):
            code = meanings({label}, {})[0][label]
            return "" if code == UNSCHEDULED else code
    return ""


def _wide_visits(seen: Seen, block: Block) -> Use:
    use = Use("visits", "visits", seen.table)
    question = "" if block.is_certain else "which timepoint is each label?"
    use.keys["timepoints"] = Setting(dict(block.labels), block.reason, question)
    patient = seen.roles.header("patient_id")
    use.columns["visit_id"] = Setting({"join": [patient, {"constant": "{t}"}]})
    use.columns["patient_id"] = Setting(patient)
    for role, source in block.patterns.items():
        name = f"{role}_score" if role in score_ranges() else role
        value = source if isinstance(source, str) else {"by_timepoint": source}
        use.columns[name] = Setting(value)
    return use


def _long_scores(seen: Seen) -> list[Use]:
    """One row per measurement: a use per score of the wide table, and one for all others."""
    name_of, patient = seen.roles.of_role["score_name"], seen.roles.header("patient_id")
    by_code: dict[str, list[str]] = {}
    for text in name_of.values:
        ranked = sorted(score_ranges(), key=lambda code: -words_of(text, code))
        code = ranked[0] if words_of(text, ranked[0]) >= SET_FROM else ""
        by_code.setdefault(code, []).append(text)
    when = [role for role in ("visit_date", "nominal_timepoint") if seen.has(role)]
    uses = []
    for code in SCORES_OF_VISITS:
        if code not in by_code or not when:
            continue
        use = Use("visits", code, seen.table)
        use.keys["records"] = Setting({name_of.header: sorted(by_code[code])})
        parts = [patient, *(seen.roles.header(role) for role in when), {"constant": code}]
        use.columns["visit_id"] = Setting({"join": parts})
        use.columns["patient_id"] = Setting(patient)
        use.columns |= mapped(seen, when)
        use.columns[f"{code}_score"] = Setting(seen.roles.header("score_value"))
        uses.append(use)
    others = sorted(t for c, ts in by_code.items() if c and c not in SCORES_OF_VISITS for t in ts)
    if others and when:
        use = Use("scores", "scores", seen.table)
        use.keys["records"] = Setting({name_of.header: others})
        words = {t: c for c, ts in by_code.items() if c not in ("", *SCORES_OF_VISITS) for t in ts}
        use.columns["patient_id"] = Setting(patient)
        use.columns |= mapped(seen, when)
        use.columns["score"] = Setting({"column": name_of.header, "words": words})
        use.columns["value"] = Setting(seen.roles.header("score_value"))
        uses.append(use)
    return uses


def key_of(seen: Seen, role: str, others: Iterable[str]) -> Setting:
    """Return the key of a record: its own column, or the patient with what makes it unique."""
    own = seen.roles.of_role.get(role) or _numbered(seen)
    if own is not None:
        return Setting(own.header)
    patient = seen.patient
    assert patient is not None
    found = [c for other in others if (c := seen.roles.of_role.get(other)) and c.n_filled]
    facts = [[patient, *found[: n + 1]] for n in range(len(found))]
    numberings = [[patient, column] for column in _numberings(seen)]
    counting = [pair for pair in numberings if _counts_records(seen.table, *pair)]
    tried = [*counting, *facts[:2], *numberings, *facts[2:]] or [[patient]]
    columns = next((t for t in tried if _n_repeated(seen.table, t) == 0), tried[-1])
    value: object = {"join": [column.header for column in columns]}
    if len(columns) == 1:
        value = columns[0].header
    n = _n_repeated(seen.table, columns)
    if n == 0:
        return Setting(value)
    question = f"{n:,} records share this key; which columns make it unique?"
    return Setting(value, question=question)


def _numbered(seen: Seen) -> Column | None:
    """Return the column that numbers the records of a table: an identifier by its header.

    Every record has another value, so it is no identifier of patients with several records.
    """
    n = len(seen.table.records)
    for column in seen.table.columns:
        is_free = column not in seen.roles.of_role.values() and column.date_share == 0
        is_named = words_of(column.header, "key_word") or folded(column.header).startswith("id")
        if is_free and is_named and len(column.values) == n > 1 and not column.decimal_marks:
            return column
    return None


def _numberings(seen: Seen) -> list[Column]:
    """Return the columns that may number the records of a patient: whole numbers, always filled."""
    others = [c for c in seen.table.columns if c not in seen.roles.of_role.values()]
    n = len(seen.table.records)
    return [
        c for c in others
        if c.n_filled == n and all(text.isdecimal() for text in c.values)
    ]  # fmt: skip


def _counts_records(table: Table, patient: Column, column: Column) -> bool:
    """Return whether a column numbers the records of each patient from 1 on."""
    found: dict[str, list[str]] = {}
    for person, number in zip(table.cells(patient), table.cells(column), strict=True):
        found.setdefault(person, []).append(number)
    return all(
        sorted(numbers, key=int) == [str(n) for n in range(1, len(numbers) + 1)]
        for numbers in found.values()
    )


def _n_repeated(table: Table, columns: Sequence[Column]) -> int:
    keys = Counter(zip(*(table.cells(column) for column in columns), strict=True))
    return sum(n for n in keys.values() if n > 1)


def separators_of(column: Column) -> list[str]:
    """Return the marks between several facts of one cell, where they occur in more than a few.

    A comma between digits is a decimal mark; a slash and a plus belong to doses and combinations.
    """
    found = []
    for mark in (";", ","):
        n = sum(n for text, n in column.values.items() if mark in without_numbers(text))
        if n > _LEAST_SHARE_SPLIT * column.n_filled:
            found.append(mark)
    return found


def without_numbers(text: str) -> str:
    """Return a text without decimal numbers, whose comma divides no facts."""
    letters = [
        " " if c == "," and i and text[i - 1].isdigit() and text[i + 1 : i + 2].isdigit() else c
        for i, c in enumerate(text)
    ]
    return "".join(letters)


def _listed(column: Column, is_drug: bool) -> Setting:
    """Return the source of a cell with several facts."""
    marks = separators_of(column)
    value: dict[str, object] = {"column": column.header}
    if marks:
        value["split"] = marks
    if is_drug:
        value["remarks"] = True
    return Setting(value if len(value) > 1 else column.header)


def _prescriptions(seen: Seen, is_register: bool) -> list[Use]:
    uses = [*_index_courses(seen)]
    drug = seen.roles.of_role.get("drug_name")
    has_start = seen.has("start_date") or (drug is not None and share_of_index(drug) > 0)
    is_course = drug is not None and (not is_register or has_start)
    if is_course and not uses:
        use = Use("prescriptions", "prescriptions", seen.table)
        keys = ("drug_name", "start_date", "end_date", "route", "strength", "body_site")
        use.columns["prescription_id"] = key_of(seen, "prescription_id", keys)
        use.columns["patient_id"] = Setting(seen.roles.header("patient_id"))
        use.columns |= mapped(seen, _COURSE_FACTS)
        uses.append(use)
    for role, part in (("topical_treatments", "topicals"), ("prior_treatments", "earlier")):
        column = seen.roles.of_role.get(role)
        if column is None or column.n_filled == 0:
            continue
        use = Use("prescriptions", part, seen.table)
        patient = seen.roles.header("patient_id")
        use.keys["records"] = Setting({column.header: "not_empty"})
        source = _listed(column, is_drug=True)
        key: list[object] = [patient, {"constant": part}]
        if isinstance(source.value, dict) and "split" in source.value:
            key.append({"piece": True})
        use.columns["prescription_id"] = Setting({"join": key})
        use.columns["patient_id"] = Setting(patient)
        use.columns["drug_name"] = source
        if role == "prior_treatments":
            use.columns["period"] = Setting({"constant": "before_index"})
        uses.append(use)
    return uses


def _index_courses(seen: Seen) -> list[Use]:
    """Return the course whose start has the index treatment in its header."""
    uses = []
    named = [c for c in seen.table.columns if words_in(c.header) & index_products()]
    for column in named:
        words = words_in(column.header)
        is_start = bool(words & set(phrases()["start_word"])) and column.date_share > 0.5
        if not is_start and not (column.date_share > 0.5 and len(words) == 1):
            continue
        use = Use("prescriptions", "index", seen.table)
        use.keys["records"] = Setting({column.header: "not_empty"})
        patient = seen.roles.header("patient_id")
        use.columns["prescription_id"] = Setting({"join": [patient, {"constant": "index"}]})
        use.columns["patient_id"] = Setting(patient)
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


def _comorbidities(seen: Seen) -> list[Use]:
    uses = []
    column = seen.roles.of_role.get("comorbidity_term")
    patient = seen.roles.header("patient_id")
    if column is not None and column.n_filled:
        use = Use("comorbidities", "comorbidities", seen.table)
        use.columns["patient_id"] = Setting(patient)
        source = _listed(column, is_drug=False)
        use.columns["comorbidity_term"] = source
        is_sparse = seen.is_per_patient and column.n_filled < len(seen.table.records)
        if isinstance(source.value, dict) or is_sparse:
            use.keys["records"] = Setting({column.header: "not_empty"})
        if not seen.has("event_term"):
            use.columns |= mapped(seen, ("onset_date",))
        uses.append(use)
    for other in seen.table.columns:
        texts = {text.strip().lower() for text in other.values}
        is_yes_no = bool(texts) and texts <= known_words("yes_no").keys()
        if is_yes_no and folded(other.header) in terms("comorbidity"):
            use = Use("comorbidities", folded(other.header).replace(" ", "_"), seen.table)
            yes = [t for t in other.values if known_words("yes_no")[t.strip().lower()] == "yes"]
            if not yes:
                continue
            use.keys["records"] = Setting({other.header: sorted(yes)})
            use.columns["patient_id"] = Setting(patient)
            use.columns["comorbidity_term"] = Setting({"constant": folded(other.header)})
            uses.append(use)
    return uses


def _events(seen: Seen) -> list[Use]:
    if not seen.has("event_term"):
        return []
    use = Use("adverse_events", "adverse_events", seen.table)
    use.columns["adverse_event_id"] = key_of(
        seen, "adverse_event_id", ("event_term", "onset_date", "is_serious", "outcome")
    )
    use.columns["patient_id"] = Setting(seen.roles.header("patient_id"))
    use.columns |= mapped(seen, _EVENT_FACTS)
    _ask_for_seriousness(use)
    return [use]


def _numbered_use(seen: Seen, numbered: Numbered) -> Use:
    """Return the use of columns that repeat with a number: a record for each that is filled."""
    part = {"comorbidity_term": "comorbidities", "event_term": "adverse_events",
            "prior_treatments": "earlier", "topical_treatments": "topicals"}  # fmt: skip
    use = Use(numbered.export, part.get(numbered.role, "courses"), seen.table)
    use.keys["numbered"] = Setting(numbered.numbers)
    if numbered.absent:
        use.keys["may_be_absent"] = Setting(numbered.absent)
    if use.export in _KEY_OF:
        record = key_of(seen, "visit_id", ("visit_date", "nominal_timepoint")).value
        parts = record["join"] if isinstance(record, dict) else [record]
        parts = [seen.roles.header("patient_id")] if seen.is_per_patient else parts
        key = {"join": [*parts, {"constant": f"{use.part} {NUMBER_SLOT}"}]}
        use.columns[_KEY_OF[use.export]] = Setting(key)
    use.columns["patient_id"] = Setting(seen.roles.header("patient_id"))
    use.columns |= {name: Setting(pattern) for name, pattern in numbered.patterns.items()}
    if numbered.role == "prior_treatments":
        use.columns["period"] = Setting({"constant": "before_index"})
    _ask_for_seriousness(use)
    return use


def _ask_for_seriousness(use: Use) -> None:
    """Leave open whether events were serious, where no column says it: unknown is not no."""
    if use.export == "adverse_events" and "is_serious" not in use.columns:
        use.columns["is_serious"] = Setting(
            {"constant": ""},
            question="which column says whether an event was serious? None: unknown",
        )


def _keep_keys_apart(uses: list[Use]) -> None:
    """Give the constants in keys of an export numbers: two sheets of one shape share no key."""
    taken: Counter[tuple[str, str]] = Counter()
    for use in uses:
        key = use.columns.get(_KEY_OF.get(use.export, ""))
        join = key.value.get("join", []) if key is not None and isinstance(key.value, dict) else []
        for part in (part for part in join if isinstance(part, dict) and "constant" in part):
            taken[use.export, part["constant"]] += 1
            n = taken[use.export, part["constant"]]
            part["constant"] += "" if n == 1 else f"_{n}"


def _name_parts(uses: list[Use]) -> None:
    """Drop the part of a file that is used once; number parts of a file that are equal."""
    n_uses = Counter(use.table.file for use in uses)
    taken: Counter[tuple[str, str]] = Counter()
    for use in uses:
        if n_uses[use.table.file] == 1 and not use.labels:
            use.part = ""
            continue
        taken[use.table.file, use.part] += 1
        n = taken[use.table.file, use.part]
        use.part = use.part if n == 1 else f"{use.part}_{n}"
