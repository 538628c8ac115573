"""The hub's real client against a hub on this machine."""

import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

from interpreting_clip.downloads.http import RESERVE
from interpreting_clip.downloads.hub import (
    Repository,
    RepositoryFile,
    download_file,
    open_repository,
)
from interpreting_clip.errors import InputError
from tests.integration.downloads.loopback import TOKEN, Answer, sha256
from tests.reads import ROOT

SHARD = bytes(range(256)) * 9000
FILES = {f"test/{n}.tar": bytes([n]) for n in range(12)} | {
    "test/3.tar": SHARD,
    "README.md": b"# Read me\n",
}


@pytest.fixture
def commit(hub):
    hub.add("some/gated", FILES, gated=True)
    return hub.add("some/set", FILES)


def fetch(directory, file="test/0.tar", repository="some/set", revision="main"):
    return download_file(open_repository(repository, revision), file, directory)


def contents(directory):
    """Return the content of all files below a folder, by their names; links and locks are none."""
    files = [file for file in directory.rglob("*") if file.is_file() and not file.is_symlink()]
    kept = [file for file in files if file.suffix != ".lock" and file.name != "CACHEDIR.TAG"]
    return {file.name: file.read_bytes() for file in kept if file.parent.name != "refs"}


def test_lists_the_matching_files_in_the_order_of_their_numbers(commit):
    opened = open_repository("some/set", "main")
    assert (opened.name, opened.revision) == ("some/set", commit)
    assert opened.matching("none", "test/*.tar", "*") == [f"test/{n}.tar" for n in range(12)]
    for path in opened.matching("test/*.tar"):
        assert opened.files[path] == (len(FILES[path]), sha256(FILES[path]))


def test_a_file_that_is_there_is_found_without_the_network(hub, commit, tmp_path, monkeypatch):
    opened = open_repository("some/set", "main")
    first = download_file(opened, "test/0.tar", tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    before = len(hub.requests)
    assert download_file(opened, "test/0.tar", tmp_path) == first
    assert (len(hub.requests), len(hub.cdn.requests)) == (before, 1)


@pytest.mark.parametrize("file", ["test/3.tar", "README.md"])
def test_fetches_anew_what_has_rotted(commit, tmp_path, file):
    kept = fetch(tmp_path, file)
    assert kept.read_bytes() == FILES[file]
    kept.resolve().write_bytes(FILES[file][:-1] + b"x")
    assert fetch(tmp_path, file).read_bytes() == FILES[file]


@pytest.mark.parametrize("resets", [False, True])
def test_a_dropped_connection_is_tried_again_and_leaves_nothing(hub, commit, tmp_path, resets):
    hub.cdn.resets = resets
    place = hub.place("some/set", "test/3.tar")
    hub.cdn.drops[place] = [1_200_000] + [0] * 100
    with pytest.raises(InputError, match=r"3.tar: .*run again"):
        fetch(tmp_path, "test/3.tar")
    assert contents(tmp_path) == {}
    hub.cdn.drops[place] = [1_200_000, 0, 70_000]
    assert fetch(tmp_path, "test/3.tar").read_bytes() == SHARD


def test_what_a_killed_process_left_is_removed(hub, commit, tmp_path):
    blobs = tmp_path / "datasets--some--set/blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{sha256(SHARD)}.0123abcd.incomplete").write_bytes(SHARD[:1000])
    assert fetch(tmp_path, "test/3.tar").read_bytes() == SHARD
    assert contents(tmp_path) == {sha256(SHARD): SHARD}


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (SHARD[::-1], "digest.*HF_ENDPOINT"),
        (SHARD[:-1], ""),
        (SHARD + b"x", ""),
    ],
    ids=["bytes", "shorter", "longer"],
)
def test_refuses_another_file_than_listed(hub, commit, tmp_path, sent, said):
    hub.cdn.files[hub.place("some/set", "test/3.tar")] = sent
    with pytest.raises(InputError, match=rf"test/3.tar: .*{said}"):
        fetch(tmp_path, "test/3.tar")
    assert contents(tmp_path) == {}


def test_two_processes_make_one_download(hub, commit, tmp_path):
    code = "import sys, pathlib; from interpreting_clip.downloads import hub; "
    code += "opened = hub.open_repository('some/set', 'main'); "
    code += "hub.download_file(opened, 'test/3.tar', pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    jobs = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [job.wait() for job in jobs] == [0, 0]
    assert len(hub.cdn.requests) == 1


def test_says_how_to_be_let_into_a_gated_repository(hub, commit, tmp_path, monkeypatch):
    page = f"{hub.url}/datasets/some/gated"
    with pytest.raises(InputError, match=rf"some/gated@.*{page},.*HF_TOKEN"):
        fetch(tmp_path, repository="some/gated")
    hub.use(monkeypatch, "hf_other")
    with pytest.raises(InputError, match=f"token in HF_TOKEN.*{page}"):
        fetch(tmp_path, repository="some/gated")


