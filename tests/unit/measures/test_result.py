"""Results: their numbers, nested ones too, and their plain values."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pytest
from jaxtyping import Float

from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.result import Label, Number, Part, Result, arrays_beside, beside


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Share(Result):
    share: Annotated[float, Label("share", 2, unit="%", chance="null", headline="share")]
    null: Estimate | None = None


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Whole(Result):
    CAPTION = "Interval: none."

    mean: Annotated[Estimate, Label("mean", 1, headline="mean")]
    part: Share
    called: Annotated[Share, Part("called so", headline=False)]
    each: Annotated[dict[str, Share], Part("")]
    hidden: dict[str, Share]
    short: Float[np.ndarray, " _place"]
    large: Float[np.ndarray, "_row _column"] = beside(2)


def made(**changed: Any) -> Whole:
    fields = {
        "mean": Estimate(1.5, 1.0, 2.0),
        "part": Share(share=0.5, null=Estimate(0.25, 0.2, 0.3)),
        "called": Share(share=0.75),
        "each": {"a": Share(share=0.1), "b": Share(share=0.2)},
        "hidden": {"a": Share(share=0.9)},
        "short": np.array([1.0, 2.0]),
        "large": np.ones((2, 3)),
    }
    return Whole(**fields | changed)


def by_name(result: Result) -> dict[str, Number]:
    return {number.name: number for number in result.numbers}


def test_numbers_are_listed_in_the_order_of_the_fields_by_their_paths():
    paths = ["mean", "part.share", "called.share", "each.a.share", "each.b.share"]
    assert list(by_name(made())) == paths


def test_a_number_has_its_interval_and_its_chance_level():
    mean, share = by_name(made())["mean"], by_name(made())["part.share"]
    assert (mean.value, mean.low, mean.high, mean.chance) == (1.5, 1.0, 2.0, None)
    assert (share.value, share.low, share.chance, share.unit) == (0.5, None, 0.25, "%")


def test_parts_and_keys_stand_before_labels():
    labels = [number.label for number in made().numbers]
    assert labels == ["mean", "share", "called so: share", "a: share", "b: share"]


def test_keys_end_headlines_and_a_part_may_have_none():
    headlines = [number.headline for number in made().numbers]
    assert headlines == ["mean", "share", "", "share_a", "share_b"]


def test_without_an_interval_both_ends_are_the_value():
    assert Estimate(3).ends == (3, 3)
    assert Estimate(3, 1, 4).ends == (1, 4)


def test_plain_values_hold_everything():
    found = made().to_dict()
    assert found["mean"] == {"value": 1.5, "low": 1.0, "high": 2.0}
    assert found["each"]["b"] == {"share": 0.2, "null": None}
    assert (found["short"], found["large"]) == ([1.0, 2.0], [[1.0] * 3] * 2)


def test_large_arrays_are_found_by_their_paths():
    nested = {"one": made(), "two": made()}
    assert [path for path, _ in arrays_beside(nested)] == ["one.large", "two.large"]


def test_a_frame_has_a_row_for_each_number():
    frame = made().to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.index) == list(by_name(made()))
    assert frame.loc["mean", "high"] == 2.0


def test_shows_itself_as_text_and_as_a_table_of_a_notebook():
    text, table = repr(made()), made()._repr_html_()
    assert text.startswith("Whole\n")
    assert "[1.0, 2.0]" in text and "Interval: none." in text and "large [2, 3]" in text
    assert "<td>called so: share</td><td>0.75</td>" in table


@pytest.mark.parametrize("other", [made(), made(mean=Estimate(2))])
def test_results_compare_by_identity(other):
    one = made()
    assert one == one  # noqa: PLR0124
    assert one != other and hash(one) != hash(other)
