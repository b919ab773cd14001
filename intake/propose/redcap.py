"""From a REDCap project to uses: one per event and repeating instrument, and one per ticked box.

Records of an event or instrument are looked at as a table of their own; the filters of the uses
keep them apart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from intake.contract import codes_of, known_words
from intake.mapping_schema import CENTRE_PATTERN
from intake.propose.blocks import UNSCHEDULED, label_of, meanings
from intake.propose.dictionary import CHECKBOX, OWN_COLUMNS, Project, is_form_status
from intake.propose.headers import folded, words_of
from intake.propose.proposal import KEY_OF, Proposal, Setting, Use
from intake.propose.roles import SET_FROM, WORD_KIND_OF, Roles, roles_of, terms
from intake.propose.seen import Seen
from intake.propose.shapes import not_known, uses_of
from intake.propose.tables import Column, Table

_TICKED = ("1", "1.0", "Checked")
"""A ticked box in a raw export, in one that a program wrote with decimals, and in one of labels."""
_UNTICKED = ("0", "0.0", "Unchecked")
_ARM = re.compile(r"_arm_\d+$| \(Arm \d+: .*\)$")
"""What names and labels of events say about their arm."""
_AREAS = ("involves_face", "involves_hands", "involves_genitalia")


@dataclass
class _Scope:
    """Records of a project that are looked at together, with the filter that selects them."""

    table: Table
    records: dict[str, object]
    is_repeating: bool = False


def add_uses(proposal: Proposal, project: Project) -> None:
    """Add the uses of a project to a proposal."""
    before = len(proposal.uses)
    for scope in _scopes(project):
        seen = _look(project, scope.table)
        if seen.patient is None:
            continue
        for use in uses_of([seen], has_register=not scope.is_repeating):
            _fit_to_project(project, scope, seen, use)
            if use.export != "patients" or _patients_of(proposal, project) is None:
                proposal.uses.append(use)
        if not scope.is_repeating:
            proposal.uses += _ticked_uses(project, scope, seen, _patients_of(proposal, project))
            _add_areas(project, proposal)
    added = proposal.uses[before:]
    _add_groups(project, added)
    order = ("patients", "visits", "scores", "prescriptions", "comorbidities", "adverse_events")
    proposal.uses.sort(key=lambda use: order.index(use.export))
    parts = Counter(use.part for use in added)
    seen_parts: Counter[str] = Counter()
    for use in added:
        use.part = use.part or use.export
        seen_parts[use.part] += 1
        if parts[use.part] > 1 and seen_parts[use.part] > 1:
            use.part = f"{use.part}_{seen_parts[use.part]}"


def _patients_of(proposal: Proposal, project: Project) -> Use | None:
    found = (u for u in proposal.uses if u.export == "patients" and u.table is project.data)
    return next(found, None)


def _scopes(project: Project) -> Iterator[_Scope]:
    """Yield the records outside repeating instruments, then those of each repeating one."""
    instrument = project.own("instrument")
    if instrument is None:
        yield _Scope(project.data, {})
        return
    texts = project.data.cells(instrument)
    yield _Scope(_part(project.data, [not text for text in texts]), {instrument.header: "empty"})
    for name in sorted(instrument.values):
        chosen = _part(project.data, [text == name for text in texts])
        named = replace(
            chosen, sheet=name
        )  # the name says what its records are, as that of a sheet
        yield _Scope(named, {instrument.header: [name]}, is_repeating=True)


def _part(table: Table, is_chosen: Iterable[bool]) -> Table:
    """Return some records of a table, with the columns described anew."""
    records = [r for r, chosen in zip(table.records, is_chosen, strict=True) if chosen]
    columns = []
    for column in table.columns:
        counts = Counter(record[column.position].strip() for record in records)
        counts.pop("", None)
        missing = Counter({t: n for t, n in counts.items() if t in column.missing_codes})
        columns.append(replace(column, values=counts - missing, missing_codes=missing))
    return replace(table, records=records, columns=columns, n_records=len(records), footers=[])


def _look(project: Project, table: Table) -> Seen:
    own = {c.header for what in OWN_COLUMNS if (c := project.own(what))}
    wanted = [
        column
        for column in table.columns
        if column.header not in own
        and not CHECKBOX.fullmatch(column.header)
        and not is_form_status(column.header)
        and column.n_filled
    ]
    labels = {}
    secret = []
    for column in wanted:
        info = project.info(column.header)
        if info is not None:
            is_label = folded(info.label) == folded(column.header)
            labels[column.header] = info.name if is_label else info.label
            if info.is_identifier and words_of(info.name, "birth_date") < SET_FROM:
                secret.append(column)
    roles = roles_of(table, [c for c in wanted if c not in secret], aliases=labels)
    roles.identities += secret
    _first_field_is_the_record(table, roles)
    return Seen(table, roles, None)


def _first_field_is_the_record(table: Table, roles: Roles) -> None:
    """Make the first column the patient: REDCap writes the record's identifier there."""
    first = table.columns[0]
    for role in [role for role, column in roles.of_role.items() if column is first]:
        del roles.of_role[role]
    roles.identities = [column for column in roles.identities if column is not first]
    roles.of_role["patient_id"] = first


