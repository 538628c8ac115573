"""Archives that do not come, or come wrong: one clear line, and a re-run goes on from there."""

import hashlib
import re
import socket
from pathlib import Path

import pytest

from stages import fetch
from stages.datasets.card import read_card
from stages.datasets.imagenet import read_imagenet_classes
from stages.downloads.archives import PASSWORD
from tests.integration.downloads.loopback import FileServer
from tests.pipeline import official_layouts as layouts
from tests.pipeline.refusals import refused, write_dataset

KEY, OUT, DOWNLOADS = "imagenet_v2", Path("data/datasets"), Path(".scratch/downloads")

pytestmark = pytest.mark.usefixtures("place")


def published(server: FileServer, data: bytes, name: str = "v2.tar.gz") -> dict[str, object]:
    """Serve an archive and return the entry of a set whose `sha256` is that of these bytes."""
    server.files[f"/{name}"] = data
    archive = {"url": f"{server.url}/{name}", "sha256": hashlib.sha256(data).hexdigest()}
    return {"source": "archive", "archive": [archive]}


def write_v2(server: FileServer, data: bytes) -> None:
    write_dataset(KEY, published(server, data), kind="imagenet_v2")


def kept() -> list[Path]:
    """Return what is among the downloads, but for locks."""
    return [file for file in DOWNLOADS.iterdir() if file.suffix != ".lock"]


def test_a_dropped_connection_is_tried_again_within_a_run_and_by_the_next(server):
    data = layouts.imagenet_v2_archive([2, 10])
    write_v2(server, data)
    server.drops["/v2.tar.gz"] = [5_000, 0, 0, 0, 0, 5_000, 3_000]
    said = refused(fetch.main, KEY)
    assert re.match(rf"{server.url}/v2.tar.gz: no connection, or .*gave up after 5 tries", said)
    assert kept() == []
    fetch.main(KEY)
    assert len(server.asked("/v2.tar.gz")) == 5 + 3
    assert read_card(OUT / KEY).images == 4


@pytest.mark.parametrize(("status", "words"), [(503, "the server failed"), (404, "no such file")])
def test_a_server_that_refuses(server, status, words):
    write_v2(server, layouts.imagenet_v2_archive([2]))
    server.statuses["/v2.tar.gz"] = status
    assert re.match(
        rf"{server.url}/v2.tar.gz: .*{words} \(HTTP {status}\)", refused(fetch.main, KEY)
    )
    server.statuses.clear()
    fetch.main(KEY)


def test_no_network(server):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    entry = published(server, layouts.imagenet_v2_archive([2]))
    archive = {"url": f"{nobody}/v2.tar.gz", "sha256": "ab" * 32}
    write_dataset(KEY, entry, kind="imagenet_v2", archive=[archive])
    said = refused(fetch.main, KEY)
    assert re.match(rf"{nobody}/v2.tar.gz: no connection.*; gave up after 5 tries. Check the", said)
    write_dataset(KEY, entry, kind="imagenet_v2")
    fetch.main(KEY)


def test_a_wrong_checksum_keeps_nothing(server):
    data = layouts.imagenet_v2_archive([2])
    write_v2(server, data)
    server.files["/v2.tar.gz"] = data[:-1] + b"x"
    said = refused(fetch.main, KEY)
    digests = [hashlib.sha256(d).hexdigest() for d in (data, data[:-1] + b"x")]
    expected = f"{server.url}/v2.tar.gz: expected the sha256 {digests[0]}, got {digests[1]} ("
    assert said.startswith(expected)
    assert "the file was removed. Check the `sha256` in params.yaml" in said
    assert kept() == []
    server.files["/v2.tar.gz"] = data
    fetch.main(KEY)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_an_archive_published_in_half(server, share):
    data = layouts.imagenet_v2_archive([2, 10])
    write_v2(server, data[: int(share * len(data))])
    expected = (
        "/v2.tar.gz: no tar or zip, damaged, cut short or, .*; get a whole copy, and where pa"
    )
    assert re.match(server.url + expected, refused(fetch.main, KEY))
    write_v2(server, data)
    fetch.main(KEY)
    assert read_card(OUT / KEY).images == 4


@pytest.mark.parametrize("name", ["../escaped.jpeg", "/escaped.jpeg", "1/../../escaped.jpeg"])
def test_a_zip_that_leaves_its_folder(server, name):
    image = layouts.jpeg(layouts.photograph("a", 1))
    write_v2(server, layouts.zipped({"1/a.jpeg": image, name: image}))
    expected = (
        f"{server.url}/v2.tar.gz: the archive names '{name}', outside of its own folder; nothing "
        "was taken. No official archive does that: fetch it from its publisher"
    )
    assert refused(fetch.main, KEY) == expected
    assert not list(Path.cwd().parent.rglob("escaped.jpeg")) + list(Path("/").glob("escaped*"))
    write_v2(server, layouts.zipped({"1/a.jpeg": image}))
    fetch.main(KEY)


def test_objectnet_needs_its_password(server, monkeypatch):
    classes = read_imagenet_classes()
    data = layouts.objectnet_archive(classes, ["alarm_clock"], "zzz_chair")
    write_dataset("objectnet", published(server, data, "objectnet.zip"), kind="objectnet")
    said = refused(fetch.main, "objectnet")
    expected = (
        f"{server.url}/objectnet.zip: encrypted, as ObjectNet's archive is: read its licence "
    )
    assert said.startswith(expected) and said.endswith(f"in the environment variable {PASSWORD}")
    monkeypatch.setenv(PASSWORD, "a guess")
    expected = "/objectnet.zip: .*password .*(is wrong; it is published at|get a whole copy)"
    assert re.match(server.url + expected, refused(fetch.main, "objectnet"))
    monkeypatch.setenv(PASSWORD, layouts.PASSWORD.decode())
    fetch.main("objectnet")
    assert len(server.asked("/objectnet.zip")) == 1


def test_brodens_zip_is_none(server):
    write_dataset("broden", published(server, b"<html>", "broden1_224.zip"), kind="broden")
    expected = f"{server.url}/broden1_224.zip: expected Broden1's zip file: "
    assert refused(fetch.main, "broden").startswith(expected)
    data = layouts.broden_archive(Path("broden1"))
    write_dataset("broden", published(server, data, "broden1_224.zip"), kind="broden")
    fetch.main("broden")
    assert read_card(OUT / "broden").images > 3