@pytest.mark.parametrize("file", ["test/0.tar", "README.md"])
def test_a_token_opens_a_gated_repository_and_stays_on_the_hub(
    hub, commit, tmp_path, monkeypatch, file
):
    """Small files are served by the hub itself, unless it sends a client elsewhere."""
    hub.use(monkeypatch, TOKEN)
    gated = hub.repositories["dataset", "some/gated"].commit
    hub.cdn.files["/README.md"] = FILES["README.md"]
    resolved = f"/datasets/some/gated/resolve/{gated}/README.md"
    hub.redirects[resolved] = f"{hub.cdn.url}/README.md"
    assert fetch(tmp_path, file, "some/gated").read_bytes() == FILES[file]
    assert any(r.headers.get("authorization") == f"Bearer {TOKEN}" for r in hub.requests)
    assert hub.cdn.requests
    assert all(TOKEN not in str(request) for request in hub.cdn.requests)


@pytest.mark.parametrize("token", [None, TOKEN])
def test_says_that_there_is_no_repository(hub, monkeypatch, token):
    hub.use(monkeypatch, token)
    with pytest.raises(InputError, match=r"no/such@main: .*`repository`.*HF_TOKEN"):
        open_repository("no/such", "main")


def test_the_first_digits_of_a_commit_stand_for_all(commit, tmp_path):
    """Files are asked of the whole commit, since only the API knows short ones."""
    opened = open_repository("some/set", commit[:7])
    assert opened.revision == commit
    assert download_file(opened, "test/0.tar", tmp_path).parts[-3] == commit
    with pytest.raises(InputError, match=r"'fffffff'; .*`revision`"):
        open_repository("some/set", "f" * 7)


def test_says_that_a_revision_or_a_file_is_not_there(commit, tmp_path):
    with pytest.raises(InputError, match=r"'v9'; .*`revision`"):
        open_repository("some/set", "v9")
    with pytest.raises(InputError, match=r"'val/\*'; .*README.md, test/0.tar"):
        open_repository("some/set", "main").matching("val/*")
    gone = {"test/99.tar": RepositoryFile(1, "0" * 64)}
    with pytest.raises(InputError, match=f"some/set@{commit}: test/99.tar: "):
        download_file(Repository("some/set", commit, "dataset", gone), "test/99.tar", tmp_path)


def test_says_that_the_token_is_invalid(hub, commit, monkeypatch):
    said = {"X-Error-Message": "Invalid credentials in Authorization header"}
    monkeypatch.setattr(hub, "answer", lambda request: Answer(b"{}", 401, said))
    hub.use(monkeypatch, "hf_expired")
    with pytest.raises(InputError, match=r"token.*HF_TOKEN") as refused:
        open_repository("some/set", "main")
    assert "hf_expired" not in str(refused.value)


@pytest.mark.parametrize("status", [429, 503])
def test_asks_a_busy_hub_again(hub, commit, tmp_path, status):
    resolved = f"/datasets/some/set/resolve/{commit}/test/0.tar"
    for path in ("/api/datasets/some/set/revision/main", resolved):
        hub.statuses = {path: status}
        with pytest.raises(InputError, match=rf"HTTP {status}.*later"):
            fetch(tmp_path)
        assert len(hub.asked(path)) >= 5


@pytest.mark.parametrize("status", [403, 404, 500])
def test_explains_a_store_that_refuses(hub, commit, tmp_path, status):
    hub.cdn.statuses[hub.place("some/set", "test/0.tar")] = status
    with pytest.raises(InputError, match=rf"test/0.tar: .*(HTTP {status}|access is refused)"):
        fetch(tmp_path)
    assert contents(tmp_path) == {}


def test_an_endpoint_with_another_scheme_is_named_at_once(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "htps://me:word@127.0.0.1")
    with pytest.raises(InputError, match=r"htps://…@127.* https://.*HF_ENDPOINT") as refused:
        open_repository("some/set", "main")
    assert "word" not in str(refused.value)


def test_says_that_the_hub_cannot_be_reached_or_asked(hub, commit, monkeypatch, tmp_path):
    opened = open_repository("some/set", "main")
    calls = (lambda: fetch(tmp_path), lambda: download_file(opened, "test/0.tar", tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        for call in calls:
            with pytest.raises(InputError, match=r"network.*HF_ENDPOINT"):
                call()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for call in calls:
        with pytest.raises(InputError, match="HF_HUB_OFFLINE"):
            call()


@pytest.mark.parametrize("ask", ["revision/main", "tree/{commit}"])
def test_a_hub_that_stalls_is_given_up(hub, commit, monkeypatch, ask):
    monkeypatch.setattr("interpreting_clip.downloads.hub.TIMEOUT", 0.1)
    hub.stalls.add(f"/api/datasets/some/set/{ask.format(commit=commit)}")
    with pytest.raises(InputError, match=r"some/set.*ReadTimeout"):
        open_repository("some/set", "main", attempts=1)


def test_a_file_that_the_disk_has_no_room_for_is_not_requested(hub, commit, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "shutil.disk_usage", lambda folder: SimpleNamespace(free=RESERVE + 1000, total=1 << 50)
    )
    assert fetch(tmp_path, "README.md").read_bytes() == FILES["README.md"]
    with pytest.raises(InputError, match=rf"3.tar: .*room for 1,000 .*{len(SHARD):,}.*downloads"):
        fetch(tmp_path, "test/3.tar")
    assert not hub.cdn.requests
