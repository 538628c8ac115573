import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.datasets.broden.labels import can_be_probed, concept_presence
from stages.datasets.broden.reader import open_broden
from stages.runtime.errors import InputError
from tests.unit.datasets.broden.broden1 import TABLES, write_broden1


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write_broden1(tmp_path / "broden1_8")


def named(directory: Path, presence: float) -> set[tuple[int, str]]:
    with open_broden(directory) as broden:
        pairs = np.argwhere(concept_presence(broden, presence)).tolist()
    return {(image, broden.concepts[column].name) for image, column in pairs}


EVERYTHING = {
    *((image, "red-c") for image in range(3)),
    *((0, name) for name in ("fabric", "leg", "head", "street, wet-s")),
    *((1, "dotted"), (1, "lined"), (2, "fabric")),
}


def test_one_pixel_is_enough_at_zero(directory: Path):
    assert named(directory, 0.0) == EVERYTHING


def test_a_concept_needs_its_fraction_of_pixels(directory: Path):
    assert named(directory, 1 / 16) == EVERYTHING
    assert named(directory, 0.1) == EVERYTHING - {(0, "fabric")}


def test_several_maps_count_a_pixel_once(directory: Path):
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


def test_a_set_whose_concepts_tell_no_image_from_another_is_refused(directory: Path):
    for name in ("color", "object", "part", "material", "scene", "texture"):
        text = (directory / "index.csv").read_text()
        (directory / "index.csv").write_text(text.replace(f"_{name}", "_color"))
    text = (directory / "index.csv").read_text().replace(",5,", ",,").replace("6;7", "")
    (directory / "index.csv").write_text(re.sub(r"ade20k/a_color_\d\.png;?", "", text))
    with open_broden(directory) as broden:
        shown = concept_presence(broden, 0.0)
    with pytest.raises(InputError, match=r"none is on some of the 3 images"):
        can_be_probed(shown)


@pytest.mark.parametrize("cell", ["8", "70000"])
def test_an_image_wise_number_without_a_label_is_refused(cell: str, directory: Path):
    (directory / "index.csv").write_text(TABLES["index.csv"].replace("6;7", f"6;{cell}"))
    with pytest.raises(InputError, match=r"label\.csv has no label.*dtd/b\.jpg"):
        named(directory, 0.0)


def test_a_label_in_a_map_that_no_table_has_is_refused(directory: Path):
    strange = np.full((4, 4, 3), (3, 2, 0), np.uint8)
    Image.fromarray(strange).save(directory / "images/os/c_color.png")
    with pytest.raises(InputError, match=r"no label 515, which.*os/c_color\.png"):
        named(directory, 0.0)


def test_a_map_of_another_size_is_refused(directory: Path):
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(directory / "images/os/c_color.png")
    with pytest.raises(InputError, match=r"os/c_color\.png has \(4, 5\) pixels"):
        named(directory, 0.0)


def test_a_truncated_map_is_named(directory: Path):
    path = directory / "images/os/c_color.png"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"os/c_color\.png.*broken"):
        named(directory, 0.0)


def test_a_missing_map_is_named(directory: Path):
    (directory / "images/os/c_color.png").unlink()
    with pytest.raises(InputError, match=r"images/os/c_color\.png expected"):
        named(directory, 0.0)
