"""Results: their numbers, nested ones too, and their plain values."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float

from interpreting_clip.formats.result import Estimate, Label, Part, Result, beside


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Share(Result):
    share: Annotated[float, Label("share", 2, unit="%", chance="null", headline="share")]
    null: Estimate | None = None


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Whole(Result):
    mean: Annotated[Estimate, Label("mean", 1, headline="mean")]
    part: Share
    called: Annotated[Share, Part("called so", headline=False)]
    each: Annotated[dict[str, Share], Part("")]
    hidden: dict[str, Share]
    short: Float[np.ndarray, " _place"]
    large: Float[np.ndarray, "_row _column"] = beside(2)


RESULT = Whole(
    mean=Estimate(1.5, 1.0, 2.0),
    part=Share(share=0.5, null=Estimate(0.25, 0.2, 0.3)),
    called=Share(share=0.75),
    each={"a": Share(share=0.1), "b": Share(share=0.2)},
    hidden={"a": Share(share=0.9)},
    short=np.array([1.0, 2.0]),
    large=np.ones((2, 3)),
)


def test_numbers_are_called_by_their_paths_parts_and_keys():
    found = [(number.name, number.label, number.headline) for number in RESULT.numbers]
    assert found == [
        ("mean", "mean", "mean"),
        ("part.share", "share", "share"),
        ("called.share", "called so: share", ""),
        ("each.a.share", "a: share", "share_a"),
        ("each.b.share", "b: share", "share_b"),
    ]
    frame = RESULT.to_frame()
    assert list(frame.index) == [name for name, _, _ in found] and frame.loc["mean", "high"] == 2


def test_a_number_has_its_interval_and_its_chance_level():
    mean, share, *_ = RESULT.numbers
    assert (mean.value, mean.low, mean.high, mean.chance) == (1.5, 1.0, 2.0, None)
    assert (share.value, share.low, share.chance, share.unit) == (0.5, None, 0.25, "%")


def test_plain_values_hold_everything():
    found = RESULT.to_dict()
    assert found["mean"] == {"value": 1.5, "low": 1.0, "high": 2.0}
    assert found["each"]["b"] == {"share": 0.2, "null": None}
    assert (found["short"], found["large"]) == ([1.0, 2.0], [[1.0] * 3] * 2)
