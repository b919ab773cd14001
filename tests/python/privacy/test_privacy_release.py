"""Attacks on the release form: what a reader of released tables can and cannot compute."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from privacy.release import HIDDEN_COUNT, Released, release

COUNTS = range(0, 200)
PAIRS = [(n, size) for size in range(0, 120) for n in range(0, size + 1)]


def possible(shown: int | None) -> tuple[int, int]:
    """Smallest and largest exact count behind a released one, as a reader finds them."""
    exact = [n for n in range(0, 10_000 if shown is None else shown + 10) if release(n).n == shown]
    return min(exact), max(exact)


def test_small_counts_are_hidden_zero_included_and_others_rounded_to_the_nearest_five():
    assert [release(n).n for n in range(14)] == [None] * 8 + [10, 10, 10, 10, 10, 15]
    assert release(0) == release(7) == Released(None)
    assert release(3).n_text == HIDDEN_COUNT == "7 or fewer"
    assert release(342).n_text == "340"


def test_a_released_count_has_five_possible_exact_counts_and_a_hidden_one_eight():
    assert possible(None) == (0, 7)
    assert possible(10) == (8, 12)
    assert {high - low + 1 for low, high in map(possible, range(10, 100, 5))} == {5}


@given(n=st.integers(-5, 60), size=st.integers(-5, 60))
def test_a_count_larger_than_its_denominator_is_an_error(n, size):
    if 0 <= n <= size:
        release(n, size)
    else:
        with pytest.raises(ValueError, match="denominator"):
            release(n, size)


# -- shares ----------------------------------------------------------------------------------------


def test_a_share_says_nothing_that_the_released_counts_do_not_say():
    """Equal released counts have equal shares and intervals, whatever the exact counts were."""
    by_counts = defaultdict(set)
    for n, size in PAIRS:
        numbers = release(n, size)
        by_counts[numbers.n, numbers.denominator].add(numbers)
    assert [counts for counts, numbers in by_counts.items() if len(numbers) > 1] == []
    assert len(by_counts) > 200


def test_a_share_needs_a_rounded_denominator_of_thirty_and_is_never_0_or_100():
    for n, size in PAIRS:
        numbers = release(n, size)
        is_shown = numbers.share_pct is not None
        allowed = size >= 28 and n > 7 and numbers.n != numbers.denominator
        assert is_shown == allowed, (n, size)
        if numbers.share_pct is not None:
            assert 0 < numbers.share_pct < 100
            assert numbers.share_pct == round(100 * (numbers.n or 0) / numbers.denominator, 1)
            assert numbers.ci_lower_pct < numbers.share_pct < numbers.ci_upper_pct


def test_the_interval_is_wilsons_of_the_rounded_counts():
    """R: prop.test(40, 60, correct = FALSE)$conf.int gives 0.5405687 0.7727074."""
    numbers = release(41, 58)
    assert (numbers.n, numbers.denominator, numbers.share_pct) == (40, 60, 66.7)
    assert (numbers.ci_lower_pct, numbers.ci_upper_pct) == (54.1, 77.3)


# -- means and medians -----------------------------------------------------------------------------


def test_means_and_medians_have_one_decimal_and_need_a_rounded_n_of_fifteen():
    assert release(12, mean=3.14159, median=2.75) == Released(10)
    assert release(13, mean=3.14159, median=2.75) == Released(15, mean=3.1, median=2.8)


def test_a_mean_at_an_end_of_its_scale_is_hidden_because_all_values_would_be_known():
    assert release(40, mean=0.0, median=0.0, scale=(0, 10)).mean is None
    assert release(40, mean=9.99, median=10, scale=(0, 10)).mean is None
    assert release(40, mean=9.9, median=10, scale=(0, 10)).mean == 9.9


@pytest.mark.parametrize(("n", "width"), [(15, 3.1), (50, 10.1), (300, 60.1)])
def test_the_value_of_one_more_patient_can_be_narrowed_only_to_this_width_by_two_means(n, width):
    """docs/privacy.md names these widths: the attacker knows both exact numbers of patients."""
    rounding = 0.05
    assert (n + 1) * 2 * rounding + n * 2 * rounding == pytest.approx(width)
    values = np.linspace(5, 45, n)
    newcomer = 30.0
    before = release(n, mean=values.mean()).mean
    after = release(n + 1, mean=np.append(values, newcomer).mean()).mean
    guess = (n + 1) * after - n * before
    assert abs(guess - newcomer) <= width / 2


# -- two versions ----------------------------------------------------------------------------------


def test_one_patient_more_shows_only_where_a_count_crosses_a_step():
    differs = [n for n in COUNTS if release(n) != release(n + 1)]
    assert differs == [n for n in COUNTS if n >= 7 and n % 5 == 2]
    assert len(differs) < len(COUNTS) / 5


def test_two_releases_of_the_same_numbers_are_equal():
    once, again = ([release(n, 200, 4.2, 4.0) for n in COUNTS] for _ in range(2))
    assert once == again


# -- margins ---------------------------------------------------------------------------------------


def with_totals(inner: np.ndarray) -> np.ndarray:
    rows = np.vstack([inner, inner.sum(axis=0)])
    return np.hstack([rows, rows.sum(axis=1, keepdims=True)])


def what_margins_say(inner: np.ndarray) -> dict[tuple[int, int], tuple[int, int]]:
    """Bounds of every hidden cell by linear programming over all released cells and totals."""
    n_rows, n_columns = inner.shape
    limits, sums = [], []
    for r, c in itertools.product(range(n_rows + 1), range(n_columns + 1)):
        cells = np.zeros(inner.shape)
        cells[slice(None) if r == n_rows else r, slice(None) if c == n_columns else c] = 1
        shown = release(int(with_totals(inner)[r, c])).n
        low, high = (0, 7) if shown is None else (max(8, shown - 2), shown + 2)
        sums += [cells.ravel(), -cells.ravel()]
        limits += [high, -low]
    found = {}
    for cell in zip(*np.nonzero(inner <= 7), strict=True):
        goal = np.zeros(inner.shape)
        goal[cell] = 1
        ends = [
            linprog(sign * goal.ravel(), A_ub=np.array(sums), b_ub=limits).fun for sign in (1, -1)
        ]
        found[cell] = (round(ends[0]), round(-ends[1]))
    return found


@pytest.mark.fault("P242")
def test_margins_leave_a_hidden_count_open():
    """The classical attack, total less the other cells, on the seed paper's sites by sex."""
    sites = np.array([[14, 15], [33, 16], [1, 0], [72, 84], [4, 4], [4, 3], [54, 40], [8, 2]])
    found = what_margins_say(sites)
    assert len(found) == 7
    for cell, (low, high) in found.items():
        assert low <= sites[cell] <= high
        assert high - low >= 3


