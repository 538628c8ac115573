"""What does not compare with the baseline, and the tables of a study's own standard models."""

import re
from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.formats.csv_tables import records
from interpreting_clip.measures.effective_robustness import NOT_GIVEN
from interpreting_clip.statistics.logit_line import LogitLine
from interpreting_clip.statistics.predictions import Activations
from interpreting_clip.training.saved_baseline import FittedBaseline, read_baseline_table

ROWS = ("a,70,80,60", "b,75,85.5,62", "c,80,90,70")


def table(folder: Path, rows: Iterable[str], columns: str = "imagenet,imagenet_on_classes,shift"):
    (folder / "mine.csv").write_text("\n".join([f"model,{columns}", *rows, ""]))
    return folder


def test_the_abscissa_chooses_the_column_and_the_other_may_be_left_out(tmp_path):
    on_classes = read_baseline_table(table(tmp_path, ROWS), "mine", "imagenet_on_mine_classes")
    expected = {"name": "b", "imagenet_on_mine_classes": 85.5, "mine": 62.0}
    assert records(on_classes)[1] == expected
    folder = table(tmp_path, ["a,1,2", "b,3,4", "c,5,6"], "imagenet,shift")
    found = read_baseline_table(folder, "mine", "imagenet")
    assert records(found)[2] == {"name": "c", "imagenet": 5.0, "mine": 6.0}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (None, "baseline: none"),
        (ROWS[:2], "got 2"),
        (("a,1,.7,.5", "b,1,.8,.6", "c,1,.9,.7"), "imagenet_on_classes: .*percentages"),
    ],
)
def test_what_is_no_table_of_standard_models_is_refused(tmp_path, rows, expected):
    if rows:
        table(tmp_path, rows)
    with pytest.raises(InputError, match=rf"mine\.csv: .*{expected}"):
        read_baseline_table(tmp_path, "mine", "imagenet_on_mine_classes")


ALL, SOME = [0, 1, 2, 3], [0, 2]
HELD = {"imagenet": ALL, "v2": ALL, "r": SOME}


def measured(
    held: dict[str, list[int]], aliases: Any = MappingProxyType({})
) -> dict[str, Activations]:
    """Return activations on test sets with these classes; `aliases` are those of the shift `r`."""
    nothing = np.empty((0, 2)), np.empty(0, int)
    return {
        name: Activations(*nothing, np.array(classes), aliases if name == "r" else {})
        for name, classes in held.items()
    }


def baseline(**parts: Any) -> FittedBaseline:
    whole: dict[str, Any] = {
        "models": [{"name": "a"}, {"name": "b"}],
        "lines": dict.fromkeys(("v2", "r"), LogitLine(1.0, 0.0, 1.0, 9, 0.2, 0.9)),
        "abscissa": {"v2": "imagenet", "r": "imagenet_on_r_classes"},
        "classes": HELD,
        **{"chance": {}, "at_chance": {"v2": [], "r": []}},
        **{"resampled": {}, "curves": {}, "resampled_curves": {}},
    }
    return FittedBaseline(**whole | parts)


@pytest.mark.parametrize(
    ("shift", "parts", "held", "expected"),
    [
        ("r", {}, {"r": [0, 3]}, "r has images of 1 of the 2 classes .* and 1 others"),
        # Only the abscissa's classes count: a line that starts at the shift's needs no more.
        ("r", {}, {"imagenet": [0, 1, 2]}, "^$"),
        ("r", {}, {"imagenet": [0, 1, 3]}, "imagenet has images of 1 of the 2 classes"),
        ("r", {"lines": {}, "at_chance": {"r": ["b"]}}, {}, "1 of 2 standard models"),
        ("r", {"lines": {}, "at_chance": {}}, {}, r"shifts\.r\.baseline: none"),
    ],
)
def test_says_why_a_shift_does_not_compare(shift, parts, held, expected):
    found = baseline(**parts).reasons(measured(HELD | held), ["far"])
    assert re.search(expected, found.pop(shift, ""))
    assert NOT_GIVEN in found["far"]


def test_a_class_that_counts_as_another_is_one_of_the_abscissa_s():
    without = HELD | {"imagenet": [0, 1, 2]}
    assert "r" in baseline().reasons(measured(without, {3: 0}))
    assert not baseline().reasons(measured(HELD, {3: 0}))
