import math
from typing import Annotated

import msgspec
import pytest

from interpreting_clip import quantities as q

LEGAL = [
    (q.Count, [1, 10**9], [0, -1, 1.5, True, "1", 10**9 + 1, 10**30]),
    (q.Positive, [1e-9, 1e6], [0.0, -1.0, 1e7, math.inf, math.nan, True]),
    (q.Key, ["rn50_openai", "0", "a" * 100], ["", "A", "a.b", "a-b", "a@b", "é", "a\n", "a" * 101]),
    (q.Name, ["a", "ViT-B/32, OpenAI", "é $1"], ["", "a" * 201, "a${b}", "a\nb", "\x9b", "\ud800"]),
    (Annotated[str, q.LINES], ["One.\n\nTwo."], ["a\n${b}", "a\r\n", "a\tb", "\u2028"]),
    (q.Url, ["http://host/a?b=$c#{d}"], ["ftp://host/a", "https://a b", "https://host/${a}"]),
    (q.Sha256, ["0" * 64], ["0" * 63, "A" * 64, "0" * 64 + "\n"]),
]


@pytest.mark.parametrize(("kind", "value"), [(k, v) for k, good, _ in LEGAL for v in good])
def test_takes_its_extremes(kind, value):
    assert msgspec.convert(value, kind, strict=True) == value


@pytest.mark.parametrize(("kind", "value"), [(k, v) for k, _, bad in LEGAL for v in bad])
def test_refuses_what_is_beyond(kind, value):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(value, kind, strict=True)
