"""Errors about frequent mistakes say what to pass, and only where it helps."""

from typing import Any

import numpy as np
import pytest

import interpreting_clip as ic

RNG = np.random.default_rng(0)
CLASS = np.arange(60) % 5
HEAD = RNG.normal(size=(5, 16))
VALUES = RNG.normal(size=(60, 16)) + HEAD[CLASS]
NAMES = np.array(["ant", "bee", "cat", "dog", "eel"])[CLASS]
ANY: Any = ic  # of calls that type checkers refuse


def refused(measure: str, *arguments: Any, **more: Any) -> str:
    with pytest.raises((TypeError, ValueError)) as caught:
        getattr(ANY, measure)(*arguments, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kept", [slice(None), CLASS > 1])
def test_classes_from_one_are_to_be_lowered_by_one(kept):
    given = {"head": HEAD, "classes": CLASS[kept] + 1}
    assert refused("accuracy", VALUES[kept], **given).endswith("pass classes - 1")


@pytest.mark.parametrize("shift", [2, -1])
def test_other_classes_outside_of_the_head_are_not_said_to_count_from_one(shift):
    assert (
        "- 1" not in refused("accuracy", VALUES, head=HEAD, classes=CLASS + shift).split("got")[1]
    )


@pytest.mark.parametrize("names", [NAMES, NAMES.tolist(), NAMES.astype(object)])
def test_names_of_classes_become_rows_of_the_head(names):
    message = refused("pruning", VALUES, head=HEAD, classes=names)
    assert "np.unique(classes, return_inverse=True)[1]" in message and "sorted" in message
    advised = np.unique(names, return_inverse=True)[1]
    assert ic.accuracy(VALUES, head=HEAD, classes=advised).accuracy.value > 50


def test_names_in_place_of_other_numbers_are_no_classes():
    assert "np.unique" not in refused("concepts", VALUES, labels=NAMES)


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        (CLASS, "labels[:, None] == np.arange(5)"),
        (CLASS[:, None], "labels == np.arange(5)"),
        (CLASS > 2, "labels[:, None]"),
    ],
)
def test_a_column_of_classes_becomes_a_column_for_each(labels, code):
    assert code in refused("concepts", VALUES, labels=labels)
    columns = eval(code, {"np": np, "labels": labels})  # noqa: S307  # one of the texts above
    found = ic.concepts(VALUES, labels=columns, draws=1, rotations=0, minimum_images=1)
    assert len(found.concepts) == columns.shape[1]


@pytest.mark.parametrize("labels", [{"a": CLASS}, VALUES[:, :1], CLASS[1:]])
def test_other_labels_are_not_taken_for_classes(labels):
    assert "np.arange" not in refused("concepts", VALUES, labels=labels)


def test_accuracies_as_keywords_become_a_mapping_and_other_keywords_are_named():
    message = refused("effective_robustness", imagenet=68.3, imagenet_v2=55)
    assert 'mapping, {"imagenet": 68.3, …}' in message
    known = {"imagenet": 68.3, "imagenet_v2": 55}
    unknown = refused("effective_robustness", known, resample=9)
    assert "resample" in unknown and "mapping" not in unknown
    assert "imagenet" in refused("effective_robustness")


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_of_results_becomes_a_mapping_of_their_names(kind):
    result = ic.kurtosis(VALUES)
    message = refused("chart", kind([result, result]))
    assert "mapping" in message and "results[0]" in message
    assert ic.chart({"first": result, "second": result})
