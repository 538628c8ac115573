"""The official archives become shards and a card; the server is one of this machine."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from interpreting_clip.datasets.card import read_card
from interpreting_clip.datasets.shards import open_shards
from tests.integration.downloads.loopback import FileServer
from tests.layouts import fetched, photo, tar


def entry(server: FileServer, kind: str, archives: dict[str, bytes], **more: Any) -> dict[str, Any]:
    server.files = {f"/{name}": data for name, data in archives.items()}
    items = [
        {"url": f"{server.url}/{name}", "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in archives.items()
    ]
    return {"kind": kind, "source": "archive", "archive": items, "partial": True} | more


V2 = tar({f"imagenetv2-format-val/{c}/a.jpeg": photo(c) for c in (10, 2)}, "w:gz")
TRAIN = tar({f"{w}.tar": tar({f"{w}_1.JPEG": photo(1)}) for w in ("n01440764", "n15075141")})
VAL = tar({f"ILSVRC2012_val_0000000{n}.JPEG": photo(n) for n in (2, 1)})
TRUTH = tar({"imagenet_2012_validation_synset_labels.txt": b"n01440764\nn15075141\n"})


@pytest.mark.parametrize(
    ("kind", "archives", "classes", "first"),
    [
        ("imagenet_v2", {"v2.tar.gz": V2}, [10, 2], 10),
        ("imagenet", {"a_tar_per_class.tar": TRAIN}, [0, 999], 1),
        ("imagenet", {"val.tar": VAL, "truth.tar": TRUTH}, [999, 0], 2),
    ],
)
def test_each_archive(server: FileServer, tmp_path: Path, *, kind, archives, classes, first):
    item = entry(server, kind, archives)
    out = fetched(tmp_path, item)
    assert read_card(out).origin == {part["url"]: part["sha256"] for part in item["archive"]}
    with open_shards(out) as shards:
        assert (shards.classes.tolist(), shards.stored(0)) == (classes, photo(first))
