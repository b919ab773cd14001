"""The comparison with the paper: every printed number beside ours.

One row per row of the ledger (mart fct_published_results). Two tables beside this file say where
our number is. ``published_measures.csv`` names the result for each measure of the ledger:
population, timepoint and statistic, where ``=`` means "as in the ledger" and ``*`` any statistic;
``field`` is the column of that result, ``direction`` the claim of a sentence without a number.
``published_constants.csv`` names the mart and column of each constant of the protocol.

A number is equal when it rounds, half-up at the printed decimals, to the printed number;
"p < 0.001" is judged on the raw p-value. Where the paper contradicts itself, the ledger gives the
corrected value, and a number equal to that has a status of its own. A number printed twice is
compared through its first row, at its own printed decimals.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from analysis_py import conventions
from analysis_py.frames import Frames, codes, numbers
from analysis_py.results import Results, result_id
from analysis_py.rounding import MISSING, is_missing, round_half_up
from analysis_py.vocabulary import ALL, ANY_TIME

EQUAL = "equal_at_printed_precision"
CORRECTED = "equal_to_corrected_value"
DIFFERS = "differs"
CONFIRMED = "protocol_constant_confirmed"
NOT_COMPUTABLE = "not_computable"
STATUSES = (EQUAL, CORRECTED, DIFFERS, CONFIRMED, NOT_COMPUTABLE)

LEDGER = "fct_published_results"
COLUMNS: dict[str, list[str]] = {
    LEDGER: [
        *("result_id", "section", "analysis_id", "kind", "timepoint", "population", "measure"),
        *("statistic", "operator", "published_value", "decimals", "target_value", "consistent"),
        *("note", "quote", "duplicate_of"),
    ],
    "dim_timepoints": ["timepoint_code", "nominal_week", "nominal_month"],
    "dim_scores": ["score_code", "min_value", "max_value", "response_threshold"],
}
OPTIONAL_COLUMNS: dict[str, list[str]] = {
    "dim_score_bands": ["scheme_code", "score_code", "band_code", "lower_value", "upper_value"],
    "dim_eligibility_criteria": ["criterion_code", "threshold_value", "first_month", "last_month"],
}

# The ledger's words for timepoints and groups, and ours.
TIMEPOINTS = {
    "baseline": "baseline",
    "week_4": "week_04",
    "week_16": "week_16",
    "week_52": "week_52",
    "any": ANY_TIME,
}
GROUPS = {
    "males_190": "male",
    "females_152": "female",
    "tac_any_at_baseline": "tacrolimus_at_baseline",
    "no_tac_at_baseline": "no_tacrolimus_at_baseline",
}
SAME = "="
ANY_STATISTIC = "*"


def _text(description: str) -> Any:
    return field(default="", metadata={"type": "VARCHAR", "description": description})


def _number_column(description: str) -> Any:
    return field(default=None, metadata={"type": "DOUBLE", "description": description})


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One printed number and ours; the columns of results.published_comparison, in order."""

    published_result_id: str = _text("Key: the printed number, as in fct_published_results")
    section: str = _text("Part of the paper")
    analysis_id: str = _text("Analysis that answers it; P00 protocol, B00 background")
    kind: str = _text("result, protocol, background or qualitative")
    timepoint: str = _text("Timepoint in the ledger's words")
    population: str = _text("Population in the ledger's words")
    measure: str = _text("Measure in the ledger's words")
    statistic: str = _text("Kind of number in the ledger's words")
    printed: str = _text("As printed; an en dash where the paper prints a dash")
    published_value: float | None = _number_column("Printed number; NULL where it is no number")
    target: str = _text("What a cohort must show: as printed, or corrected")
    target_value: float | None = _number_column("The same as a number")
    our_result_id: str = _text("Key in results.estimates, or mart and column of a constant")
    our_field: str = _text("Column of that row that holds our number")
    ours: str = _text("Our number, half-up at the printed decimals")
    our_value: float | None = _number_column("Our number, unrounded")
    difference: float | None = _number_column(
        "Our unrounded number minus the target; NULL for p < 0.001"
    )
    status: str = _text(", ".join(STATUSES[:-1]) + f" or {NOT_COMPUTABLE}")
    reason: str = _text("Why corrected, different or not computable")
    duplicate_of: str = _text("The row of the same number printed elsewhere")
    note: str = _text("Note of the ledger on the printed number")
    quote: str = _text("Words of the paper around the number")


