"""Numbers as a reader sees them."""

from stages.reporting.names import format_interval, format_number, format_percent


def test_numbers_have_a_true_minus_and_no_negative_zero():
    assert [format_number(x) for x in (-1.25, -0.01, 3.0, None)] == ["−1.2", "0.0", "3.0", "–"]


def test_an_interval_stands_in_brackets_only_where_there_is_one():
    assert format_interval(2.0, -1.0, 3.0) == "2.0 [−1.0, 3.0]"
    assert format_interval(2.0, None, 3.0) == "2.0"


def test_fractions_are_shown_in_percent():
    assert (format_percent(0.8), format_percent(None)) == ("80 %", "–")