def _fit_to_project(project: Project, scope: _Scope, seen: Seen, use: Use) -> None:
    """Turn a use of a part of the file into one of the file: filters, keys, words of choices."""
    event, instance = project.own("event"), project.own("instance")
    use.table = project.data
    records: dict[str, object] = dict(scope.records)
    if event is not None and not scope.is_repeating:
        names = _events_with(project, scope.table, event, _headers(use))
        if use.export == "patients":
            names = _first_events(scope.table, seen, event, names)
            use.keys.pop("repeated_records", None)
        records = {event.header: names, **records}
        if use.export == "visits" and "nominal_timepoint" not in use.columns:
            use.columns["nominal_timepoint"] = _timepoints(project, event, names)
    old = use.keys.get("records")
    records |= dict(old.value) if old is not None else {}
    if records:
        use.keys["records"] = Setting(records)
    if scope.is_repeating and use.export == "adverse_events":
        use.keys["may_be_empty"] = Setting(True, "a delivery without any event is read")
    instrument = project.own("instrument") if scope.is_repeating else None
    key = KEY_OF.get(use.export)
    if key is not None and isinstance(use.columns[key].value, dict | str):
        parts: list[object] = [seen.roles.header("patient_id")]
        parts += [c.header for c in (event, instrument, instance) if c is not None]
        old_parts = use.columns[key].value
        if isinstance(old_parts, dict):
            parts += [part for part in old_parts["join"] if isinstance(part, dict)]
        if len(parts) > 1:
            use.columns[key] = Setting({"join": parts})
    for role in use.columns:
        _add_choices(project, use, role)


def _headers(use: Use) -> set[str]:
    """Return the headers whose values make a record one of this use."""
    sources = [use.source(name) for name in use.columns if name != "patient_id"]
    return {source["column"] for source in sources if "column" in source}


def _events_with(project: Project, table: Table, event: Column, headers: set[str]) -> list[str]:
    """Return the events whose records have a value in one of some columns.

    They come in the order of the table of events, others behind in the order of the file.
    """
    columns = [column for column in table.columns if column.header in headers]
    found: dict[str, None] = {}
    for record in table.records:
        if any(record[c.position].strip() for c in columns) or not columns:
            found[record[event.position].strip()] = None
    order = list(project.events)
    return sorted(found, key=lambda name: order.index(name) if name in order else len(order))


def _first_events(table: Table, seen: Seen, event: Column, names: list[str]) -> list[str]:
    """Return the events of the patients' facts: of several per patient only the fullest ones."""
    assert seen.patient is not None
    rows = list(zip(table.cells(seen.patient), table.cells(event), strict=True))
    n_of_event = Counter(name for _, name in rows)
    facts = [c for role, c in seen.roles.of_role.items() if role != "patient_id"]
    filled = Counter[str]()
    for record in table.records:
        filled[record[event.position].strip()] += sum(bool(record[c.position]) for c in facts)
    chosen: list[str] = []
    taken: set[str] = set()
    for name in sorted(names, key=lambda n: (-filled[n] / max(n_of_event[n], 1), names.index(n))):
        people = {person for person, at in rows if at == name}
        if not people & taken:
            chosen.append(name)
            taken |= people
    return sorted(chosen, key=names.index)


def _timepoints(project: Project, event: Column, names: Sequence[str]) -> Setting:
    """Return the timepoint of each event, by its label or name."""
    labels = {}
    for name in names:
        label = label_of(project.events.get(name, "")) or label_of(_ARM.sub("", name))
        if label is not None:
            labels[name] = label
    codes, reason, is_certain = meanings(set(labels.values()), {})
    known = known_words("timepoint")
    said = {name: known.get(folded(_ARM.sub("", name))) for name in names}
    words = {
        name: said[name] or (codes[labels[name]] if name in labels else UNSCHEDULED)
        for name in names
    }
    is_certain = is_certain and all(said[name] or name in labels for name in names)
    return Setting(
        {"column": event.header, "words": words},
        reason if is_certain else "",
        "" if is_certain else "which timepoint is each event?",
    )


