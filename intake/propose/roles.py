"""Which of our columns a column of a file may be: by the words of its header and by its values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from intake.contract import EXPORTS, KINDS_OF_TERMS, codes_of, column_names, known_words, seed_rows
from intake.propose.headers import Candidate, candidates, folded, phrases, words_of
from intake.propose.tables import NUMBER, PARTIAL_DATE, Column, Table

SET_FROM = 0.55
"""From this score a candidate is written as a setting; below it, as a question."""
ASKED_FROM = 0.4
_ALIAS_FROM = 0.75
"""A label of a dictionary is a sentence: a word in it says little."""
_CLOSE = 0.1
"""A second candidate that is as near as this to the first makes a question."""
_IDENTITY_FROM = 0.6
_MOST_RECORDS_OF_ONE_PATIENT = 20
"""A longer file with one identifier names the study there, not a patient."""

SCORES_OF_VISITS = tuple(
    code for code in codes_of("score") if f"{code}_score" in column_names("visits")
)
DATES = (
    "birth_date", "visit_date", "ad_diagnosis_date", "start_date", "end_date", "onset_date",
    "last_contact_date",
)  # fmt: skip
TERM_LISTS = {
    "drug": ("codelists/drug_products.csv", "product_name"),
    "comorbidity": ("codelists/comorbidity_terms.csv", "term"),
    "adverse_event": ("codelists/adverse_event_terms.csv", "term"),
}
"""Kind of terms -> seed and its column."""
_FILE_WORDS = {
    "event_term": "events_file", "drug_name": "courses_file", "comorbidity_term": "illnesses_file",
}  # fmt: skip
_DATE_OF_TOPIC = {
    "event_term": "onset_date", "drug_name": "start_date", "comorbidity_term": "onset_date",
}  # fmt: skip
_MAY_HOLD_DRUGS = {
    "drug_name", "topical_treatments", "prior_treatments", "treatment_arm", "stop_reason",
    "dose_text", "atc_code",
}  # fmt: skip
"""Roles whose values name drugs too: a header that says one of them is believed."""
_PLAIN_DATES = ("visit_date", "start_date", "onset_date", "ad_diagnosis_date")
"""Dates that a plain header such as ``date`` or ``from`` may mean, by what the records are."""
_LEAST_KNOWN_TERMS = 0.6
_LEAST_KNOWN_TERMS_OF_TOPIC = 0.3
_MOST_WORDS_OF_A_TERM = 6
IDENTIFIERS = ("patient_id", "visit_id", "prescription_id", "adverse_event_id")
TEXTS = (
    "drug_name", "atc_code", "strength", "dose_text", "body_site", "comorbidity_term", "event_term",
    "stop_reason", "prior_treatments", "topical_treatments", "treatment_arm", "centre",
    "end_of_observation_reason", "score_name", "redcap_repeat_instrument",
)  # fmt: skip
WORD_KIND_OF = {
    column.name: column.word_kind
    for columns in EXPORTS.values()
    for column in columns
    if column.word_kind and column.name not in (*TEXTS, "period", "score")
}
"""Column whose cells are words of a list -> kind of the words."""


@cache
def score_ranges() -> dict[str, tuple[float, float]]:
    """Return score code -> its lowest and highest value."""
    return {
        row["score_code"]: (float(row["min_value"]), float(row["max_value"]))
        for row in seed_rows("protocol/score_definitions.csv")
    }


@cache
def terms(kind: str) -> frozenset[str]:
    """Return the terms of a code list, folded: drug, comorbidity or adverse_event."""
    file, column = TERM_LISTS[kind]
    return frozenset(folded(row[column]) for row in seed_rows(file))


INDEX_CODE = next(
    row["treatment_class_code"]
    for row in seed_rows("codelists/treatment_classes.csv")
    if row["is_index_treatment"] == "true"
)


@cache
def index_atc_codes() -> frozenset[str]:
    """Return the ATC codes of the index treatment."""
    rows = seed_rows("codelists/atc_codes.csv")
    return frozenset(r["atc_prefix"] for r in rows if r["treatment_class_code"] == INDEX_CODE)


@cache
def index_products() -> frozenset[str]:
    """Return the names of the index treatment, folded."""
    return frozenset(
        folded(row["product_name"])
        for row in seed_rows("codelists/drug_products.csv")
        if row["treatment_class_code"] == INDEX_CODE
        or (not row["treatment_class_code"] and row["atc_code"] in index_atc_codes())
    )


def share_of_terms(column: Column, kind: str) -> float:
    """Return the share of the values that are terms of a list or, in a few words, hold a drug."""
    known, n = terms(kind), 0
    for text, count in column.values.items():
        words = folded(text).split()
        is_drug = kind == "drug" and len(words) <= _MOST_WORDS_OF_A_TERM and known & set(words)
        n += count if is_drug or " ".join(words) in known else 0
    return n / column.n_filled if column.n_filled else 0.0


def topic_of(table: Table) -> str:
    """Return the column that says what each record of a table is about; "" where nothing says it.

    The name of its sheet or file says it. A table that holds scores is of visits.
    """
    filled = [column.header for column in table.columns if column.n_filled]
    if any(words_of(header, code) >= SET_FROM for header in filled for code in score_ranges()):
        return ""
    names = [table.sheet or "", re.sub(r"\d+", " ", table.file.partition(".")[0])]
    for name in names:
        fits = {topic: words_of(name, role) for topic, role in _FILE_WORDS.items()}
        best = max(fits, key=lambda topic: fits[topic])
        if fits[best] >= SET_FROM:
            return best
    return ""


def share_of_index(column: Column) -> float:
    """Return the share of the values that hold a name of the index treatment."""
    n = sum(n for text, n in column.values.items() if names_index(text))
    return n / column.n_filled if column.n_filled else 0.0


def names_index(text: str) -> bool:
    """Return whether a text holds a name of the index treatment."""
    return bool(index_products() & set(folded(text).split()))


@dataclass
class Roles:
    """The columns of one table by role.

    Attributes
    ----------
    of_role : dict
        Role -> column that is set.
    reasons : dict
        Role -> score and reason of its column.
    doubts : dict
        Role -> other columns that may be it, best first.
    identities : list of Column
        Columns that may name a person: never shown, never mapped.
    """

    of_role: dict[str, Column] = field(default_factory=dict)
    reasons: dict[str, Candidate] = field(default_factory=dict)
    doubts: dict[str, list[tuple[Column, Candidate]]] = field(default_factory=dict)
    identities: list[Column] = field(default_factory=list)

    def header(self, role: str) -> str | None:
        """Return the header of the column with a role."""
        column = self.of_role.get(role)
        return None if column is None else column.header


def all_roles() -> list[str]:
    """Return every role that a column may have."""
    scores = [code for code in score_ranges() if code in phrases()]
    return [
        *IDENTIFIERS, *DATES, *WORD_KIND_OF, *TEXTS, *scores, "age_at_index_years", "score_value",
    ]  # fmt: skip


def is_identity(header: str) -> bool:
    """Return whether a column may name a person: its header says so, and nothing else as surely."""
    best = candidates(header, all_roles())
    return words_of(header, "identity") >= _IDENTITY_FROM and (not best or best[0].score < 0.95)


def column_candidates(
    column: Column, n_records: int, alias: str = "", topic: str = ""
) -> list[Candidate]:
    """Return the roles that a column may have, best first, by its header or another name.

    In a table with a topic a plain header (``Data``, ``Evento``) means what such records have.
    """
    by_words: dict[str, Candidate] = {}
    by_alias = [c for c in candidates(alias, all_roles()) if c.score >= _ALIAS_FROM]
    by_header = [_in_topic(c, topic) for c in candidates(column.header, all_roles())]
    if topic:
        by_header.append(Candidate(topic, 0.9 * words_of(column.header, "term_word"), "the file"))
    for candidate in (*by_alias, *by_header):
        if candidate.score > by_words.get(candidate.role, Candidate("", 0, "")).score:
            by_words[candidate.role] = candidate
    found = []
    for candidate in by_words.values():
        fit, reason = _fit_of_values(candidate.role, column, n_records)
        score = round(candidate.score * fit, 2)
        if score >= ASKED_FROM:
            reasons = f"{candidate.reason}, {reason}" if reason else candidate.reason
            found.append(Candidate(candidate.role, score, reasons))
    found += _by_values(column, {candidate.role for candidate in found}, topic)
    return sorted(found, key=lambda candidate: -candidate.score)


def _in_topic(candidate: Candidate, topic: str) -> Candidate:
    """Return a candidate as it is meant in a table with a topic."""
    role = _DATE_OF_TOPIC.get(topic, candidate.role)
    if candidate.role not in _PLAIN_DATES or role == candidate.role:
        return candidate
    return Candidate(role, round(0.9 * candidate.score, 2), "header words in such a file")


def _fit_of_values(role: str, column: Column, n_records: int) -> tuple[float, str]:
    """Return the factor by which values change the score of a header, and what they are."""
    is_text = column.date_share <= 0.5 and column.number_share <= 0.5
    fit, reason = (1.0 if is_text else 0.0), ""
    if column.n_filled == 0:
        fit, reason = 0.9, "no values"
    elif role in DATES:
        fit, reason = _fit_of_dates(column)
    elif role in score_ranges() or role == "age_at_index_years":
        low, high = score_ranges().get(role, (0, 120))
        n_in_range = sum(n for number, n in column.numbers.items() if low <= number <= high)
        is_number = column.number_share >= 0.5 and column.date_share == 0
        is_in_range = n_in_range >= 0.9 * sum(column.numbers.values())
        fit, reason = (1.0 if is_in_range else 0.3) * is_number, "numbers in range"
    elif role == "score_value":
        fit, reason = float(column.number_share >= 0.5), "numbers"
    elif role in WORD_KIND_OF:
        words = known_words(WORD_KIND_OF[role])
        n_known = sum(n for text, n in column.values.items() if text.strip().lower() in words)
        is_coded = column.date_share <= 0.5 and len(column.values) <= 60
        fit = (1.0 if n_known else 0.8) * is_coded
        reason = f"{n_known} of {column.n_filled} values known"
    elif role in IDENTIFIERS:
        is_id = column.n_filled >= 0.9 * n_records and column.date_share == 0
        is_constant = len(column.values) == 1 and n_records > _MOST_RECORDS_OF_ONE_PATIENT
        fit = 0.0 if is_constant else 1.0 if is_id else 0.5
        fit *= 0.95 if words_of(column.header, "key_word") == 1 else 1.0  # may number records
    return fit, reason


def _fit_of_dates(column: Column) -> tuple[float, str]:
    n_dates = column.date_share + column.share(PARTIAL_DATE)
    if n_dates >= 0.5:
        return 1.0, "dates"
    if column.is_relative_day or (column.is_serial and column.n_filled > 2):
        return 1.0, "days"
    if column.number_share > 0.9 and all(float(n).is_integer() for n in column.numbers):
        return 0.7, "whole numbers"
    return 0.0, ""


def _by_values(column: Column, already: set[str], topic: str) -> Iterator[Candidate]:
    """Yield what values alone suggest: a weak ground, worth a question, but for names of drugs."""
    if not already & _MAY_HOLD_DRUGS and share_of_terms(column, "drug") >= _LEAST_KNOWN_TERMS:
        is_index = share_of_index(column) > 0.5
        yield Candidate("drug_name", 0.65 if is_index else SET_FROM, "names of drugs")
    elif (
        topic
        and topic not in already
        and share_of_terms(column, KINDS_OF_TERMS[topic]) >= _LEAST_KNOWN_TERMS_OF_TOPIC
    ):
        yield Candidate(topic, 0.6, "known terms")
    elif topic and not already and column.date_share > 0.5:
        yield Candidate(_DATE_OF_TOPIC[topic], SET_FROM, "the date in such a file")
    elif (
        topic
        and not already
        and column.number_share == 0
        and len(column.values) > 1
        and not words_of(column.header, "key_word")
    ):
        yield Candidate(topic, SET_FROM, "the text in such a file")
    words = {text.strip().lower() for text in column.values}
    if len(words) >= 2 and "sex" not in already and words <= known_words("sex").keys():
        yield Candidate("sex", 0.5, "values")
    if (
        column.number_share > 0.9
        and column.decimal_marks
        and column.n_filled > 10
        and 20 < max(column.numbers, default=0) <= score_ranges()["easi"][1]
        and "easi" not in already
        and not any(NUMBER.fullmatch(text) and len(text) > 5 for text in column.values)
    ):
        yield Candidate("easi", ASKED_FROM, "tenths up to 72")


def roles_of(
    table: Table, columns: Sequence[Column], aliases: Mapping[str, str] | None = None
) -> Roles:
    """Give each role at most one column and each column at most one role, best scores first.

    Parameters
    ----------
    columns : sequence of Column
        Those that belong to no block of timepoints.
    aliases : mapping, optional
        Header -> another name of the column, such as its label in a dictionary.
    """
    aliases = aliases or {}
    topic = topic_of(table)
    roles = Roles()
    offers: list[tuple[float, int, Column, Candidate]] = []
    for column in columns:
        alias = aliases.get(column.header, "")
        if is_identity(column.header) or (alias and is_identity(alias)):
            roles.identities.append(column)
            continue
        found = column_candidates(column, len(table.records), alias, topic)
        if not found or words_of(column.header, "note") > found[0].score:
            continue
        offers += [(-c.score, column.position, column, c) for c in found]
    taken: set[str] = set()
    for _, _, column, candidate in sorted(offers, key=lambda offer: offer[:2]):
        holder = roles.of_role.get(candidate.role)
        if column.header in taken:
            continue
        if holder is None and candidate.score >= SET_FROM:
            roles.of_role[candidate.role] = column
            roles.reasons[candidate.role] = candidate
            taken.add(column.header)
        elif holder is None or candidate.score >= roles.reasons[candidate.role].score - _CLOSE:
            roles.doubts.setdefault(candidate.role, []).append((column, candidate))
    return roles
