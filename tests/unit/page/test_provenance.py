import msgspec

from interpreting_clip.config.datasets import DatasetEntry
from page.provenance import dataset_rows
from tests.unit.page.conftest import read


def test_a_set_says_where_it_is_from_and_what_of_it_is_there(study):
    archive = {"url": "https://example.org/r.tar", "sha256": "0" * 64}
    hub = {"hub": {"repository": "a/b", "revision": "main"}}
    folder = {"folder": "web", "limit": 9, "partial": True}
    datasets = {
        "imagenet_val": hub | {"kind": "imagenet", "source": "hub"},
        "imagenet_r": {"kind": "imagenet_r", "source": "archive", "archive": [archive]},
        "web": folder | {"kind": "captions", "source": "folder"},
        "broden": {"kind": "absent", "source": "none"},
    }
    rows = dataset_rows(msgspec.convert(datasets, dict[str, DatasetEntry]), read(study))
    validation, shift, web, broden = rows
    sources = ["hub: a/b at main", archive["url"], "folder: web"]
    assert [row["source"] for row in rows[:3]] == sources
    counts = [(row["images"], row["classes"], row["compared_images"]) for row in rows]
    # as many images of ImageNet's test set have a class of ImageNet-R
    assert counts == [(2000, 24, None), (1500, 20, 1696), *[(None, None, None)] * 2]
    assert validation["limits"] == shift["limits"] == "whole"
    assert web["limits"] == "a fixed subset of about 9 images; only a part of the set is there"
    assert broden["kind"] == "absent"
