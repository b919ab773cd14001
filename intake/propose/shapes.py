"""From tables with roles to uses of exports: grain, keys, and which sheet feeds what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from intake.contract import known_words, seed_rows
from intake.mapping_schema import NUMBER_SLOT
from intake.propose.headers import folded, words_of
from intake.propose.index_course import index_courses
from intake.propose.numbered import Numbered
from intake.propose.proposal import KEY_OF, Setting, Use
from intake.propose.roles import ASKED_FROM, share_of_index, terms
from intake.propose.seen import Seen, key_of, mapped, source_of
from intake.propose.tables import Column
from intake.propose.visits import visits_of

_PATIENT_FACTS = (
    "sex", "birth_date", "age_at_index_years", "ad_diagnosis_date", "disease_course",
    "clinical_phenotype", "involves_face", "involves_hands", "involves_genitalia",
    "last_contact_date", "end_of_observation_reason", "treatment_arm",
)  # fmt: skip
_COURSE_FACTS = (
    "drug_name", "atc_code", "route", "strength", "dose_text", "body_site", "start_date",
    "end_date", "stop_reason",
)  # fmt: skip
_EVENT_FACTS = ("event_term", "onset_date", "is_serious", "outcome")
_LEAST_SHARE_SPLIT = 0.05
_DECIMAL_MARK = re.compile(r"(?<=\d),(?=\d)")


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
        found += visits_of(each, tables) + courses + _comorbidities(each) + _events(each)
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


def _patients(seen: Seen) -> Use:
    use = seen.use("patients", "patients")
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
                    source_of(seen, role, column),
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


def separators_of(column: Column) -> list[str]:
    """Return the marks between several facts of one cell, where they occur in more than a few.

    A comma between digits is a decimal mark.
    """
    found = []
    for mark in (";", ","):
        n = sum(n for text, n in column.values.items() if mark in _DECIMAL_MARK.sub(" ", text))
        if n > _LEAST_SHARE_SPLIT * column.n_filled:
            found.append(mark)
    return found


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
    uses = [*index_courses(seen)]
    drug = seen.roles.of_role.get("drug_name")
    has_start = seen.has("start_date") or (drug is not None and share_of_index(drug) > 0)
    is_course = drug is not None and (not is_register or has_start)
    if is_course and not uses:
        keys = ("drug_name", "start_date", "end_date", "route", "strength", "body_site")
        key = key_of(seen, "prescription_id", keys)
        use = seen.use("prescriptions", "prescriptions", key)
        use.columns |= mapped(seen, _COURSE_FACTS)
        _date_by_visit(seen, use)
        uses.append(use)
    for role, part in (("topical_treatments", "topicals"), ("prior_treatments", "earlier")):
        column = seen.roles.of_role.get(role)
        if column is None or column.n_filled == 0:
            continue
        parts: list[object] = [seen.roles.header("patient_id"), {"constant": part}]
        key = Setting({"join": parts})
        use = seen.use("prescriptions", part, key, {column.header: "not_empty"})
        use.columns["drug_name"] = _listed(column, is_drug=True)
        if "split" in use.source("drug_name"):
            parts.append({"piece": True})
        if role == "prior_treatments":
            use.columns["period"] = Setting({"constant": "before_index"})
        else:
            _date_by_visit(seen, use)
        uses.append(use)
        if seen.is_per_patient and denies(column):
            uses.append(not_known(use, {column.header: "empty"}, part))
    return uses


def _date_by_visit(seen: Seen, use: Use) -> None:
    """Propose the day of the visit for a drug that is named at visits, with a question."""
    visit, columns = seen.roles.header("visit_date"), use.columns_of("drug_name")
    is_of_visits = visit is not None and seen.block is None
    if not is_of_visits or seen.has("start_date", "end_date") or len(columns) != 1:
        return
    use.columns["start_date"] = Setting(
        visit,
        question="the drug is named at a visit: was it in use on that day? Else remove both lines",
    )
    use.columns["end_date"] = Setting(visit)
    use.keys.setdefault("records", Setting({columns[0].header: "not_empty"}))
    key = use.columns["prescription_id"]
    is_split = "split" in use.source("drug_name")
    parts = [seen.roles.header("patient_id"), visit, {"constant": use.part}]
    key.value = {"join": [*parts, {"piece": True}] if is_split else parts}
    key.question = ""


def _comorbidities(seen: Seen) -> list[Use]:
    uses = []
    column = seen.roles.of_role.get("comorbidity_term")
    if column is not None and column.n_filled:
        use = seen.use("comorbidities", "comorbidities")
        source = _listed(column, is_drug=False)
        use.columns["comorbidity_term"] = source
        is_sparse = seen.is_per_patient and column.n_filled < len(seen.table.records)
        if isinstance(source.value, dict) or is_sparse:
            use.keys["records"] = Setting({column.header: "not_empty"})
        if not seen.has("event_term"):
            use.columns |= mapped(seen, ("onset_date",))
        uses.append(use)
        if seen.is_per_patient and denies(column):
            use.keys["records"] = Setting({column.header: "not_empty"})
            uses.append(not_known(use, {column.header: "empty"}, use.part))
    for other in seen.table.columns:
        texts = {text.strip().lower() for text in other.values}
        is_yes_no = bool(texts) and texts <= known_words("yes_no").keys()
        if is_yes_no and folded(other.header) in terms("comorbidity"):
            yes = [t for t in other.values if known_words("yes_no")[t.strip().lower()] == "yes"]
            if not yes:
                continue
            term = folded(other.header)
            part = term.replace(" ", "_")
            use = seen.use("comorbidities", part, records={other.header: sorted(yes)})
            use.columns["comorbidity_term"] = Setting({"constant": term})
            uses.append(use)
    return uses


def not_known(use: Use, records: dict[str, object], about: str) -> Use:
    """Return the use of records that do not say whether the patient has what `use` is about."""
    other = Use(use.export, f"{about}_not_known", use.table)
    other.keys["records"] = Setting(records, "neither yes nor no: unknown, not absent")
    if "prescription_id" in use.columns:
        parts = [use.columns["patient_id"].value, {"constant": other.part}]
        other.columns["prescription_id"] = Setting({"join": parts})
    other.columns["patient_id"] = use.columns["patient_id"]
    name = "comorbidity_term" if use.export == "comorbidities" else "drug_name"
    other.columns[name] = Setting({"constant": "not known"})
    if "period" in use.columns:
        other.columns["period"] = use.columns["period"]
    return other


def denies(column: Column) -> bool:
    """Whether a cell says that there is nothing, as "nessuna" does: an empty one then does not."""
    roles = {
        folded(row["word"]): row["word_role"] for row in seed_rows("codelists/denial_words.csv")
    }
    cells = [re.findall(r"\w+", folded(text)) for text in column.values]
    return any(
        "denial" in (said := [roles.get(word) for word in words]) and None not in said
        for words in cells
    )


def _events(seen: Seen) -> list[Use]:
    if not seen.has("event_term"):
        return []
    key = key_of(seen, "adverse_event_id", _EVENT_FACTS)
    use = seen.use("adverse_events", "adverse_events", key)
    use.columns |= mapped(seen, _EVENT_FACTS)
    _ask_for_seriousness(use)
    return [use]


def _numbered_use(seen: Seen, numbered: Numbered) -> Use:
    """Return the use of columns that repeat with a number: a record for each that is filled."""
    part = {"comorbidity_term": "comorbidities", "event_term": "adverse_events",
            "prior_treatments": "earlier", "topical_treatments": "topicals"}  # fmt: skip
    name, key = part.get(numbered.role, "courses"), None
    if numbered.export in KEY_OF:
        record = key_of(seen, "visit_id", ("visit_date", "nominal_timepoint")).value
        parts = record["join"] if isinstance(record, dict) else [record]
        parts = [seen.roles.header("patient_id")] if seen.is_per_patient else parts
        key = Setting({"join": [*parts, {"constant": f"{name} {NUMBER_SLOT}"}]})
    use = seen.use(numbered.export, name, key)
    use.keys["numbered"] = Setting(numbered.numbers)
    if numbered.absent:
        use.keys["may_be_absent"] = Setting(numbered.absent)
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
        is_visit = use.export == "visits"
        join = [] if is_visit else use.source(KEY_OF.get(use.export, "")).get("join", [])
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
