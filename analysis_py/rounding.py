"""How a number is rounded and printed; the one policy of tables, figures and the comparison.

Half-up at the printed number of decimals, away from zero for negative numbers, as in the paper.
A binary double such as 2.675 is first read with 12 significant digits, so that a value which is
a tie in decimal arithmetic is treated as the tie it is. A p-value is judged on its raw value:
below 0.001 it prints as "<0.001", never because of rounding.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import TypeIs

SIGNIFICANT_DIGITS = 12
SMALLEST_PRINTED_P = Decimal("0.001")
P_DECIMALS = 3
MISSING = "–"


def is_missing(value: float | None) -> TypeIs[None]:
    """Whether a number is absent: None, NaN or infinite. A number that is not, is a float."""
    return value is None or not math.isfinite(value)


def round_half_up(value: float, decimals: int) -> Decimal:
    """Round half-up.

    Returns
    -------
    decimal.Decimal
        With exactly `decimals` digits after the point; negative zero becomes zero.

    Raises
    ------
    ValueError
        If `value` is not finite or `decimals` is negative.

    Examples
    --------
    >>> round_half_up(2.675, 2)
    Decimal('2.68')
    >>> round_half_up(56 / 342 * 100, 1)
    Decimal('16.4')
    """
    if is_missing(value):
        raise ValueError("only a finite number can be rounded")
    if decimals < 0:
        raise ValueError("decimals must be 0 or more")
    exact = Decimal(f"{float(value):.{SIGNIFICANT_DIGITS}g}")
    rounded = exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    return abs(rounded) if rounded == 0 else rounded


def format_number(value: float | None, decimals: int) -> str:
    """Print a number half-up; a missing one as an en dash."""
    return MISSING if is_missing(value) else str(round_half_up(value, decimals))


def format_p(p_value: float | None) -> str:
    """Print a p-value: "<0.001" judged on the raw value, otherwise half-up.

    Examples
    --------
    >>> format_p(0.00099), format_p(0.001), format_p(0.0178)
    ('<0.001', '0.001', '0.018')
    """
    if is_missing(p_value):
        return MISSING
    if Decimal(repr(float(p_value))) < SMALLEST_PRINTED_P:
        return f"<{SMALLEST_PRINTED_P}"
    return str(round_half_up(p_value, P_DECIMALS))


def format_interval(lower: float | None, upper: float | None, decimals: int) -> str:
    """Print an interval as "0.94–0.99"; missing ends as an en dash each."""
    if is_missing(lower) and is_missing(upper):
        return MISSING
    joint = "–" if is_missing(lower) or lower >= 0 else " to "
    return f"{format_number(lower, decimals)}{joint}{format_number(upper, decimals)}"


def format_count(n: int | None, denominator: int | None) -> str:
    """Print a count with its percentage: "20 (6.5)"; a zero count as an en dash, as the paper does.

    The percentage is left out where the denominator is 0 or unknown.
    """
    if n is None or n == 0:
        return MISSING
    if not denominator:
        return str(n)
    return f"{n} ({round_half_up(100 * n / denominator, 1)})"