COMPARED_COLUMNS: dict[str, tuple[str, str]] = {
    column.name: (column.metadata["type"], column.metadata["description"])
    for column in fields(Compared)
}


@dataclass(frozen=True, slots=True)
class _Printed:
    """A row of the ledger, typed."""

    base: Compared
    operator: str
    decimals: int
    is_dash: bool

    def unknown(self, reason: str) -> Compared:
        """Return the row with the status not computable."""
        return replace(self.base, status=NOT_COMPUTABLE, reason=reason)


@dataclass(frozen=True, slots=True)
class Constant:
    """Where a constant of the protocol is: mart, conditions (column, value), column, divisor.

    `mart` is empty for a constant that no mart has; `reason` says why.
    """

    mart: str
    conditions: tuple[tuple[str, str], ...]
    column: str
    divisor: float
    reason: str


def compare(
    results: Results, frames: Frames, reasons: Mapping[str, str] | None = None
) -> list[Compared]:
    """Compare every row of the ledger with our results and our protocol.

    Parameters
    ----------
    frames : mapping
        Marts of :data:`COLUMNS` and, where they exist, :data:`OPTIONAL_COLUMNS`.
    reasons : mapping, optional
        published_result_id -> why that number differs in this delivery.

    Returns
    -------
    list of Compared
        In the order of the ledger, one per row.
    """
    level = pd.DataFrame({"confidence_level_percent": [100 * conventions.CONFIDENCE_LEVEL]})
    constants = {**frames, "analysis_conventions": level}
    rows = list(_ledger(frames))
    originals = {row.base.published_result_id: row.base for row in rows}
    compared = []
    for row in rows:
        source = originals.get(row.base.duplicate_of, row.base)
        if row.base.kind == "background":
            outcome = row.unknown("Cites other work or gives advice; no study data behind it.")
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
    rows = [[getattr(row, name) for name in COMPARED_COLUMNS] for row in compared]
    return pd.DataFrame(rows, columns=list(COMPARED_COLUMNS))


def _ledger(frames: Frames) -> Iterator[_Printed]:
    table = frames[LEDGER]
    decimals = numbers(table["decimals"])
    texts = {name: codes(table[name]) for name in COLUMNS[LEDGER] if name != "decimals"}
    same_name = texts.keys() & COMPARED_COLUMNS.keys() - {"published_value", "target_value"}
    for i in range(len(table)):
        row: dict[str, Any] = {
            name: "" if values[i] is None else str(values[i]) for name, values in texts.items()
        }
        value, corrected = _number(row["published_value"]), _number(row["target_value"])
        target = value if corrected is None else corrected
        places = 0 if is_missing(decimals[i]) else int(decimals[i])
        is_dash = not row["published_value"] and row["kind"] == "result"
        sign = "" if row["operator"] == "=" else row["operator"]
        printed = MISSING if is_dash else f"{sign}{row['published_value']}"
        is_as_printed = target is None or value is None or target == value
        base = Compared(
            **{name: row[name] for name in same_name},
            published_result_id=row["result_id"],
            printed=printed,
            published_value=value,
            target=printed if is_as_printed else str(round_half_up(target or 0.0, places)),
            target_value=target,
            status=NOT_COMPUTABLE,
        )
        yield _Printed(base, row["operator"] or "=", places, is_dash)


