"""Our results beside every number printed in the paper.

One row per row of the ledger. A computed number is equal when it rounds, half-up at the printed
decimals, to what is printed; "p < 0.001" is judged on the raw p-value. Where the paper contradicts
itself the ledger gives the corrected value, and equality with that is named as such. A constant of
the protocol is compared with ours. A number printed twice is compared through its first row, at its
own printed decimals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import pandas as pd

from analysis_py import conventions, ledger
from analysis_py.frames import Frames, codes, numbers, take
from analysis_py.results import Results
from analysis_py.rounding import MISSING, is_missing, round_half_up

if TYPE_CHECKING:
    from analysis_py.ledger import Constant

EQUAL = "equal_at_printed_precision"
CORRECTED = "equal_to_corrected_value"
DIFFERS = "differs"
CONFIRMED = "protocol_constant_confirmed"
NOT_COMPUTABLE = "not_computable"
STATUSES = (EQUAL, CORRECTED, DIFFERS, CONFIRMED, NOT_COMPUTABLE)

LEDGER = "fct_published_results"
LEDGER_COLUMNS = [
    "result_id",
    "section",
    "analysis_id",
    "kind",
    "timepoint",
    "population",
    "measure",
    "statistic",
    "operator",
    "published_value",
    "decimals",
    "target_value",
    "consistent",
    "note",
    "quote",
    "duplicate_of",
]
COLUMNS: dict[str, list[str]] = {
    LEDGER: LEDGER_COLUMNS,
    "dim_timepoints": ["timepoint_code", "nominal_week", "nominal_month"],
    "dim_scores": ["score_code", "min_value", "max_value", "response_threshold"],
}
OPTIONAL_COLUMNS: dict[str, list[str]] = {
    "dim_score_bands": ["scheme_code", "score_code", "band_code", "lower_value", "upper_value"],
    "dim_eligibility_criteria": ["criterion_code", "threshold_value", "first_month", "last_month"],
}


@dataclass(frozen=True, slots=True)
class Compared:
    """One printed number and ours; the columns of results.published_comparison, in order.

    `printed`, `target` and `ours` are texts at printed precision; the `_value` fields are numbers,
    None where the text is not a number. `difference` is our unrounded value minus the target.
    """

    published_result_id: str
    section: str
    analysis_id: str
    kind: str
    timepoint: str
    population: str
    measure: str
    statistic: str
    printed: str
    published_value: float | None
    target: str
    target_value: float | None
    our_result_id: str
    our_field: str
    ours: str
    our_value: float | None
    difference: float | None
    status: str
    reason: str
    duplicate_of: str
    note: str
    quote: str


@dataclass(frozen=True, slots=True)
class _Printed:
    """A row of the ledger, typed."""

    base: Compared
    operator: str
    decimals: int
    is_dash: bool


def compare(
    results: Results, frames: Frames, reasons: Mapping[str, str] | None = None
) -> list[Compared]:
    """Compare every row of the ledger with our results and our protocol.

    Parameters
    ----------
    results : Results
        Of all analyses.
    frames : mapping
        Marts of :data:`COLUMNS` and, where they exist, :data:`OPTIONAL_COLUMNS`.
    reasons : mapping, optional
        published_result_id -> why that number differs in this delivery.

    Returns
    -------
    list of Compared
        In the order of the ledger, one per row.
    """
    constants = {**frames, "analysis_conventions": _conventions()}
    rows = list(_ledger(frames))
    originals = {row.base.published_result_id: row.base for row in rows}
    compared = []
    for row in rows:
        source = originals.get(row.base.duplicate_of, row.base)
        if row.base.kind == "background":
            outcome = _unknown(row, "Cites other work or gives advice; no study data behind it.")
        elif row.base.kind == "protocol":
            outcome = _compare_constant(row, source, constants)
        else:
            outcome = _compare_result(row, source, results)
        why = (reasons or {}).get(outcome.published_result_id, "")
        if outcome.status == DIFFERS and why:
            outcome = replace(outcome, reason=why)
        compared.append(outcome)
    return compared


def unexplained(compared: Iterable[Compared]) -> list[Compared]:
    """Rows that differ without a reason."""
    return [row for row in compared if row.status == DIFFERS and not row.reason]


def with_status(compared: Iterable[Compared], status: str) -> list[Compared]:
    """Rows with a status."""
    return [row for row in compared if row.status == status]


def counts(compared: Iterable[Compared]) -> dict[str, int]:
    """Rows per status, every status named."""
    found = Counter(row.status for row in compared)
    return {status: found[status] for status in STATUSES}


def to_frame(compared: Iterable[Compared]) -> pd.DataFrame:
    """Return one row per printed number with the columns of :class:`Compared`."""
    names = [field.name for field in fields(Compared)]
    return pd.DataFrame([[getattr(row, name) for name in names] for row in compared], columns=names)


def _ledger(frames: Frames) -> Iterable[_Printed]:
    table = take(frames, LEDGER, LEDGER_COLUMNS)
    text = {name: codes(table[name]) for name in LEDGER_COLUMNS if name != "decimals"}
    decimals, target = numbers(table["decimals"]), text["target_value"]
    for i in range(len(table)):
        row = {name: "" if values[i] is None else str(values[i]) for name, values in text.items()}
        value = _number(row["published_value"])
        goal = _number("" if target[i] is None else str(target[i]))
        goal = value if goal is None else goal
        places = 0 if is_missing(decimals[i]) else int(decimals[i])
        is_dash = not row["published_value"] and row["kind"] == "result"
        sign = row["operator"] if row["operator"] not in ("", "=") else ""
        printed = MISSING if is_dash else f"{sign}{row['published_value']}"
        same = goal is None or value is None or goal == value
        yield _Printed(
            base=Compared(
                published_result_id=row["result_id"],
                **{
                    name: row[name]
                    for name in (
                        *("section", "analysis_id", "kind", "timepoint", "population"),
                        *("measure", "statistic", "duplicate_of", "note", "quote"),
                    )
                },
                printed=printed,
                published_value=value,
                target=printed if same else str(round_half_up(goal, places)),
                target_value=goal,
                our_result_id="",
                our_field="",
                ours="",
                our_value=None,
                difference=None,
                status=NOT_COMPUTABLE,
                reason="",
            ),
            operator=row["operator"] or "=",
            decimals=places,
            is_dash=is_dash,
        )


def _compare_result(row: _Printed, source: Compared, results: Results) -> Compared:
    answer = ledger.answer_to(
        source.analysis_id, source.measure, source.statistic, source.population, source.timepoint
    )
    if answer is None:
        return _unknown(row, "No analysis of ours answers this measure.")
    found = replace(row.base, our_result_id=answer.result_id, our_field=answer.field)
    estimate = results.get(answer.result_id)
    if estimate is None:
        return replace(found, reason="The analysis did not give this result.")
    ours = getattr(estimate, answer.field)
    if ours is None:
        return replace(found, reason=f"Not estimable: {estimate.warning or 'no value'}.")
    found = replace(found, our_value=ours)
    if answer.direction:
        return _judge_direction(found, answer.direction)
    return _judge(replace(row, base=found), ours)


def _judge(row: _Printed, ours: float) -> Compared:
    base = row.base
    if row.operator == "<":
        is_equal = ours < base.published_value
        return replace(
            base, ours=_small(ours, row), status=EQUAL if is_equal else DIFFERS, difference=None
        )
    printed = 0.0 if row.is_dash else base.published_value
    rounded = round_half_up(ours, row.decimals)
    if rounded == round_half_up(printed, row.decimals):
        status = EQUAL
    elif rounded == round_half_up(base.target_value, row.decimals):
        status = CORRECTED
    else:
        status = DIFFERS
    return replace(
        base,
        ours=MISSING if row.is_dash and ours == 0 else str(rounded),
        difference=ours - (printed if status == EQUAL else base.target_value),
        status=status,
        reason=base.note if status == CORRECTED else "",
    )


def _judge_direction(base: Compared, direction: str) -> Compared:
    side, limit = direction.split()
    ours = base.our_value
    is_equal = ours > float(limit) if side == "above" else ours < float(limit)
    return replace(
        base,
        printed="direction only",
        target=direction,
        ours=str(round_half_up(ours, 2)),
        status=EQUAL if is_equal else DIFFERS,
    )


def _compare_constant(
    row: _Printed, source: Compared, frames: Mapping[str, pd.DataFrame]
) -> Compared:
    constant = ledger.constant_of(source.measure, source.statistic, source.timepoint)
    if constant is None:
        return _unknown(row, "No constant of ours is named for this measure.")
    if not constant.mart:
        return _unknown(row, constant.reason)
    if constant.mart not in frames:
        return _unknown(row, f"The warehouse has no mart {constant.mart}, which would hold it.")
    held = _look_up(constant, frames[constant.mart])
    where = f"{constant.mart}.{constant.column}"
    if held is None:
        return _unknown(row, f"{where} has no value for it.")
    base = replace(row.base, our_result_id=where, our_field=constant.column)
    if base.published_value is None:
        text = str(held)[: len(base.printed)]
        return replace(base, ours=text, status=CONFIRMED if text == base.printed else DIFFERS)
    ours = float(held) / constant.divisor
    return replace(
        base,
        ours=f"{ours:g}",
        our_value=ours,
        difference=ours - base.published_value,
        status=CONFIRMED if ours == base.published_value else DIFFERS,
    )


def _look_up(constant: Constant, frame: pd.DataFrame) -> object | None:
    chosen = pd.Series(True, index=frame.index)
    for column, value in constant.conditions:
        chosen &= frame[column].astype(object) == value
    values = frame.loc[chosen, constant.column]
    if len(values) != 1 or values.isna().all():
        return None
    return values.iloc[0]


def _conventions() -> pd.DataFrame:
    return pd.DataFrame({"confidence_level_percent": [100 * conventions.CONFIDENCE_LEVEL]})


def _unknown(row: _Printed, reason: str) -> Compared:
    return replace(row.base, status=NOT_COMPUTABLE, reason=reason)


def _small(p_value: float, row: _Printed) -> str:
    is_below = p_value < row.base.published_value
    return row.base.printed if is_below else str(round_half_up(p_value, row.decimals))


def _number(text: str) -> float | None:
    try:
        return float(Decimal(text))
    except InvalidOperation:
        return None
