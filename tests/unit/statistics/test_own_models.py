"""A user's own standard models, as a table or a mapping."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from interpreting_clip.statistics.guessing import Guessing
from interpreting_clip.statistics.own_models import UNKNOWN, own_lines, own_models

RNG = np.random.default_rng(0)
TABLE: dict[str, Any] = {
    "original": [40.0, 50.0, 60.0, 70.0, 80.0],
    "blur": [11.0, 30.0, 41.0, 49.0, 66.0],
    "noise": [20.0, 24.0, None, 40.0, 55.0],
}


def test_text_and_numbers_lists_and_tables_are_the_same_models():
    as_text = {name: [str(x or "") for x in column] for name, column in TABLE.items()}
    expected = own_models(TABLE, ["blur", "noise"])
    for given in (pd.DataFrame(TABLE), as_text, pd.DataFrame(as_text).iloc[::1]):
        pd.testing.assert_frame_equal(own_models(given, ["blur", "noise"]), expected)
    assert expected["name"].tolist()[0] == "model 1" and "family" not in expected
    assert expected["noise"].isna().tolist() == [False, False, True, False, False]


def test_the_order_of_models_and_other_columns_change_no_line():
    given = pd.DataFrame(TABLE | {"source": "measured by us"})
    moved = given.iloc[[3, 1, 4, 0, 2]]
    chance = {"blur": Guessing(200, 5), "noise": Guessing(200, 5)}
    one, other = (
        own_lines(own_models(table, [*chance]), chance, resamples=10, seed=0)
        for table in (given, moved)
    )
    slopes = [found.lines.lines["blur"].slope for found in (one, other)]
    assert slopes[0] == pytest.approx(slopes[1]) and [*one.lines.lines] == ["blur"]
    # 11 % of 200 images is not above the 20 % of guessing among five classes; 20 % is not either.
    assert one.at_chance == {"blur": ["model 1"], "noise": ["model 1", "model 2"]}
    assert (one.models, one.families) == ({"blur": 4, "noise": 2}, {"blur": 4, "noise": 2})


def test_too_few_models_above_chance_have_no_line_and_a_reason():
    families = own_models(TABLE | {"family": list("aaabb")}, ["blur"])
    for models in (own_models(TABLE, ["noise"]), families):
        shift = models.columns[-1]
        found = own_lines(models, {shift: Guessing(200, 5)}, resamples=10, seed=0)
        assert found.lines.lines == {} and "3 families" in found.reasons[shift]
    known = own_lines(own_models(TABLE, ["blur"]), {"blur": UNKNOWN}, resamples=10, seed=0)
    assert known.reasons == {} and known.models == {"blur": 5}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"blur": [0.1, 0.3, 0.4, 0.5, 0.7]}, "`blur`: .*multiply fractions by 100"),
        ({"original": [0.4, 0.5, 0.6, 0.7, 0.8]}, "`original`: .*multiply fractions by 100"),
        ({"blur": [1, 2, "x", 4, 5]}, "row 3: `blur`: expected a percentage .*'x'"),
        ({"blur": [1, 2, 3, 4, 101]}, "row 5: `blur`: .*101"),
        ({"original": [1, 2, None, 4, 5]}, "row 3: `original`: "),
        ({"original": [50] * 5}, "same accuracy"),
        ({"model": list("abcdb")}, "row 5: `model`: .*another"),
        ({"family": ["a", "", "b", "c", "d"]}, "row 2: `family`: "),
        ({"blur": [1, 2, 3]}, "as many models in each column"),
        ({"original": [1, 2], "blur": [2, 3], "noise": [2, 3]}, "expected 3 models or more, got 2"),
    ],
)
def test_refuses_a_wrong_cell_and_too_few_models(change, said):
    with pytest.raises(ValueError, match=f"^standard: .*{said}"):
        own_models(TABLE | change, ["blur", "noise"])


def test_refuses_a_shift_without_a_column_and_what_is_no_table():
    with pytest.raises(ValueError, match="missing: snow; it has original, blur, noise"):
        own_models(TABLE, ["snow"])
    with pytest.raises(ValueError, match=r"^family: "):
        own_models(TABLE, ["family"])
    with pytest.raises(TypeError, match=r"^standard: expected a mapping"):
        own_models([[40.0, 11.0]], ["blur"])
