from stages.reporting.names import format_interval, format_number, format_percent


def test_numbers_have_a_true_minus_no_negative_zero_and_brackets_around_an_interval():
    assert [format_number(x) for x in (-1.25, -0.01, 3.0, None)] == ["−1.2", "0.0", "3.0", "–"]
    assert format_interval(2.0, -1.0, 3.0) == "2.0 [−1.0, 3.0]"
    assert format_interval(2.0, None, 3.0) == "2.0"
    assert (format_percent(0.8), format_percent(None)) == ("80 %", "–")
