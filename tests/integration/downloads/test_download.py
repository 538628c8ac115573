"""A file by its URL and digest: fetched, checked, refused."""

import gzip
import hashlib
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from types import SimpleNamespace

import pytest

from interpreting_clip.downloads.http import RESERVE, download
from interpreting_clip.errors import InputError
from tests.integration.downloads.loopback import Answer, FileServer
from tests.reads import ROOT

DATA = bytes(range(256)) * 9000
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def url(server):
    server.files["/sets/a.tar"] = DATA
    return f"{server.url}/sets/a.tar"


def names(directory: Path) -> set[str]:
    return {file.name for file in directory.iterdir() if file.suffix != ".lock"}


def test_keeps_the_file_under_its_digest(url, tmp_path):
    file = download(url, DIGEST, tmp_path / "downloads")
    assert file == tmp_path / "downloads" / DIGEST
    assert file.read_bytes() == DATA
    assert names(file.parent) == {DIGEST}


def test_fetches_anew_what_has_rotted(url, tmp_path):
    (tmp_path / DIGEST).write_bytes(DATA[:-1])
    assert download(url, DIGEST, tmp_path).read_bytes() == DATA


@pytest.mark.parametrize("resets", [False, True])
def test_starts_over_where_the_connection_dropped(url, server, tmp_path, resets):
    server.resets = resets
    server.drops["/sets/a.tar"] = [0, 5_000, 1_500_000]
    assert download(url, DIGEST, tmp_path).read_bytes() == DATA
    assert len(server.requests) == 4


def test_nothing_is_left_of_a_file_that_did_not_come_whole(url, server, tmp_path):
    server.drops["/sets/a.tar"] = [2_000_000, 0, 0, 0, 0]
    with pytest.raises(InputError, match=r"a\.tar: .*5 tries"):
        download(url, DIGEST, tmp_path)
    assert names(tmp_path) == set()
    assert download(url, DIGEST, tmp_path).read_bytes() == DATA


def test_what_a_killed_process_left_is_overwritten(url, tmp_path):
    (tmp_path / f"{DIGEST}.part").write_bytes(DATA + b"too long")
    assert download(url, DIGEST, tmp_path).read_bytes() == DATA
    assert names(tmp_path) == {DIGEST}


def test_the_first_digits_of_the_digest_are_enough(url, tmp_path):
    assert download(url, DIGEST[:8], tmp_path).read_bytes() == DATA
    with pytest.raises(InputError, match="sha256 0676ba61"):
        download(url, "0676ba61", tmp_path)


def test_a_page_in_place_of_the_file_is_named(url, server, tmp_path):
    server.files["/sets/a.tar"] = b"<!DOCTYPE html><title>Sign in</title>"
    with pytest.raises(InputError, match=r"a\.tar: .*web page"):
        download(url, DIGEST, tmp_path)
    assert names(tmp_path) == set()


def test_refuses_another_file_and_removes_it(url, server, tmp_path):
    server.files["/sets/a.tar"] = DATA[::-1]
    got = hashlib.sha256(DATA[::-1]).hexdigest()
    with pytest.raises(InputError, match=f"{DIGEST}, got {got}.*params.yaml.*`mirror`"):
        download(url, DIGEST, tmp_path)
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "check the URL"), (403, "licence"), (404, "check the URL"), (503, "run again")],
)
def test_explains_a_refusal(url, server, tmp_path, status, advice):
    server.statuses["/sets/a.tar"] = status
    with pytest.raises(InputError, match=rf"a.tar: .*{status}.*{advice}.*by hand as .*{DIGEST}"):
        download(url, DIGEST, tmp_path)
    assert len(server.requests) == (5 if status == 503 else 1)
    assert names(tmp_path) == set()


def test_a_busy_server_is_asked_again(url, server, tmp_path, monkeypatch):
    server.statuses["/sets/a.tar"] = 503
    monkeypatch.setattr("time.sleep", lambda seconds: server.statuses.clear())
    assert download(url, DIGEST, tmp_path).read_bytes() == DATA
    assert len(server.requests) == 2


