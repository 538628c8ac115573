"""Downloads from servers of random speeds, and what has to become of each."""

import hashlib
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import NamedTuple

import pytest

from interpreting_clip.downloads.http import download
from interpreting_clip.downloads.hub import download_file, open_repository
from interpreting_clip.errors import InputError
from tests.integration.downloads.loopback import FileServer, HubServer, Pace, sha256

PATIENCE = 300.0
"""Seconds after which a server ends all answers, so that a download that waits for ever fails."""

HEADER = 60
"""Bytes that every answer has before its content, at least."""


class Case(NamedTuple):
    """A content, and how it is sent; `becomes_slow` before its end, so that it never ends."""

    number: int
    content: bytes
    pace: Pace
    framing: str
    place: str
    becomes_slow: bool


def draw_cases(seed: int, count: int, places: tuple[str, ...]) -> list[Case]:
    """Return cases; a third are slow in a header, a third in the content, a third only in pieces.

    An answer that becomes slow would take a minute at least.
    """
    rng, cases = random.Random(seed), []
    for number in range(count):
        content = rng.randbytes(rng.choice((4_000, 20_000, 300_000)) + rng.randrange(1000))
        piece = rng.randrange(len(content) // 400, len(content))
        slow = (
            rng.randrange(HEADER),
            # not in the last 2,000 bytes; a chunk's length with its parameter has 1,000
            rng.randrange(300, len(content) - 2_000),
            1 << 62,
        )[number % 3]
        pause = rng.uniform(1.0, 3.0) if slow < HEADER else rng.uniform(0.05, 1.0)
        framing, place = rng.choice(("length", "chunks", "end")), rng.choice(places)
        if number % 3 == 1:  # only files are long enough
            place = rng.choice([one for one in places if one in ("file", "small")])
        cases.append(
            Case(number, content, Pace(piece, slow, pause), framing, place, number % 3 < 2)
        )
    return cases


def use_limits(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Give every request so many seconds to begin, and for each span of its content."""
    monkeypatch.setattr("interpreting_clip.downloads.deadline.BEGIN", seconds)
    monkeypatch.setattr("interpreting_clip.downloads.deadline.SPAN", seconds)


def from_urls(server: FileServer, cases: list[Case], folder: Path) -> list[str]:
    """Download the file of each case, all at the same time; return what is said of each."""

    def one(case: Case) -> str:
        path = f"/{case.number}.tar"
        server.files[path] = case.content
        if case.framing == "chunks":
            server.chunked.add(path)
        elif case.framing == "end":
            server.unstated.add(path)
        paced = path
        if case.place == "redirection":
            paced = f"/moved/{case.number}"
            server.redirects[paced] = f"{server.url}{path}"
        server.paces[paced] = case.pace
        start = paced if case.place == "redirection" else path
        directory, digest = folder / str(case.number), hashlib.sha256(case.content).hexdigest()
        return outcome(case, directory, lambda: download(f"{server.url}{start}", digest, directory))

    with patience(server), ThreadPoolExecutor(len(cases)) as threads:
        return list(threads.map(one, cases))


def from_hub(hub: HubServer, cases: list[Case], folder: Path) -> list[str]:
    """Download a file of each case from a repository of its own; return what is said of each."""

    def one(case: Case) -> str:
        repository, file = f"some/set{case.number}", "a.tar" if case.place == "file" else "README"
        commit = hub.add(repository, {file: case.content})
        server, path = {
            "revision": (hub, f"/api/datasets/{repository}/revision/main"),
            "tree": (hub, f"/api/datasets/{repository}/tree/{commit}"),
            "small": (hub, f"/datasets/{repository}/resolve/{commit}/README"),
            "file": (hub.cdn, f"/cdn/{sha256(case.content)}"),
        }[case.place]
        if case.framing == "chunks" and case.place == "file":  # the others state their size
            server.chunked.add(path)
        server.paces[path] = case.pace
        directory = folder / str(case.number)
        return outcome(
            case,
            directory,
            lambda: download_file(open_repository(repository, "main"), file, directory),
        )

    with patience(hub, hub.cdn), ThreadPoolExecutor(len(cases)) as threads:
        return list(threads.map(one, cases))


@contextmanager
def patience(*servers: FileServer) -> Iterator[None]:
    """Let servers end their answers after `PATIENCE`, and require that they did not have to."""
    timers = [Timer(PATIENCE, server.over.set) for server in servers]
    for timer in timers:
        timer.daemon = True
        timer.start()
    yield
    for timer in timers:
        timer.cancel()
    assert not any(server.over.is_set() for server in servers), "a download never ended"


def outcome(case: Case, directory: Path, get: Callable[[], Path]) -> str:
    """Return what a download says, and check that it left the file, or nothing."""
    try:
        assert get().read_bytes() == case.content
    except InputError as error:
        left = [file for file in directory.rglob("*") if file.is_file()]
        kept = [file for file in left if file.suffix != ".lock" and file.stat().st_size > 100]
        kept = [file for file in kept if file.name != "CACHEDIR.TAG"]
        assert kept == [], case
        return str(error)
    return ""


def require_outcomes(cases: list[Case], said: list[str]) -> None:
    """Require that every answer was taken, but those that become slow were given up."""
    for case, text in zip(cases, said, strict=True):
        assert "\n" not in text, case
        assert (" came in " in text) == case.becomes_slow, (case._replace(content=b""), text)
        assert bool(text) == case.becomes_slow, (case._replace(content=b""), text)