@pytest.mark.fault("P242")
def test_margins_determine_a_hidden_count_in_fewer_than_one_cell_of_five_hundred():
    """docs/privacy.md says so: with rounded margins the protection is not complete."""
    chance = np.random.default_rng(20261126)
    widths = []
    for shape, n in itertools.product([(3, 2), (4, 3), (8, 3)], [100, 340]):
        for _ in range(15):
            shares = chance.dirichlet(np.full(shape[0] * shape[1], 0.7))
            inner = chance.multinomial(n, shares).reshape(shape)
            for cell, (low, high) in what_margins_say(inner).items():
                assert low <= inner[cell] <= high
                widths.append(high - low)
    assert len(widths) > 600
    assert sum(width == 0 for width in widths) < len(widths) / 500


def test_a_line_whose_cells_all_lie_at_the_end_of_a_step_gives_its_hidden_count_away():
    """The known gap: the total of four cells rounded up to the end leaves no room for a fifth."""
    line = np.array([[13, 13, 13, 13, 0]])
    assert what_margins_say(line)[0, 4] == (0, 0)
    assert what_margins_say(np.array([[13, 13, 13, 14, 0]]))[0, 4] != (0, 0)


def test_the_same_count_in_two_tables_is_released_as_the_same_number():
    """Crossing tables over one population teaches nothing: a shared margin is one number."""
    chance = np.random.default_rng(3)
    sex = chance.integers(0, 2, 342)
    course, area = chance.integers(0, 3, 342), chance.integers(0, 8, 342)
    margins = [
        [release(int(np.sum(with_totals(np.histogram2d(other, sex, (bins, 2))[0])[-1, c]))).n
         for c in range(3)]
        for other, bins in ((course, 3), (area, 8))
    ]  # fmt: skip
    assert margins[0] == margins[1]
