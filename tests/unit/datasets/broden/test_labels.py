from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.datasets.broden.labels import can_be_probed, concept_presence
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.errors import InputError
from tests.unit.datasets.broden.conftest import replace_file


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


@pytest.mark.parametrize(("cut", "message"), [(None, " expected"), (-60, ".*broken")])
def test_a_label_map_that_is_missing_or_truncated_is_refused(directory, cut, message):
    file = directory / "images/os/c_color.png"
    replace_file(file, file.read_bytes()[:cut] if cut else None)
    with pytest.raises(InputError, match=rf"os/c_color\.png{message}"):
        named(directory, 0.0)
