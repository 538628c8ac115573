"""COCO in its official layout, written by the test, becomes a probe set like Broden."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interpreting_clip.datasets.broden.labels import concept_presence
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.card import read_card
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.tensors import read_tensors
from tests.layouts import fetched, refusal, write_files, zipped
from tests.pipeline.official_layouts import coco_files
from tests.pipeline.refusals import write_params
from tests.reads import folder_digests, run_stage

TABLE = "annotations/instances_val2017.json"

SHOWN = {
    "000000000139.jpg": {"person", "toothbrush"},
    "000000000285.jpg": {"bench"},
    "000000000632.jpg": set(),
    "000000000724.jpg": {"person", "bench"},
}
"""The objects with a box of some area in each image of `coco_files`."""


def entry(**more: Any) -> dict[str, Any]:
    place = {} if "source" in more else {"source": "folder", "folder": "coco"}
    named = {"annotations": "instances_val2017.json", "presence": "boxes"}
    return {"kind": "coco", **place, **named} | more


def shown(folder: Path, share: float = 1.0) -> dict[str, set[str]]:
    with open_broden(folder) as broden:
        present = concept_presence(broden, share)
        names = np.array([concept.name for concept in broden.concepts])
        return {
            row.image.removeprefix("coco/"): set(names[columns].tolist())
            for row, columns in zip(broden.rows, present, strict=True)
        }


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    write_files(tmp_path / "coco", found := coco_files())
    return found


def change(directory: Path, files: dict[str, bytes], **sections: Any) -> None:
    """Replace the first item of lists in the annotations by one with other values."""
    content = json.loads(files[TABLE])
    for name, values in sections.items():
        content[name][0] |= values
    write_files(directory / "coco", {TABLE: json.dumps(content).encode()})


def test_a_box_of_any_size_is_enough(files, tmp_path: Path):
    out = fetched(tmp_path, entry())
    assert shown(out) == SHOWN
    with open_broden(out) as broden:
        concepts = [tuple(concept) for concept in broden.concepts]
        assert concepts == [
            (1, "person", "object"),
            (15, "bench", "object"),
            (90, "toothbrush", "object"),
        ]
        for row in broden.rows:
            assert broden.read(row.files[0]) == files[row.image.replace("coco/", "val2017/")]
    card = read_card(out)
    assert (card.images, card.partial, list(card.origin)) == (4, False, ["coco"])


def test_a_mask_has_to_cover_the_share(files, tmp_path: Path):
    out = fetched(tmp_path, entry(presence="masks"))
    # The pixels of each object, of 8 × 6.
    for share in (0.0, 0.1, 0.2, 0.3, 0.6):
        assert shown(out, share) == {
            name: {object_ for object_, pixels in objects.items() if pixels / 48 >= share}
            for name, objects in {
                "000000000139.jpg": {"person": 24, "toothbrush": 4},
                "000000000285.jpg": {"bench": 8},
                "000000000632.jpg": {},
                "000000000724.jpg": {"person": 12, "bench": 12},
            }.items()
        }
    with open_broden(out) as broden:
        maps = {row.image[5:-4]: len(row.labels("object")) for row in broden.rows}
    # Two label maps where a pixel shows two objects.
    assert maps == {"000000000139": 2, "000000000285": 1, "000000000632": 0, "000000000724": 1}


@pytest.mark.parametrize("presence", ["boxes", "masks"])
def test_the_official_archives_hold_the_same_as_the_folder(files, tmp_path, server, presence):
    packed = {
        "/annotations_trainval2017.zip": {n: d for n, d in files.items() if "annot" in n},
        "/val2017.zip": {n: d for n, d in files.items() if n.startswith("val2017/")},
    }
    server.files |= {url: zipped(inside) for url, inside in packed.items()}
    archive = [
        {"url": server.url + url, "sha256": hashlib.sha256(server.files[url]).hexdigest()}
        for url in packed
    ]
    folder = read_card(fetched(tmp_path, entry(presence=presence), workers=1))
    before = folder_digests(tmp_path / "out")
    out = fetched(tmp_path, entry(source="archive", archive=archive, presence=presence), workers=3)
    assert read_card(out).origin == {one["url"]: one["sha256"] for one in archive}
    assert read_card(out).shards == folder.shards
    after = folder_digests(out)
    differing = {name for name in before if before[name] != after[name]}
    assert {Path(name).name for name in differing} == {"card.json"}


def test_a_limit_takes_the_images_of_the_smallest_hash(files, tmp_path: Path):
    by_hash = sorted(SHOWN, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    out = fetched(tmp_path, entry(limit=2))
    assert set(shown(out)) == set(by_hash[:2]) and read_card(out).images == 2


def test_images_may_be_missing_only_from_a_part(files, tmp_path: Path):
    (tmp_path / "coco/val2017/000000000139.jpg").unlink()
    assert "1 of 4 images" in (said := refusal(tmp_path, entry())) and "139.jpg" in said
    out = fetched(tmp_path, entry(partial=True))
    assert set(shown(out)) == {*SHOWN} - {"000000000139.jpg"} and read_card(out).partial


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"annotations": "captions_val2017.json"}, "captions_val2017.json: .*category_id"),
        ({"annotations": "instances_val2014.json"}, "one file called instances_val2014.json"),
        ({"folder": "no"}, "no: no such folder"),
    ],
)
def test_other_files_are_refused(more, expected, files, tmp_path: Path):
    assert re.search(expected, refusal(tmp_path, entry(**more)))


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"annotations": {"category_id": 12}}, "category 12"),
        ({"annotations": {"image_id": 5}}, "image 5"),
        ({"annotations": {"bbox": [1, 1, -2, 1]}}, "bbox"),
        ({"annotations": {"segmentation": [[0, 1, 2]]}}, "139.jpg: .*3 numbers"),
        ({"annotations": {"segmentation": {"size": [6, 8], "counts": [9]}}}, "139.jpg: .*9 pixels"),
        ({"annotations": {"segmentation": None}}, "no `segmentation`"),
        ({"images": {"width": 9}}, "139.jpg: expected 9 × 6 pixels.*8 × 6"),
        ({"images": {"file_name": "000000000285.jpg"}}, "one image of each name"),
        ({"categories": {"id": 0}}, "categories"),
        ({"categories": {"id": 90}}, "each id .* once"),
    ],
)
def test_bad_annotations_are_refused(sections, expected, files, tmp_path: Path):
    change(tmp_path, files, **sections)
    assert re.search(expected, refusal(tmp_path, entry(presence="masks")))


@pytest.mark.usefixtures("place")
def test_the_stages_after_fetch_read_it():
    write_files(Path("coco"), coco_files())
    write_params(datasets={"broden": entry(presence="masks")}, presence={"pixels": 0.2})
    run_stage("fetch", "broden")
    run_stage("broden_labels")
    listed = read_json(Path("data/broden_labels/concepts.json"))
    assert [(one["name"], one["images"]) for one in listed] == [("person", 2), ("bench", 1)]
    pairs = read_tensors(Path("data/broden_labels/labels.safetensors"))
    assert [*zip(pairs["concept"], pairs["image"], strict=True)] == [(1, 0), (1, 3), (15, 3)]
