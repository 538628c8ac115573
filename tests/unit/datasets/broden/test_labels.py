from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.datasets.broden.labels import can_be_probed, concept_presence
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.errors import InputError
from tests.layouts import saved
from tests.unit.datasets.broden.conftest import TABLES, replace_file


def named(directory: Path, presence: float) -> set[tuple[int, str]]:
    with open_broden(directory) as broden:
        pairs = np.argwhere(concept_presence(broden, presence)).tolist()
    return {(image, broden.concepts[column].name) for image, column in pairs}


EVERYTHING = {
    *((image, "red-c") for image in range(3)),
    *((0, name) for name in ("fabric", "leg", "head", "street, wet-s")),
    *((1, "dotted"), (1, "lined"), (2, "fabric")),
}


def test_a_concept_needs_its_fraction_of_pixels_counted_once_over_its_maps(directory: Path):
    assert named(directory, 0.0) == named(directory, 1 / 16) == EVERYTHING
    assert named(directory, 0.1) == EVERYTHING - {(0, "fabric")}
    assert (0, "leg") in named(directory, 0.25)
    assert (0, "leg") not in named(directory, 0.26)


def test_a_concept_without_an_image_or_on_all_of_them_is_left_out(directory: Path):
    with (directory / "label.csv").open("a") as stream:
        stream.write("9,unicorn,object(0),0,0,\n")
    with open_broden(directory) as broden:
        kept = can_be_probed(concept_presence(broden, 0.0))
    left_out = {
        concept.name for concept, keep in zip(broden.concepts, kept, strict=True) if not keep
    }
    assert left_out == {"red-c", "unicorn"}


MAP = "images/os/c_color.png"
STRANGE = saved(np.full((4, 4, 3), (3, 2, 0), np.uint8), "PNG")


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("index.csv", TABLES["index.csv"].replace("6;7", "6;8"), r"label\.csv has no .*dtd/b\.jpg"),
        ("index.csv", TABLES["index.csv"].replace("6;7", "6;70000"), r"label\.csv has no label"),
        (MAP, STRANGE, r"no label 515, which.*os/c_color\.png"),
        (MAP, saved(np.zeros((4, 5, 3), np.uint8), "PNG"), r"c_color\.png has \(4, 5\) pixels"),
        (MAP, STRANGE[:-20], r"os/c_color\.png.*broken"),
        (MAP, None, r"images/os/c_color\.png expected"),
    ],
)
def test_labels_that_are_not_there_or_do_not_fit_are_refused(directory, path, content, message):
    replace_file(directory / path, content)
    with pytest.raises(InputError, match=message):
        named(directory, 0.0)