def _add_choices(project: Project, use: Use, role: str) -> None:
    """Give a column the words of its choices: code and label of the dictionary."""
    kind, header = WORD_KIND_OF.get(role), use.source(role).get("column")
    info = project.info(header) if kind and isinstance(header, str) else None
    if info is None or kind is None or not info.choices:
        return
    known = {code: code for code in codes_of(kind)} | known_words(kind)
    words: dict[str, str] = {}
    unknown = []
    for code, label in info.choices.items():
        meaning = known.get(label.lower()) or known.get(folded(label))
        if meaning is None:
            unknown.append(f"{code} ({label})")
            continue
        written = [code, f"{code}.0", label] if code.isdecimal() else [code, label]
        words |= {text: meaning for text in written if known.get(text.lower()) != meaning}
    setting = use.columns[role]
    setting.comment = "choices of the dictionary"
    if words:
        setting.value = {"column": header, "words": words}
    if unknown:
        setting.question = "what are these choices of the dictionary? Add them to words"
        setting.candidates = tuple(unknown)


def _ticked_uses(
    project: Project, scope: _Scope, seen: Seen, patients: Use | None
) -> Iterator[Use]:
    """Yield a use for each ticked box that is a comorbidity or an earlier treatment.

    A box that is empty in the record of the patient, or beside a ticked code for missing data, does
    not say whether the patient has it.
    """
    own = patients.keys["records"].value if patients and "records" in patients.keys else {}
    fields: set[str] = set()
    for column in project.data.columns:
        choice, info = project.choice(column.header), project.info(column.header)
        if not choice or info is None or not _is_tick_box(column):
            continue
        names = (info.name, info.label)
        is_disease = folded(choice) in terms("comorbidity") or any(
            words_of(name, "comorbidity_term") >= SET_FROM for name in names
        )
        is_earlier = any(words_of(name, "prior_treatments") >= SET_FROM for name in names)
        if not is_disease and not is_earlier:
            continue
        part = re.sub(r"[^a-z0-9]+", "_", folded(choice)).strip("_")[:30] or "box"
        part = part if part[0].isalpha() else f"box_{part}"
        use = Use("comorbidities", part, project.data)
        use.keys["records"] = Setting({column.header: list(_TICKED), **scope.records})
        patient = seen.roles.header("patient_id")
        use.columns["patient_id"] = Setting(patient)
        if is_earlier and not is_disease:
            use.export = "prescriptions"
            use.columns["prescription_id"] = Setting({"join": [patient, {"constant": part}]})
            use.columns["drug_name"] = Setting({"constant": choice})
            use.columns["period"] = Setting({"constant": "before_index"})
        else:
            use.columns["comorbidity_term"] = Setting({"constant": choice})
        yield use
        if info.name not in fields:
            fields.add(info.name)
            yield from _not_known_uses(project, use, column, own or scope.records)


def _not_known_uses(
    project: Project, use: Use, column: Column, own: dict[str, object]
) -> Iterator[Use]:
    """Yield the uses of records of patients in which the boxes of a field say nothing."""
    info, event = project.info(column.header), project.own("event")
    field = info.name if info is not None else ""
    if event is None or event.header in own:
        yield not_known(use, {column.header: "empty", **own}, field)
    for other in project.data.columns:
        is_code = other.header.startswith(f"{field}___") and not project.choice(other.header)
        if is_code and _is_tick_box(other):
            yield not_known(use, {other.header: list(_TICKED), **own}, field)


def _is_tick_box(column: Column) -> bool:
    return column.values.keys() <= {*_TICKED, *_UNTICKED}


def _add_areas(project: Project, proposal: Proposal) -> None:
    """Map ticked boxes of body areas to the patient's columns."""
    for use in proposal.uses:
        if use.export != "patients" or use.table is not project.data:
            continue
        for column in project.data.columns:
            choice = project.choice(column.header)
            for role in _AREAS:
                fits = bool(choice) and words_of(choice, role) >= SET_FROM
                if fits and _is_tick_box(column) and role not in use.columns:
                    use.columns[role] = Setting(column.header, f"choice {choice}")


def _add_groups(project: Project, uses: Sequence[Use]) -> None:
    """Make data access groups the centre, where every record has one."""
    group = project.own("group")
    if group is None or not uses or not group.n_filled:
        return
    is_whole = group.n_filled == len(project.data.records)
    is_code = all(re.fullmatch(CENTRE_PATTERN, text.strip().lower()) for text in group.values)
    setting = Setting(group.header, "data access groups are centres")
    if not (is_whole and is_code):
        n = len(project.data.records) - group.n_filled
        setting.question = f"are data access groups the centres? {n:,} records have none"
        setting.is_commented = True
    uses[0].keys["centre"] = setting
