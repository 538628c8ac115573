"""The stages of heads on published activations whose classes are labelled in the images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import asdict

import interpreting_clip as ic
from interpreting_clip.config.params import Params
from interpreting_clip.formats.json import rounded
from interpreting_clip.formats.result import plain
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.measures import concepts, directions
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.study.labelled_arrays import LabelledResults
from tests.integration.stages.two_encoders import (
    CLASSES,
    LABELLED,
    OBJECTS,
    result,
    write_arrays,
    write_objects,
)
from tests.pipeline.refusals import change, refused
from tests.reads import run_stage

pytestmark = pytest.mark.usefixtures("tiny")


def same(found: Any, expected: Any) -> bool:
    ours, theirs = (rounded(plain(one, without_beside=True), 4, "") for one in (found, expected))
    return ours == theirs


def test_a_head_and_its_concepts_are_measured_as_the_library_does():
    images = write_arrays()["images"]
    given = write_objects()
    for stage in ("labelled_arrays", "array_concepts"):
        run_stage(stage, "mine")
    found = read_result(Path("plots/labelled_arrays/mine.json"), LabelledResults)
    read = Params().read
    how = asdict(read("directions", directions.Settings))
    own: dict[str, Any] = {"head": given["head"], "normalize_features": True}
    expected = ic.directions(images, **own, **how)
    shown = {**own, "classes": given["objects"]}
    assert same(found.directions, expected)
    assert same(found.accuracy, ic.accuracy(images, **shown, confidence=0.8))
    harmless = read("prunable.harmless", float)
    assert same(found.pruning, ic.pruning(images, **shown, **how, harmless=harmless))
    settings = asdict(read("concepts", concepts.Settings))
    counted = ic.concepts(
        images,
        labels=given["objects"],
        directions=expected,
        rows=given["head"],
        names=list("abcde"),
        **settings,
    )
    assert counted.in_span and counted.rows
    assert same(read_result(Path("plots/array_concepts/mine.json"), Concepts), counted)
    assert result("metrics/labelled_arrays/mine.json").keys() == {"accuracy", "prunable"}
    assert result("metrics/array_concepts/mine.json").keys() == {"concepts"}
    axis = found.outlier_axes.axes[0]
    without = images.copy()
    without[:, axis.feature] = 0
    lost = found.accuracy.accuracy.value - ic.accuracy(without, **shown).accuracy.value
    assert axis.costs["images"].value == pytest.approx(lost)


@pytest.mark.parametrize(
    ("names", "changed", "said"),
    [
        (("a", "b"), {}, "'objects' has 5 columns, but the metadata name 2"),
        (tuple("abcde"), {"head": np.ones((2, 8), np.float32)}, "but the head has 2"),
        (tuple("abcde"), {"objects": np.full((40, 5), 2)}, "objects: image 0, concept 0: expected"),
    ],
)
def test_labels_that_do_not_fit_are_refused_in_one_line(names, changed, said):
    write_arrays()
    write_objects(names, **changed)
    message = refused("labelled_arrays", "mine")
    assert said in message and str(OBJECTS) in message
    assert not Path("plots/labelled_arrays/mine.json").exists()


def test_another_file_of_labels_is_refused():
    write_arrays()
    assert write_objects()["objects"].shape[1] == CLASSES
    change(labelled_arrays={"mine": LABELLED | {"sha256": "1" * 64}})
    assert f"{OBJECTS}: " in (said := refused("labelled_arrays", "mine")) and "sha256" in said
