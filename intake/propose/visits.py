"""Which visits and scores a table holds: one row per visit, per patient or per measurement."""

from __future__ import annotations

from collections.abc import Sequence

from intake.mapping_schema import SLOT
from intake.propose.blocks import UNSCHEDULED, Block, Label, label_of, meanings
from intake.propose.headers import words_of
from intake.propose.proposal import Setting, Use
from intake.propose.roles import SCORES_OF_VISITS, SET_FROM, score_ranges
from intake.propose.seen import Seen, key_of, mapped

_VISIT_FACTS = ("visit_date", "nominal_timepoint", "topical_adherence")


def visits_of(seen: Seen, others: Sequence[Seen]) -> list[Use]:
    """Return the uses by visits and scores of a table, one of several of a folder."""
    if seen.block is not None:
        return [_wide_visits(seen, seen.block)]
    scores = [code for code in score_ranges() if code in seen.roles.of_role]
    if seen.has("score_name") and seen.has("score_value"):
        return _long_scores(seen)
    is_contact = seen.has("visit_date") and seen.has("nominal_timepoint")
    is_other = seen.has("drug_name", "event_term", "comorbidity_term")
    is_visit = scores or seen.has("topical_adherence") or (is_contact and not is_other)
    timepoint = _timepoint_in_name(seen, others)
    if not (seen.has(*_VISIT_FACTS) or timepoint is not None) or not is_visit:
        return []
    key = key_of(seen, "visit_id", ("visit_date", "nominal_timepoint"))
    use = seen.use("visits", "visits", key)
    use.columns |= mapped(seen, (*_VISIT_FACTS, *scores))
    if timepoint is not None:
        use.columns["nominal_timepoint"] = timepoint
        if not seen.has("visit_id", "visit_date"):
            parts = [seen.roles.header("patient_id"), dict(timepoint.value)]
            use.columns["visit_id"] = Setting({"join": parts})
    return [use]


def _timepoint_in_name(seen: Seen, others: Sequence[Seen]) -> Setting | None:
    """Return the timepoint that the name of a sheet or file says, where it holds one visit each.

    A name with its unit, as ``week 16``, says it alone; ``T16`` and its like together with the
    names of the other files.
    """
    label = _label_in_name(seen)
    if label is None:
        return None
    labels = {label}
    if label.unit not in ("week", "month", "baseline"):
        labels |= {found for each in others if (found := _label_in_name(each)) is not None}
        if len(labels) == 1:
            return None
    codes, reason, is_certain = meanings(labels, {})
    if codes[label] == UNSCHEDULED:
        return None
    question = "" if is_certain else f"which timepoint is this file? ({reason})"
    return Setting({"constant": codes[label]}, "by the name of the file or sheet", question)


def _label_in_name(seen: Seen) -> Label | None:
    if not seen.is_per_patient or seen.has("nominal_timepoint") or seen.block is not None:
        return None
    names = (seen.table.sheet or "", seen.table.file.partition(".")[0])
    return next((label for name in names if (label := label_of(name)) is not None), None)


def _wide_visits(seen: Seen, block: Block) -> Use:
    key = Setting({"join": [seen.roles.header("patient_id"), {"constant": SLOT}]})
    use = seen.use("visits", "visits", key)
    question = "" if block.is_certain else "which timepoint is each label?"
    use.keys["timepoints"] = Setting(dict(block.labels), block.reason, question)
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
        parts = [patient, *(seen.roles.header(role) for role in when), {"constant": code}]
        taken: dict[str, object] = {name_of.header: sorted(by_code[code])}
        use = seen.use("visits", code, Setting({"join": parts}), taken)
        use.columns |= mapped(seen, when)
        use.columns[f"{code}_score"] = Setting(seen.roles.header("score_value"))
        uses.append(use)
    others = sorted(t for c, ts in by_code.items() if c and c not in SCORES_OF_VISITS for t in ts)
    if others and when:
        use = seen.use("scores", "scores", records={name_of.header: others})
        words = {t: c for c, ts in by_code.items() if c not in ("", *SCORES_OF_VISITS) for t in ts}
        use.columns |= mapped(seen, when)
        use.columns["score"] = Setting({"column": name_of.header, "words": words})
        use.columns["value"] = Setting(seen.roles.header("score_value"))
        uses.append(use)
    return uses
