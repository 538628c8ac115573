"""The numbers and names that parameters are made of."""

import msgspec
import pytest

from stages.storage import quantities as q

LEGAL = [
    (q.Count, [1, 10**6], [0, -1, 1.5, True, "1"]),
    (q.Seed, [0, 2**31 - 1], [-1, 2**31]),
    (q.Fraction, [0, 1.0], [-0.1, 1.1]),
    (q.Confidence, [0.95], [0.0, 1.0]),
    (q.Positive, [1e-9], [0.0, -1.0]),
    (q.NonNegative, [0.0], [-1e-9]),
    (q.Key, ["rn50_openai", "0"], ["", "A", "a.b", "a-b", "a@b", "a b", "é", "a\nb", "a\n"]),
]


@pytest.mark.parametrize(("kind", "value"), [(k, v) for k, good, _ in LEGAL for v in good])
def test_takes_its_extremes(kind, value):
    assert msgspec.convert(value, kind, strict=True) == value


@pytest.mark.parametrize(("kind", "value"), [(k, v) for k, _, bad in LEGAL for v in bad])
def test_refuses_what_is_beyond(kind, value):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(value, kind, strict=True)
