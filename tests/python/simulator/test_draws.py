"""The twin's random numbers: integers only, the same on every machine."""

from __future__ import annotations

from collections import Counter

import pytest

from simulator.draws import Draws


def test_the_generator_gives_the_published_splitmix64_sequence():
    # First outputs of SplitMix64 for state 1234567, as published with the reference C code.
    draws = Draws(0, "")
    draws._state = 1234567
    assert [draws._next() for _ in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_two_labels_are_two_streams_and_one_label_is_one():
    first, again, other = Draws(1, "a"), Draws(1, "a"), Draws(1, "b")
    sequence = [first.below(1000) for _ in range(20)]
    assert sequence == [again.below(1000) for _ in range(20)]
    assert sequence != [other.below(1000) for _ in range(20)]


def test_every_value_of_a_range_is_drawn_about_equally_often():
    draws = Draws(7, "dice")
    counts = Counter(draws.between(1, 6) for _ in range(6000))
    assert sorted(counts) == [1, 2, 3, 4, 5, 6]
    assert all(880 < count < 1120 for count in counts.values())


def test_weights_are_respected():
    draws = Draws(7, "weights")
    counts = Counter(draws.weighted((("often", 3), ("seldom", 1))) for _ in range(4000))
    assert 2880 < counts["often"] < 3120


def test_the_bell_keeps_its_limits_and_prefers_the_middle():
    draws = Draws(7, "bell")
    counts = Counter(draws.bell(-4, 4) for _ in range(5000))
    assert min(counts) == -4
    assert max(counts) == 4
    assert counts[0] > 2 * counts[4]


def test_shuffling_keeps_every_item():
    assert sorted(Draws(7, "cards").shuffled(range(52))) == list(range(52))


def test_a_draw_from_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Draws(1, "a").below(0)
