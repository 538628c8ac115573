import msgspec

from interpreting_clip.config.datasets import DatasetEntry
from page.provenance import dataset_rows


def test_a_set_says_where_it_is_from_and_what_of_it_is_there(encoders):
    archive = {"url": "https://example.org/r.tar", "sha256": "0" * 64}
    hub = {"repository": "a/b", "revision": "main"}
    folder = {"folder": "web", "limit": 9, "partial": True}
    datasets = {
        "imagenet_val": {"kind": "imagenet", "source": "hub", "hub": hub},
        "imagenet_r": {"kind": "imagenet_r", "source": "archive", "archive": [archive]},
        "web": {"kind": "captions", "source": "folder", **folder},
        "broden": {"kind": "absent", "source": "none"},
    }
    rows = dataset_rows(msgspec.convert(datasets, dict[str, DatasetEntry]), encoders)
    validation, shift, web, broden = rows
    sources = ["hub: a/b at main", archive["url"], "folder: web"]
    assert [row["source"] for row in rows[:3]] == sources
    counts = [(row["images"], row["classes"], row["compared_images"]) for row in rows]
    assert counts == [(1500, 12, None), (1500, 12, 2000), *[(None, None, None)] * 2]
    assert validation["limits"] == shift["limits"] == "whole"
    assert web["limits"] == "a fixed subset of about 9 images; only a part of the set is there"
    assert broden["kind"] == "absent"
