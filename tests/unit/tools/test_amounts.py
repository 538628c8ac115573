import pytest

from tools.amounts import UNKNOWN, Amount, about, count, hours, metric, size, total

SHOWN = [
    (count(Amount(50_000)), "50,000"),
    (count(about(4000.4)), "~4,000"),
    (count(UNKNOWN), "?"),
    (count(Amount(5) + UNKNOWN), "5 + ?"),
    (size(Amount(0)), "0 Bytes"),
    (size(Amount(6.74e9)), "6.7 GB"),
    (metric(Amount(8.8e9)), "8.80 G"),
    (hours(about(0.031)), "~1.9 min"),
    (hours(about(64_714)), "~64,714.0 h"),
]


@pytest.mark.parametrize(("shown", "expected"), SHOWN)
def test_shown_as(shown, expected):
    assert shown == expected


def test_a_sum_and_a_product_are_as_well_known_as_their_parts():
    assert total([Amount(1), Amount(2)]) == Amount(3)
    assert total([Amount(1), about(2)]) == about(3)
    assert total([about(1), UNKNOWN]) == Amount(1, exact=False, complete=False)
    assert total([]) == Amount(0)
    assert about(2) * Amount(3) == about(6)
    assert Amount(2) * 3 == Amount(6)
    assert UNKNOWN * 0 == UNKNOWN * Amount(0) == Amount(0) * UNKNOWN == Amount(0)


@pytest.mark.parametrize("amount", [UNKNOWN * 5, UNKNOWN + UNKNOWN, UNKNOWN * Amount(9)])
def test_an_unknown_amount_is_never_zero(amount):
    assert size(amount) == "?"
    assert not amount.complete
