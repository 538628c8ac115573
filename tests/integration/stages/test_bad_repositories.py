"""Datasets on a hub that refuses, is not there or holds something else: one line, then mended."""

import re
import socket
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from stages import fetch
from stages.datasets.card import read_card
from stages.datasets.imagenet import read_imagenet_classes
from tests.integration.downloads.loopback import TOKEN, Answer, HubServer, Request
from tests.pipeline import official_layouts as layouts
from tests.pipeline.photographs import photograph, saved
from tests.pipeline.refusals import refused, write_dataset

KEY, NAME = "imagenet_r", "clip-benchmark/wds_imagenet-r"
SHARDS = ("test/0.tar", "test/1.tar")

pytestmark = pytest.mark.usefixtures("place")


def shard(labels: list[int], name: str) -> bytes:
    """Return a shard of one picture per label."""
    pictures = [(label, saved(photograph(name, label), "WEBP")) for label in labels]
    return layouts.webdataset(pictures, name)


def add(hub: HubServer, files: Mapping[str, bytes] = MappingProxyType({}), **how: Any) -> str:
    """Put ImageNet-R on the hub in two shards, some of its files replaced; return its commit."""
    known = read_imagenet_classes()
    names = "\n".join(known.names[index] for index in known.imagenet_r).encode()
    right = dict(zip(SHARDS, (shard([0, 1], "a"), shard([2], "b")), strict=True))
    return hub.add(NAME, right | {"classnames.txt": names} | dict(files), **how)


def write(**hub: Any) -> None:
    entry = {"kind": "imagenet_r", "source": "hub"}
    write_dataset(KEY, entry, hub={"repository": NAME, "revision": "main"} | hub)


def fetched() -> int:
    fetch.main(KEY)
    return read_card(Path("data/datasets") / KEY).images


def test_a_gated_repository(hub, monkeypatch):
    add(hub, gated=True)
    write()
    said = refused(fetch.main, KEY)
    licence = f"accept its licence at {hub.url}/datasets/{NAME}, then give a token of that account"
    assert re.match(rf"{NAME}@\w+: \S+: gated, and no valid token was given; {licence}", said)
    monkeypatch.setenv("HF_TOKEN", "hf_secret_of_somebody_else")
    said = refused(fetch.main, KEY)
    assert re.match(
        rf"{NAME}@\w+: \S+: gated, and the account of the token in HF_TOKEN has not", said
    )
    assert "secret" not in said
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert fetched() == 3


class Strict(HubServer):
    """A hub that refuses a token which it does not know, whatever is asked for."""

    def answer(self, request: Request) -> Answer:
        """Answer as the hub does to a token that has expired."""
        if request.headers.get("authorization") == f"Bearer {TOKEN}":
            return super().answer(request)
        return Answer(
            b"{}", 401, {"X-Error-Message": "Invalid credentials in Authorization header"}
        )


def test_a_token_that_is_none(monkeypatch):
    with Strict() as hub:
        add(hub)
        write()
        hub.use(monkeypatch, "hf_expired")
        expected = "the token is not valid; give another in the environment variable HF_TOKEN"
        assert refused(fetch.main, KEY) == f"{NAME}@main: {expected}"
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        assert fetched() == 3


UNKNOWN = [
    (
        {"repository": "clip-benchmark/none"},
        r"clip-benchmark/none@main: there is no such dataset repository, or it is private; check",
    ),
    (
        {"revision": "v9"},
        rf"{NAME}@v9: there is no revision 'v9'; check `revision` in params.yaml$",
    ),
    (
        {"files": "train/*.tar"},
        rf"{NAME}@main: no file matches 'train/\*.tar'; check `files` in params.yaml. There are: ",
    ),
]


@pytest.mark.parametrize(("wrong", "expected"), UNKNOWN)
def test_a_repository_a_revision_or_files_that_do_not_exist(hub, wrong, expected):
    add(hub)
    write(**wrong)
    assert re.match(expected, refused(fetch.main, KEY))
    write()
    assert fetched() == 3


def test_no_network(hub, monkeypatch):
    add(hub)
    write()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("HF_ENDPOINT", nobody)
    said = refused(fetch.main, KEY)
    assert re.match(rf"{NAME}@main: no connection to {nobody}, .*check the network", said)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    assert fetched() == 3


def test_a_re_run_asks_only_for_what_is_missing(hub):
    add(hub)
    write()
    first, second = (hub.place(NAME, name) for name in SHARDS)
    hub.cdn.statuses[second] = 500
    assert "the server failed (HTTP 500); run again later" in refused(fetch.main, KEY)
    hub.cdn.statuses.clear()
    before = len(hub.cdn.requests)
    assert fetched() == 3
    assert [request.path for request in hub.cdn.requests[before:]] == [second]
    assert len(hub.cdn.asked(first)) == 1


def test_a_shard_that_is_not_what_the_hub_announces(hub):
    add(hub)
    write()
    place = hub.place(NAME, SHARDS[1])
    right = hub.cdn.files[place]
    hub.corrupt(NAME, SHARDS[1])
    said = refused(fetch.main, KEY)
    assert re.match(rf"{NAME}@\w+: {SHARDS[1]}: expected the digest \w+, got \w+ \(", said)
    assert "the file was removed. The hub announced it: run again" in said
    hub.cdn.files[place] = right
    assert fetched() == 3


OTHER_CONTENT = {
    "classes of another set": (
        {"classnames.txt": b"tench\ngoldfish\n"},
        r": classnames.txt was expected to have 200 names, it has 2; check `kind` and `repository`",
    ),
    "classes in another order": (
        {"classnames.txt": b"\n".join(b"class %d" % index for index in range(200))},
        r": classnames.txt calls label 0 'class 0', 'goldfish' was expected: its labels are",
    ),
    "a label out of range": (
        {SHARDS[1]: shard([200], "b")},
        r": test/1.tar/b0000000.cls: a label of 0 to 199 was expected, got '200'; check `kind` and",
    ),
    "half a shard": (
        {SHARDS[1]: shard([2], "b")[:2_000]},
        r": test/1.tar: no tar or zip, damaged, cut short or, .*; get a whole copy",
    ),
    "an image without a label": (
        {SHARDS[1]: layouts.tar({"b.webp": b"RIFF"})},
        r": test/1.tar/b was expected to have one image and .cls, it has webp; check `kind` and",
    ),
    "a broken image": (
        {SHARDS[1]: layouts.webdataset([(3, saved(photograph("b", 3), "WEBP")[:-90])], "b")},
        r": test/1.tar/b0000000: a whole image was expected, this one is broken",
    ),
}


@pytest.mark.parametrize("case", OTHER_CONTENT)
def test_a_repository_of_other_content(hub, case):
    files, expected = OTHER_CONTENT[case]
    commit = add(hub, files)
    write()
    assert re.match(rf"{NAME}@{commit[:12]}{expected}", refused(fetch.main, KEY))
    add(hub)
    assert fetched() == 3


def test_a_repository_that_does_not_say_its_classes(hub):
    hub.add(NAME, {SHARDS[0]: shard([0], "a")})
    write()
    expected = "classnames.txt was expected beside the shards, since it alone says which classes"
    assert expected in refused(fetch.main, KEY)
    add(hub)
    assert fetched() == 3
