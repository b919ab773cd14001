"""Release form: what may leave the registry of a count, a share, a mean or a median.

Every output for people outside goes through `release`. The rule has no state and no chance in it:
the same exact numbers always give the same released numbers, so two releases of one version never
differ. docs/privacy.md says what the rule protects against and what not.

The rule for counts is that of OpenSAFELY ("Updated disclosure control": redact counts of 7 or
fewer, round the others to the nearest 5; applied by default in ehrQL's measures) and of NHS Digital
("Disclosure control methodology for HES and ECDS", September 2018: the same two steps, totals
rounded by themselves, percentages from rounded counts, no mean or median of 7 or fewer values).
Zero is hidden with the small counts: that nobody has a property is also a fact about everybody.
"""

from __future__ import annotations

from dataclasses import dataclass

from statsmodels.stats.proportion import proportion_confint

LARGEST_HIDDEN_COUNT = 7
ROUNDING_BASE = 5
MINIMUM_N_FOR_SHARE = 30
"""Rounded denominator; our own rule: below it one step of 5 is more than 16 percentage points."""
MINIMUM_N_FOR_MEAN = 15
"""Rounded number of values; our own rule, twice the smallest number that NHS Digital allows."""
HIDDEN_COUNT = f"{LARGEST_HIDDEN_COUNT} or fewer"
FORM = (
    f"Counts of {LARGEST_HIDDEN_COUNT} or fewer, zero included, are written as '{HIDDEN_COUNT}'; "
    f"all other counts are rounded to the nearest {ROUNDING_BASE}.",
    "Totals are rounded by themselves, so cells need not add up to them.",
    "Percentages and their 95 % intervals (Wilson) are computed from the rounded counts, where the "
    f"rounded denominator is at least {MINIMUM_N_FOR_SHARE}; 0 % and 100 % are left out.",
    f"Means and medians have one decimal, where the rounded number of values is at least "
    f"{MINIMUM_N_FOR_MEAN}; a mean at an end of its scale is left out.",
    "No minimum, maximum or date is released. An empty cell is a number that is not released.",
)
"""The rule in words, for the reader of a release."""


@dataclass(frozen=True)
class Released:
    """The released numbers of one group; None where a number is not released.

    Attributes
    ----------
    n : int or None
        Rounded count; None for a small count.
    denominator : int or None
        Rounded size of the group that the share refers to.
    share_pct, ci_lower_pct, ci_upper_pct : float or None
        Share in percent and its 95 % interval (Wilson), one decimal.
    mean, median : float or None
        In the unit of the values, one decimal.
    """

    n: int | None
    denominator: int | None = None
    share_pct: float | None = None
    ci_lower_pct: float | None = None
    ci_upper_pct: float | None = None
    mean: float | None = None
    median: float | None = None

    @property
    def n_text(self) -> str:
        """The count in words for people."""
        return HIDDEN_COUNT if self.n is None else str(self.n)


def release(
    n: int,
    denominator: int | None = None,
    mean: float | None = None,
    median: float | None = None,
    scale: tuple[float, float] | None = None,
) -> Released:
    """Return what may be released of the exact numbers of one group.

    Parameters
    ----------
    n : int
        Exact number of people, visits or values.
    denominator : int, optional
        Exact size of the group that contains them; without it no share is computed.
    mean, median : float, optional
        Exact, of the n values.
    scale : tuple of float, optional
        Lowest and highest possible value: a mean there would reveal every value.

    Raises
    ------
    ValueError
        When a count is negative or n is larger than its denominator.
    """
    if n < 0 or (denominator is not None and denominator < n):
        raise ValueError("a count is at least 0 and at most its denominator")
    shown_n = _rounded(n)
    shown_denominator = None if denominator is None else _rounded(denominator)
    share, lower, upper = _share(shown_n, shown_denominator)
    has_values = shown_n is not None and shown_n >= MINIMUM_N_FOR_MEAN
    shown_mean = round(float(mean), 1) if has_values and mean is not None else None
    if shown_mean is not None and scale is not None and shown_mean in scale:
        shown_mean = None
    shown_median = round(float(median), 1) if has_values and median is not None else None
    return Released(shown_n, shown_denominator, share, lower, upper, shown_mean, shown_median)


def _rounded(count: int) -> int | None:
    if count <= LARGEST_HIDDEN_COUNT:
        return None
    return ROUNDING_BASE * ((count + ROUNDING_BASE // 2) // ROUNDING_BASE)


def _share(
    n: int | None, denominator: int | None
) -> tuple[float, float, float] | tuple[None, None, None]:
    """Return share, lower and upper end in percent; arguments are rounded counts."""
    if n is None or denominator is None or n == denominator or denominator < MINIMUM_N_FOR_SHARE:
        return None, None, None
    lower, upper = proportion_confint(n, denominator, method="wilson")
    return round(100 * n / denominator, 1), round(100 * lower, 1), round(100 * upper, 1)
