"""The stage `fetch_shift` reads a shift of the study's own, whatever its layout."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import read_card
from interpreting_clip.datasets.shards import open_shards
from tests.integration.downloads.loopback import HubServer
from tests.layouts import KNOWN, photo, webdataset, write_files
from tests.pipeline.refusals import write_params
from tests.pipeline.workspace import NANO
from tests.reads import folder_digests, run_stage

pytestmark = pytest.mark.usefixtures("place")

OUT = Path("data/shifts")
TENCH, GOLDFISH, SHARK = KNOWN.wnids[:3]
REPOSITORY = "owner/night"
HUB = {"source": "hub", "hub": {"repository": REPOSITORY, "revision": "main"}}
FOLDER = {"source": "folder", "folder": "photos"}


def entry(classes: Any, **more: Any) -> dict[str, Any]:
    return {"kind": "own", "label": "Mine", "baseline": "none", "classes": classes, **more}


def fetch(**shifts: dict[str, Any]) -> dict[str, list[int]]:
    """Fetch shifts, and return the class of each of their images."""
    write_params(shifts=shifts)
    found = {}
    for name in shifts:
        run_stage("fetch_shift", name)
        with open_shards(OUT / name) as opened:
            assert read_card(OUT / name).dataset == name
            found[name] = opened.classes.tolist()
    return found


def test_class_folders_are_named_by_wordnet_id_or_index():
    write_files(Path("photos"), {f"{SHARK}/a.jpg": photo(0), "0/b.jpg": photo(1)})
    assert fetch(mine=entry("all", **FOLDER, licence="CC0")) == {"mine": [0, 2]}
    card = read_card(OUT / "mine")
    assert (card.images, card.class_indices, card.licence) == (2, [0, 2], "CC0")
    assert (card.source, list(card.origin)) == ("folder", ["photos"])


@pytest.mark.parametrize(
    ("classes", "labels", "expected"),
    [
        ("all", [2, 999, 0], [2, 999, 0]),
        ([SHARK, "0"], [1, 0, 0], [0, 2, 2]),
    ],
)
def test_labels_of_shards_mean_what_classes_say(hub: HubServer, classes, labels, expected):
    commit = hub.add(REPOSITORY, {"test/0.tar": webdataset(labels)})
    assert fetch(mine=entry(classes, **HUB)) == {"mine": expected}
    assert read_card(OUT / "mine").origin == {REPOSITORY: commit}


def test_a_shift_keeps_its_bytes_whatever_others_there_are():
    write_files(Path("photos"), {f"{TENCH}/a.jpg": photo(0)})
    drawn = load_tree(NANO)
    shifts = {
        "zebra": drawn["shifts"]["tilted"] | {"images": 30},
        "mine": entry("all", **FOLDER),
    }
    sources = drawn["sources"] | {"folder": {"images_per_shard": 3}}
    study = {"kernels": "native", "sources": sources}
    found = []
    for names in (["zebra", "mine"], ["mine"], ["zebra"]):
        some = {name: shifts[name] for name in names}
        Path("params.yaml").write_text(yaml.safe_dump(study | {"shifts": some}, sort_keys=False))
        for name in names:
            run_stage("fetch_shift", name)
        found.append(folder_digests(OUT))
    assert found[0] == found[1] == found[2]
    assert set(read_card(OUT / "zebra").class_indices) <= set(range(24))
