"""The entries of `shifts:`: what is legal, and what a refusal names."""

import re
from typing import Any

import pytest

from interpreting_clip.config.params import convert
from interpreting_clip.datasets.entries import RealShift
from interpreting_clip.errors import InputError
from interpreting_clip.study.dataset_entries import Shifts
from tests.reads import ROOT

REAL = {"kind": "own", "source": "folder", "folder": "mine", "label": "Mine", "baseline": "none"}
LOCAL = ROOT / "studies/local.yaml"


def entry(tree: dict[str, Any]) -> Any:
    return convert({"mine": tree}, Shifts, "shifts")["mine"]


@pytest.mark.parametrize(
    "classes",
    ["all", ["n01440764", "7"], {"dog": "n02085620", "cats": "281 282 n02123394", "0": "0"}],
)
def test_classes_are_all_or_a_list_or_a_mapping(classes):
    read = entry(REAL | {"classes": classes})
    assert isinstance(read, RealShift) and read.classes == classes


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"classes": ["3", "3"]}, r"'shifts\.mine': .*once, got 3 twice"),
        ({"classes": [3]}, r"'shifts\.mine\.classes\[0\]': .*in quotes"),
        ({"baseline": "trained"}, r"'shifts\.mine\.baseline': .*legal: none, published"),
        ({"baseline": "published", "partial": True}, r"'shifts\.mine': `partial: true` leaves out"),
    ],
)
def test_what_is_not_legal_is_named(changes, expected):
    with pytest.raises(InputError, match=expected):
        entry(REAL | {"classes": "all"} | changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"classes": ["n02084071"]}, "'shifts.mine': `classes`: n02084071 is none of"),
        ({"classes": ["1", "2"], "limit": 1}, "'shifts.mine.limit': .*2 classes"),
        ({"baseline": "published"}, "mine.baseline': data/baselines/mine.csv: expected .* no file"),
        (
            {"source": "hub", "folder": None, "hub": {"repository": "a/b", "revision": "main"}}
            | {"classes": {"mug": "n03063599"}},
            "'shifts.mine': the mapping under `classes` has to name all labels",
        ),
    ],
)
def test_what_the_classes_and_tables_in_git_rule_out_is_refused(complaint, changes, expected):
    mine = REAL | {"classes": "all"} | changes
    sources = {f"sources/{mine['source']}": {"images_per_shard": 9}}
    assert re.search(expected, complaint({"shifts/mine": mine, **sources}, LOCAL))
