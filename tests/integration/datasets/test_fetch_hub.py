"""Webdataset copies on a hub become shards and a card; the hub is one of this machine."""

import re
from pathlib import Path
from typing import Any

import pytest

from interpreting_clip.datasets.card import read_card
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.errors import InputError
from tests.integration.downloads.loopback import HubServer
from tests.layouts import KNOWN, fetched, photo, refusal, tar, webdataset

R = KNOWN.of("imagenet_r")
R_NAMES = "\n".join(KNOWN.names[index] for index in R).encode()
OBJECTNET_NAMES = "\n".join(KNOWN.objectnet_labels[f].lower() for f in sorted(KNOWN.objectnet))
NAME = "clip-benchmark/wds_a_set"


def entry(kind: str, **more: Any) -> dict[str, Any]:
    hub = {"repository": NAME, "revision": "main"} | more.pop("hub", {})
    return {"kind": kind, "source": "hub", "hub": hub, "partial": True} | more


def shards(*labels: list[int]) -> dict[str, bytes]:
    """Return the shards of a repository, one for each list of labels."""
    return {
        f"test/{number}.tar": webdataset(of, first=10 * number) for number, of in enumerate(labels)
    }


def test_imagenet_s_labels_are_indices(hub: HubServer, tmp_path: Path):
    names = "\n".join(KNOWN.names).encode() + b"\n"
    commit = hub.add(NAME, shards([0, 999], [281]) | {"classnames.txt": names})
    out = fetched(tmp_path, entry("imagenet"))
    assert read_card(out).origin == {NAME: commit}
    with open_shards(out) as opened:
        assert opened.classes.tolist() == [0, 999, 281]
        assert opened.stored(2) == photo(10, "WEBP")


@pytest.mark.parametrize(
    ("kind", "names", "labels", "classes"),
    [
        ("imagenet_r", R_NAMES, [0, 199], [R[0], R[199]]),
        ("objectnet", OBJECTNET_NAMES.encode(), [0, 112], [409, KNOWN.objectnet["wok"][0]]),
    ],
)
def test_other_labels_are_places_among_the_classes_of_the_set(
    hub: HubServer, tmp_path: Path, *, kind, names, labels, classes
):
    hub.add(NAME, shards(labels) | {"classnames.txt": names})
    out = fetched(tmp_path, entry(kind))
    with open_shards(out) as opened:
        assert opened.classes.tolist() == classes
    assert read_card(out).border == (kind == "objectnet")


def test_timm_s_train_shards_are_held_against_their_json(hub: HubServer, tmp_path: Path):
    files = {"00000.cls": b"1", "00000.jpg": photo(1), "00000.json": b'{"filename": "n01443537/a"}'}
    hub.add(NAME, {"imagenet1k-train-0000.tar": tar(files)})
    more = {"hub": {"files": "imagenet1k-train-*.tar"}}
    with open_shards(fetched(tmp_path, entry("imagenet", **more))) as opened:
        assert opened.classes.tolist() == [1]
    hub.add(NAME, {"imagenet1k-train-0000.tar": tar(files | {"00000.cls": b"2"})})
    with pytest.raises(InputError, match=r"class 2.*n01443537"):
        fetched(tmp_path, entry("imagenet", **more))


@pytest.mark.parametrize(
    ("kind", "files", "message"),
    [
        (
            "imagenet_r",
            shards([0]) | {"classnames.txt": b"goldfish"},
            "classnames.txt: .*got 1",
        ),
        ("imagenet", {"test/0.tar": webdataset([0])[:700]}, "test/0.tar: .*cut short"),
    ],
)
def test_another_repository_is_refused(
    kind: str, files: dict[str, bytes], message: str, hub: HubServer, tmp_path: Path
):
    commit = hub.add(NAME, files)
    assert re.match(rf"{NAME}@{commit[:12]}\w*: .*{message}", refusal(tmp_path, entry(kind)))
    # Labels of another order are found before gigabytes of shards are downloaded.
    assert bool(hub.cdn.requests) == ("classnames" not in message)
