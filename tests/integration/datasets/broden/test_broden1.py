"""A published Broden1, written by the test in its layout, becomes a dataset folder of ours."""

import hashlib
from pathlib import Path

import pytest
from msgspec import convert

from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.card import read_card
from interpreting_clip.datasets.entries import BrodenEntry, Shards
from interpreting_clip.datasets.sources import write_real_dataset
from interpreting_clip.errors import InputError
from runner.machine_settings import Machine
from tests.integration.downloads.loopback import FileServer
from tests.layouts import zipped as zip_files
from tests.unit.datasets.broden.conftest import MAPS, TABLES, write_broden1

IMAGES = ["ade20k/a.jpg", "dtd/b.jpg", "os/c.jpg"]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return write_broden1(tmp_path / "broden1_8")


@pytest.fixture
def fetch(tmp_path: Path, published: Path):
    """Fetch the folder or what an entry says otherwise, and give where it lies."""

    def run(name: str = "broden", per_shard: int = 2, workers: int = 2, **given) -> Path:
        given = (
            given if "source" in given else {"source": "folder", "folder": published.name} | given
        )
        entry = convert({"kind": "broden", "partial": True} | given, BrodenEntry)
        machine = Machine(folders=str(tmp_path), downloads=str(tmp_path / "kept"), workers=workers)
        shards = Shards(images_per_shard=per_shard)
        write_real_dataset("broden", entry, shards, tmp_path / name, machine)
        return tmp_path / name

    return run


@pytest.fixture
def zipped(published: Path) -> bytes:
    """The set as its zip file, with what some programs leave beside it."""
    found = [file for file in sorted(published.rglob("*"), reverse=True) if file.is_file()]
    inside = {f"broden1_8/{file.relative_to(published)}": file.read_bytes() for file in found}
    return zip_files({"__MACOSX/broden1_8/index.csv": b"stray"} | inside)


def archive(server: FileServer, content: bytes) -> dict:
    server.files["/data/broden1_8.zip"] = content
    sha256 = hashlib.sha256(content).hexdigest()
    return {
        "source": "archive",
        "archive": [{"url": f"{server.url}/data/broden1_8.zip", "sha256": sha256}],
    }


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_every_file_that_the_index_names_keeps_its_bytes(fetch, published: Path):
    (published / "images/ade20k/stray.jpg").write_bytes(b"no image")
    with open_broden(fetch()) as broden:
        names = [*TABLES, *(f"images/{name}" for name in (*IMAGES, *MAPS))]
        for name in names:
            assert broden.read(name) == (published / name).read_bytes(), name
        with pytest.raises(InputError, match="stray"):
            broden.read("images/ade20k/stray.jpg")


def test_the_bytes_are_the_same_for_any_number_of_threads(fetch):
    assert files(fetch(workers=1)) == files(fetch(workers=3))


def test_a_zip_file_holds_the_same_as_its_folder(fetch, server, zipped: bytes):
    given = archive(server, zipped)
    folder = fetch("from_zip", **given)
    ours, theirs = read_card(folder), read_card(fetch("from_folder"))
    assert ours.shards == theirs.shards and list(theirs.origin) == ["broden1_8"]
    assert ours.origin == {given["archive"][0]["url"]: given["archive"][0]["sha256"]}


def test_a_limit_takes_the_images_of_the_smallest_hash_in_the_index_s_order(fetch):
    by_hash = sorted(IMAGES, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    for limit in (1, 2, 9):
        with open_broden(fetch(limit=limit)) as broden:
            assert [row.image for row in broden.rows] == sorted(by_hash[:limit])
            assert len(broden.concepts) == 7


def test_a_set_with_fewer_images_or_concepts_than_broden_has_is_refused(fetch, tmp_path: Path):
    with pytest.raises(InputError, match=r"63,305 .*1,197 .*3 and 7"):
        fetch(partial=False)
    assert not (tmp_path / "broden").exists() and read_card(fetch()).partial


def test_a_zip_file_of_something_else_or_with_damage_is_refused(fetch, server, zipped: bytes):
    at = zipped.index(b"broden1_8/images/os/c.jpg") + 60
    damaged = zipped[:at] + bytes([zipped[at] ^ 255]) + zipped[at + 1 :]
    no_index = zipped.replace(b"index.csv", b"xedni.csv")
    cases = {
        b"a page": "no tar or zip",
        damaged: r"os/c\.jpg: .*damaged",
        no_index: "no index.csv",
        zip_files({"index.csv": b"", "a/../../b": b""}): "outside of its own folder",
    }
    for content, message in cases.items():
        with pytest.raises(InputError, match=message):
            fetch(**archive(server, content))