def _compare_result(row: _Printed, source: Compared, results: Results) -> Compared:
    measures = _measures()
    answer = measures.get((source.analysis_id, source.measure, source.statistic)) or measures.get(
        (source.analysis_id, source.measure, ANY_STATISTIC)
    )
    if answer is None:
        return row.unknown("No analysis of ours answers this measure.")
    timepoint, statistic = answer["timepoint"], answer["statistic"]
    key = result_id(
        source.analysis_id,
        population=answer["population"],
        group=GROUPS.get(source.population, ALL),
        timepoint=TIMEPOINTS.get(source.timepoint, ANY_TIME) if timepoint == SAME else timepoint,
        term=answer["term"],
        statistic=source.statistic if statistic == SAME else statistic,
    )
    found = replace(row.base, our_result_id=key, our_field=answer["field"])
    estimate = results.get(key)
    if estimate is None:
        return replace(found, reason="The analysis did not give this result.")
    ours = getattr(estimate, answer["field"])
    if ours is None:
        return replace(found, reason=f"Not estimable: {estimate.warning or 'no value'}.")
    found = replace(found, our_value=ours)
    if answer["direction"]:
        return _judge_direction(found, ours, answer["direction"])
    return _judge(replace(row, base=found), ours)


def _judge(row: _Printed, ours: float) -> Compared:
    base = row.base
    printed = 0.0 if row.is_dash or base.published_value is None else base.published_value
    if row.operator == "<":
        is_below = ours < printed
        shown = base.printed if is_below else str(round_half_up(ours, row.decimals))
        return replace(base, ours=shown, status=EQUAL if is_below else DIFFERS)
    target = printed if base.target_value is None else base.target_value
    rounded = round_half_up(ours, row.decimals)
    if rounded == round_half_up(printed, row.decimals):
        status = EQUAL
    elif rounded == round_half_up(target, row.decimals):
        status = CORRECTED
    else:
        status = DIFFERS
    return replace(
        base,
        ours=MISSING if row.is_dash and ours == 0 else str(rounded),
        difference=ours - (printed if status == EQUAL else target),
        status=status,
        reason=base.note if status == CORRECTED else "",
    )


def _judge_direction(base: Compared, ours: float, direction: str) -> Compared:
    side, limit = direction.split()
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
    constant = _constant_of(source)
    if constant is None:
        return row.unknown("No constant of ours is named for this measure.")
    if not constant.mart:
        return row.unknown(constant.reason)
    if constant.mart not in frames:
        return row.unknown(f"The warehouse has no mart {constant.mart}, which would hold it.")
    held = _look_up(constant, frames[constant.mart])
    where = f"{constant.mart}.{constant.column}"
    if held is None:
        return row.unknown(f"{where} has no value for it.")
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


def _look_up(constant: Constant, frame: pd.DataFrame) -> Any | None:
    chosen = pd.Series(True, index=frame.index)
    for column, value in constant.conditions:
        chosen &= frame[column].astype(object) == value
    values = frame.loc[chosen, constant.column]
    return None if len(values) != 1 or values.isna().all() else values.iloc[0]


def _number(text: str) -> float | None:
    try:
        return float(Decimal(text))
    except InvalidOperation:
        return None


def _constant_of(source: Compared) -> Constant | None:
    row = _constants().get((source.measure, source.statistic))
    if row is None:
        return None
    key = row["key"].format(timepoint=TIMEPOINTS.get(source.timepoint, ""))
    conditions = [part.partition("=") for part in key.split()]
    return Constant(
        mart=row["mart"],
        conditions=tuple((column, value) for column, _, value in conditions),
        column=row["column"],
        divisor=float(row["divisor"]),
        reason=row["reason"],
    )


@cache
def _measures() -> dict[tuple[str, str, str], dict[str, str]]:
    rows = _rows("published_measures.csv")
    return {(r["analysis_id"], r["measure"], r["published_statistic"]): r for r in rows}


@cache
def _constants() -> dict[tuple[str, str], dict[str, str]]:
    return {(r["measure"], r["published_statistic"]): r for r in _rows("published_constants.csv")}


def _rows(name: str) -> list[dict[str, str]]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
