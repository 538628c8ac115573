"""Points on a baseline line."""

import pytest

from stages.figures.baseline_line import drawable, ends, on_line


@pytest.mark.parametrize("percent", [0.2, 12.5, 50.0, 93.0])
def test_the_identity_line_returns_its_argument(percent):
    assert on_line(1.0, 0.0, percent) == pytest.approx(percent, rel=1e-12)


def test_an_intercept_of_a_logit_moves_a_half_there():
    assert on_line(2.0, 1.0986122886681098, 50.0) == pytest.approx(75.0, rel=1e-12)


def test_nothing_and_everything_are_drawn_at_the_edge():
    assert (drawable(0.0), drawable(100.0), drawable(42.0)) == (0.1, 99.9, 42.0)
    assert ends([30.0, 0.0, 70.0]) == (0.1, 70.0)
    assert ends([]) == ()
