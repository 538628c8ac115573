"""The official archives become shards and a card; the server is one of this machine."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stages.datasets.card import read_card
from stages.datasets.shards import open_shards
from stages.downloads.archives import PASSWORD
from tests.integration.datasets.layouts import KNOWN, fetched, refusal, zipped
from tests.integration.downloads.loopback import FileServer
from tests.pipeline import official_layouts as layouts
from tests.unit.datasets.conftest import photo, tar, write_files


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as opened:
        yield opened


def entry(server: FileServer, kind: str, archives: dict[str, bytes], **more: Any) -> dict[str, Any]:
    server.files = {f"/{name}": data for name, data in archives.items()}
    items = [
        {"url": f"{server.url}/{name}", "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in archives.items()
    ]
    return {"kind": kind, "source": "archive", "archive": items, "partial": True} | more


def test_v2_s_archive(server: FileServer, tmp_path: Path):
    inner = {f"imagenetv2-matched-frequency-format-val/{c}/a.jpeg": photo(c) for c in (10, 2)}
    data = tar(inner, "w:gz")
    item = entry(server, "imagenet_v2", {"v2.tar.gz": data})
    out = fetched(tmp_path, item)
    assert read_card(out).origin == {f"{server.url}/v2.tar.gz": hashlib.sha256(data).hexdigest()}
    with open_shards(out) as shards:
        assert shards.classes.tolist() == [10, 2]


def test_sketch_s_zip(server: FileServer, tmp_path: Path):
    data = zipped({"sketch/n02119022/sketch_1.JPEG": photo(1), "__MACOSX/sketch/._x": b"x"})
    with open_shards(
        fetched(tmp_path, entry(server, "imagenet_sketch", {"s.zip": data}))
    ) as shards:
        assert (shards.classes.tolist(), shards.stored(0)) == ([277], photo(1))


def test_imagenet_s_train_archive_holds_an_archive_per_class(server: FileServer, tmp_path: Path):
    inner = {f"{w}.tar": tar({f"{w}_1.JPEG": photo(1)}) for w in ("n01440764", "n15075141")}
    with open_shards(fetched(tmp_path, entry(server, "imagenet", {"t.tar": tar(inner)}))) as shards:
        assert shards.classes.tolist() == [0, 999]


def test_the_validation_archive_beside_its_ground_truth(server: FileServer, tmp_path: Path):
    images = {"ILSVRC2012_val_00000002.JPEG": photo(2), "ILSVRC2012_val_00000001.JPEG": photo(1)}
    truth = {"imagenet_2012_validation_synset_labels.txt": b"n01440764\nn15075141\n"}
    item = entry(server, "imagenet", {"val.tar": tar(images), "truth.tar": tar(truth)})
    with open_shards(fetched(tmp_path, item)) as shards:
        assert shards.classes.tolist() == [999, 0]


def test_an_archive_and_its_extracted_folder_give_the_same_subset(
    server: FileServer, tmp_path: Path
):
    files = {
        f"imagenet-r/{w}/{n}.jpg": photo(n) for w in ("n01443537", "n02007558") for n in range(9)
    }
    item = entry(server, "imagenet_r", {"r.tar": tar(files)}, limit=6)
    archived = read_card(fetched(tmp_path / "archive", item))
    write_files(tmp_path / "folder/r", files)
    item = {"kind": "imagenet_r", "source": "folder", "folder": "r", "partial": True, "limit": 6}
    assert read_card(fetched(tmp_path / "folder", item)).shards == archived.shards


V2 = tar({f"{c}/a.jpeg": photo(c) for c in (1, 2)}, "w:gz")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (tar({"1/a.jpeg": photo(1)[:-30]}), r"1/a\.jpeg: a whole image was expected.*broken"),
        (b"", "no tar or zip.*get a whole copy"),
        (V2[: len(V2) // 2], "damaged, cut short.*get a whole copy"),
        (zipped({"1/../../a.jpeg": photo(1)}), "'1/../../a.jpeg', outside of its own folder"),
    ],
)
def test_a_bad_archive_is_called_by_its_url(
    data: bytes, expected: str, server: FileServer, tmp_path: Path
):
    fetched(tmp_path, entry(server, "imagenet_v2", {"good.tar": V2}))
    said = refusal(tmp_path, entry(server, "imagenet_v2", {"b.tar": data}))
    assert re.match(rf"{server.url}/b\.tar: .*{expected}", said)
    assert not list(tmp_path.rglob("a.jpeg"))


def test_objectnet_needs_its_password(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data = layouts.objectnet_archive(KNOWN, ["alarm_clock"], "zzz_chair")
    item = entry(server, "objectnet", {"objectnet.zip": data})
    monkeypatch.delenv(PASSWORD, raising=False)
    assert re.search(f"licence at objectnet.dev.* variable {PASSWORD}", refusal(tmp_path, item))
    monkeypatch.setenv(PASSWORD, "a guess")
    assert re.search("password .*(is wrong|get a whole copy)", refusal(tmp_path, item))
    monkeypatch.setenv(PASSWORD, layouts.PASSWORD.decode())
    assert read_card(fetched(tmp_path, item)).images == 2
    assert len(server.asked("/objectnet.zip")) == 1