def test_a_server_that_stalls_is_given_up(url, server, tmp_path, monkeypatch):
    monkeypatch.setattr("interpreting_clip.downloads.http.TIMEOUT", (5.0, 0.1))
    server.stalls.add("/sets/a.tar")
    with pytest.raises(InputError, match=r"ReadTimeoutError.*5 tries"):
        download(url, DIGEST, tmp_path)
    assert names(tmp_path) == set()


def test_a_file_saved_by_hand_is_taken(tmp_path):
    (tmp_path / DIGEST).write_bytes(DATA)
    assert download("http://127.0.0.1:9/a.tar", DIGEST, tmp_path).read_bytes() == DATA


def test_explains_a_full_disk_and_recovers(url, tmp_path):
    (tmp_path / f"{DIGEST}.part").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"the disk is full.*`downloads`"):
        download(url, DIGEST, tmp_path)
    assert names(tmp_path) == set()
    assert download(url, DIGEST, tmp_path).read_bytes() == DATA


SPACE = 3_000_000


@pytest.fixture
def little_space(monkeypatch, tmp_path):
    def usage(folder):
        taken = sum(file.stat().st_size for file in tmp_path.iterdir())
        return SimpleNamespace(free=RESERVE + SPACE - taken, total=1 << 50)

    monkeypatch.setattr("shutil.disk_usage", usage)


def test_a_file_that_the_disk_has_no_room_for_is_not_requested_to_its_end(
    url, server, tmp_path, little_space
):
    server.announced["/sets/a.tar"] = 1 << 60
    with pytest.raises(InputError, match=rf"a.tar: room for {SPACE:,} .*{1 << 60:,}.*`downloads`"):
        download(url, DIGEST, tmp_path)
    assert len(server.requests) == 1 and names(tmp_path) == set()


def test_what_the_server_calls_compressed_is_not_unpacked(server, tmp_path, monkeypatch):
    packed = gzip.compress(bytes(1 << 20))
    monkeypatch.setattr(
        server, "answer", lambda _: Answer(packed, 200, {"Content-Encoding": "gzip"})
    )
    digest = hashlib.sha256(packed).hexdigest()
    assert download(f"{server.url}/a.tgz", digest, tmp_path).read_bytes() == packed


def test_takes_the_file_from_a_mirror_and_says_where_it_sought_it(server, tmp_path):
    server.files["/all/example.org/sets/a.tar"] = DATA
    address, mirror = "https://example.org/sets/a.tar", f"{server.url}/all/"
    assert download(address, DIGEST, tmp_path, mirror=mirror).read_bytes() == DATA
    with pytest.raises(InputError, match=f"{server.url}/example.org/a.tar: .*404"):
        download("https://example.org/a.tar", "0" * 64, tmp_path, mirror=server.url)


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


def test_a_mirror_s_login_does_not_follow_to_another_host(server, tmp_path):
    with FileServer({"/a.tar": DATA}) as elsewhere:
        server.redirects["/example.org/a.tar"] = f"{elsewhere.url}/a.tar"
        mirror = server.url.replace("://", "://me:canary@")
        download("https://example.org/a.tar", DIGEST, tmp_path, mirror=mirror)
        assert "authorization" in server.requests[0].headers
        [request] = elsewhere.requests
    assert "authorization" not in request.headers and "canary" not in str(request)


def test_two_processes_make_one_download(url, server, tmp_path):
    code = "import sys, pathlib; from interpreting_clip.downloads.http import download as d; "
    code += "d(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]))"
    command = [sys.executable, "-c", code, url, DIGEST, str(tmp_path)]
    jobs = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [job.wait() for job in jobs] == [0, 0]
    assert (tmp_path / DIGEST).read_bytes() == DATA
    assert len(server.requests) == 1
