"""The stage `fetch` takes each entry of params.yaml to its reader."""

from pathlib import Path

import pytest

from interpreting_clip.datasets.card import is_absent, read_card
from interpreting_clip.errors import InputError
from tests.layouts import photo, write_files
from tests.pipeline.refusals import write_dataset, write_params
from tests.reads import run_stage
from tools.repro import folder_warnings

pytestmark = pytest.mark.usefixtures("place")

FOLDER = {"kind": "imagenet", "source": "folder", "folder": "photos"}


def test_a_real_set_is_fetched():
    write_files(Path("photos"), {"n01440764/a.JPEG": photo(1)})
    write_dataset("imagenet_val", FOLDER)
    run_stage("fetch", "imagenet_val")
    assert read_card(Path("data/datasets/imagenet_val")).images == 1
    write_files(Path("photos"), {"n01440764/n01440764_1.JPEG": photo(1)})
    with pytest.raises(InputError, match=r"photos: 'imagenet_val': 1 of 2 .*train set"):
        run_stage("fetch", "imagenet_val")


def other_image(photos: Path) -> None:
    (photos / "n01440764/a.JPEG").write_bytes(photo(2))


def another_image(photos: Path) -> None:
    (photos / "n01440764/b.JPEG").write_bytes(photo(2))


@pytest.mark.parametrize("change", [other_image, another_image])
@pytest.mark.parametrize(
    ("stage", "name"),
    [("fetch", "imagenet_val"), ("fetch_shift", "mine")],
)
def test_a_folder_that_has_changed_since_is_noticed(change, stage, name):
    photos = Path("photos")
    write_files(photos, {"n01440764/a.JPEG": photo(1)})
    shift = FOLDER | {"kind": "own", "label": "Mine", "baseline": "none", "classes": ["0"]}
    write_params(datasets={"imagenet_val": FOLDER | {"partial": True}}, shifts={"mine": shift})
    assert not [*folder_warnings()]
    run_stage(stage, name)
    assert not [*folder_warnings()]
    change(photos)
    assert [f"-s {stage}@{name}`" in line for line in folder_warnings()] == [True]
    run_stage(stage, name)
    assert not [*folder_warnings()]
    (photos / ".DS_Store").touch()
    (photos / "n01440764/back").symlink_to("..")
    assert not [*folder_warnings()]
    photos.rename("elsewhere")  # as on the machine of a colleague, for what is not fetched yet
    assert ["no such folder" in line for line in folder_warnings()] == [True]
    # Params name another folder: DVC reads that anyway.
    moved = {"folder": "elsewhere"}
    write_params(datasets={"imagenet_val": FOLDER | moved}, shifts={"mine": shift | moved})
    assert not [*folder_warnings()]


def test_an_absent_set_says_so():
    write_params(datasets={"objectnet": {"kind": "absent", "source": "none"}}, sources={"none": {}})
    run_stage("fetch", "objectnet")
    assert is_absent(Path("data/datasets/objectnet"))
