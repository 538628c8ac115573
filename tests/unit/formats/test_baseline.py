"""The standard models of a study's own shift: the table's columns, and what it refuses."""

from pathlib import Path

import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.formats.baseline import read_baseline_table

ROWS = ("a,70,80,60", "b,75,85.5,62", "c,80,90,70")


def table(
    folder: Path, *rows: str, header: str = "model,imagenet,imagenet_on_classes,shift"
) -> Path:
    (folder / "mine.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def test_the_abscissa_chooses_the_column(tmp_path):
    folder = table(tmp_path, *ROWS)
    assert read_baseline_table(folder, "mine", "imagenet") == [
        {"name": "a", "imagenet": 70.0, "mine": 60.0},
        {"name": "b", "imagenet": 75.0, "mine": 62.0},
        {"name": "c", "imagenet": 80.0, "mine": 70.0},
    ]
    on_classes = read_baseline_table(folder, "mine", "imagenet_on_mine_classes")
    assert on_classes[1] == {"name": "b", "imagenet_on_mine_classes": 85.5, "mine": 62.0}


def test_the_other_column_may_be_left_out(tmp_path):
    folder = table(tmp_path, "a,1,2", "b,3,4", "c,5,6", header="model,imagenet,shift")
    assert len(read_baseline_table(folder, "mine", "imagenet")) == 3
    with pytest.raises(InputError, match="'imagenet_on_classes'"):
        read_baseline_table(folder, "mine", "imagenet_on_mine_classes")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (ROWS[:2], ".*got 2"),
        ((*ROWS, ROWS[0]), "row 4: .*'a'"),
        ((*ROWS, "d,1,2,"), "d: `shift`: .*''"),
        ((*ROWS, "d,1,2,101"), "d: `shift`: .*'101'"),
        ((*ROWS, "d,1,nan,1"), "d: `imagenet_on_classes`: .*'nan'"),
        (("a,1,.7,.5", "b,1,.8,.6", "c,1,.9,.7"), "imagenet_on_classes: .*percentages"),
    ],
)
def test_what_is_no_table_of_standard_models_is_refused(tmp_path, rows, expected):
    folder = table(tmp_path, *rows)
    with pytest.raises(InputError, match=rf"mine\.csv: {expected}"):
        read_baseline_table(folder, "mine", "imagenet_on_mine_classes")


def test_a_missing_table_names_both_ways_on(tmp_path):
    with pytest.raises(InputError, match=r"mine\.csv: .*baseline: none"):
        read_baseline_table(tmp_path, "mine", "imagenet")
