"""Numbers as a reader sees them."""

from stages.reporting.names import percent, shown, with_interval


def test_numbers_have_a_true_minus_and_no_negative_zero():
    assert [shown(x) for x in (-1.25, -0.01, 3.0, None)] == ["−1.2", "0.0", "3.0", "–"]


def test_an_interval_stands_in_brackets_only_where_there_is_one():
    assert with_interval(2.0, -1.0, 3.0) == "2.0 [−1.0, 3.0]"
    assert with_interval(2.0, None, 3.0) == "2.0"


def test_fractions_are_shown_in_percent():
    assert (percent(0.8), percent(None)) == ("80 %", "–")
