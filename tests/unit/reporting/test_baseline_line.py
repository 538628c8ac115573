"""Points on a baseline line."""

import pytest

from stages.reporting.tables import drawable, on_line, segment


@pytest.mark.parametrize("percent", [0.2, 12.5, 50.0, 93.0])
def test_the_identity_line_returns_its_argument(percent):
    assert on_line(1.0, 0.0, percent) == pytest.approx(percent, rel=1e-12)


def test_an_intercept_of_a_logit_moves_a_half_there():
    assert on_line(2.0, 1.0986122886681098, 50.0) == pytest.approx(75.0, rel=1e-12)


def test_nothing_and_everything_are_drawn_at_the_edge():
    assert (drawable(0.0), drawable(100.0), drawable(42.0)) == (0.1, 99.9, 42.0)


def test_a_segment_spans_the_accuracies():
    left, right = segment(1.0, 0.0, [30.0, 0.0, 70.0])
    assert (left, right) == (pytest.approx((0.1, 0.1)), pytest.approx((70.0, 70.0)))
    assert segment(1.0, 0.0, []) == []


def test_a_steep_segment_is_cut_where_it_leaves_the_drawn_range():
    (left, bottom), (right, top) = segment(3.0, -3.0, [0.5, 99.5])
    assert (bottom, top) == pytest.approx((0.1, 99.9))
    assert 0.5 < left < right < 99.5
    assert on_line(3.0, -3.0, left) == pytest.approx(0.1)


def test_a_segment_outside_of_the_drawn_range_is_not_drawn():
    assert segment(1.0, -50.0, [30.0, 70.0]) == []
