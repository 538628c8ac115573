"""A file by its URL and digest: fetched, checked, refused."""

import hashlib
import subprocess
import sys
import time
from base64 import b64decode
from pathlib import Path

import pytest

from interpreting_clip.downloads.http import BLOCK, download
from interpreting_clip.errors import InputError
from tests.reads import ROOT

DATA = bytes(range(256)) * 9000
DIGEST = hashlib.sha256(DATA).hexdigest()

CODE = """
import sys, pathlib
from interpreting_clip.downloads.http import download
download(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]))
"""
SLEEP = time.sleep
"""The real one, which a fixture replaces."""


@pytest.fixture
def url(server):
    server.files["/sets/a.tar"] = DATA
    return f"{server.url}/sets/a.tar"


def names(directory: Path) -> set[str]:
    return {file.name for file in directory.iterdir() if file.suffix != ".lock"}


@pytest.mark.parametrize(
    ("there", "requests"),
    [(None, 1), (DATA[:-1], 1), (DATA, 0)],
    ids=["nothing", "rotted", "saved by hand"],
)
def test_a_file_is_kept_under_its_digest(url, server, tmp_path, there, requests):
    if there:
        (tmp_path / DIGEST).write_bytes(there)
    file = download(url, DIGEST, tmp_path)
    assert file == tmp_path / DIGEST and file.read_bytes() == DATA
    assert names(tmp_path) == {DIGEST} and len(server.requests) == requests


CUT = 1_500_000
"""Where a connection drops: after 22 blocks and a part of the next."""

REST = f"bytes={CUT}-"
"""What is requested then."""


def interrupted(server, url, tmp_path, content=DATA):
    """Leave a part as a run does that gives up."""
    server.files["/sets/a.tar"] = content
    server.drops["/sets/a.tar"] = [CUT] + [0] * 4
    with pytest.raises(InputError, match=r"a\.tar: .*5 tries.*continues at byte [\d,]+ of"):
        download(url, DIGEST, tmp_path)
    assert names(tmp_path) == {f"{DIGEST}.part", f"{DIGEST}.part.json"}
    server.requests.clear()


def test_continues_where_the_connection_dropped(url, server, tmp_path):
    server.drops["/sets/a.tar"] = [0, 5_000, CUT, *[100_000] * 6, 0]
    assert download(url, DIGEST, tmp_path).read_bytes() == DATA
    assert names(tmp_path) == {DIGEST}
    starts = [5_000, 5_000 + CUT, *(5_000 + CUT + 100_000 * n for n in range(1, 7))]
    asked = server.spans_asked("/sets/a.tar")
    assert asked == [None] * 2 + [f"bytes={start}-" for start in [*starts, starts[-1]]]


def test_the_run_after_a_kill_requests_only_the_rest(url, server, tmp_path):
    server.held["/sets/a.tar"] = CUT
    job = subprocess.Popen([sys.executable, "-c", CODE, url, DIGEST, str(tmp_path)], cwd=ROOT)
    part = tmp_path / f"{DIGEST}.part"
    while not part.exists() or part.stat().st_size < CUT - BLOCK:
        assert job.poll() is None
        SLEEP(0.01)
    job.kill()
    job.wait()
    server.over.set()
    server.held.clear()
    assert download(url, DIGEST, tmp_path).read_bytes() == DATA
    assert server.spans_asked("/sets/a.tar") == [None, f"bytes={CUT // BLOCK * BLOCK}-"]


@pytest.mark.parametrize(
    ("before", "change", "asked"),
    [
        (DATA[::-1], {}, [REST]),
        (DATA, {"ranges": False}, [REST]),
        (DATA[::-1] * 2, {"versions": False}, [REST, None]),
    ],
    ids=["another file", "no ranges", "another length"],
)
def test_starts_afresh_where_it_cannot_continue(
    url, server, tmp_path, capsys, *, before, change, asked
):
    interrupted(server, url, tmp_path, before)
    for name, value in change.items():
        setattr(server, name, value)
    server.files["/sets/a.tar"] = DATA
    assert download(url, DIGEST, tmp_path).read_bytes() == DATA
    assert server.spans_asked("/sets/a.tar") == asked
    assert capsys.readouterr().err.count("a.tar: starts at byte 0 again, not at 1,") == 1


def test_a_part_that_rotted_is_removed_at_the_end_and_the_next_run_starts_afresh(
    url, server, tmp_path
):
    interrupted(server, url, tmp_path)
    part = tmp_path / f"{DIGEST}.part"
    part.write_bytes(b"x" + part.read_bytes()[1:])
    with pytest.raises(InputError, match=r"a\.tar: expected the digest .*starts afresh"):
        download(url, DIGEST, tmp_path)
    assert names(tmp_path) == set()
    assert download(url, DIGEST, tmp_path).read_bytes() == DATA


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"<!DOCTYPE html>", r"a\.tar: .*web page"), (b"other", f"{DIGEST}, got .*params.yaml")],
)
def test_refuses_another_file_and_removes_it(url, server, tmp_path, content, message):
    server.files["/sets/a.tar"] = content
    with pytest.raises(InputError, match=message):
        download(url, DIGEST, tmp_path)
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    ("status", "advice"),
    [(403, "licence"), (404, "check the URL"), (503, "run again")],
)
def test_explains_a_refusal(url, server, tmp_path, status, advice):
    server.statuses["/sets/a.tar"] = status
    with pytest.raises(InputError, match=rf"a.tar: .*{status}.*{advice}.*by hand as .*{DIGEST}"):
        download(url, DIGEST, tmp_path)
    assert len(server.requests) == (5 if status == 503 else 1)
    assert names(tmp_path) == set()


def test_a_mirror_s_login_is_used_and_shown_to_nobody(server, tmp_path):
    server.files["/example.org/a.tar"] = DATA
    mirror = server.url.replace("://", "://me:canary@")
    download("https://example.org/a.tar", DIGEST, tmp_path, mirror=mirror)
    sent = server.requests[0].headers["authorization"].removeprefix("Basic ")
    assert b64decode(sent) == b"me:canary"
    for path, status in (("/example.org/a.tar", None), ("/example.org/b.tar", 403)):
        server.files[path], server.statuses[path] = b"other", status or 200
        with pytest.raises(InputError) as refused:
            download(f"https:/{path}", "0" * 64, tmp_path, mirror=mirror)
        assert f"{server.url.replace('://', '://…@')}{path}: " in str(refused.value)
        assert "canary" not in str(refused.value)


def test_two_processes_make_one_download(url, server, tmp_path):
    command = [sys.executable, "-c", CODE, url, DIGEST, str(tmp_path)]
    jobs = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [job.wait() for job in jobs] == [0, 0]
    assert (tmp_path / DIGEST).read_bytes() == DATA
    assert len(server.requests) == 1
