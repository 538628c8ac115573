"""Files of the Hugging Face hub: listed and asked for by its client, kept as all downloads are.

The client's own download keeps nothing of a file that came in part once the process has ended, and
hands out what it finds on the disk when the hub refuses. Shards are large and refusals matter, so
the client is asked where a file is and what its digest is; `download` brings it.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, cast

from stages.downloads import http as receive
from stages.downloads.http import TRANSIENT, Wanted, bring, reason
from stages.runtime.errors import InputError

Kind = Literal["dataset", "model"]
Answer = TypeVar("Answer")

WORDS = {
    "RevisionNotFoundError": "there is no revision {revision!r}; check `revision` in params.yaml",
    "RemoteEntryNotFoundError": "there is no such file at this revision; check its name",
    "OfflineModeIsEnabled": "the hub's client is told to stay offline; unset HF_HUB_OFFLINE",
    "RepositoryNotFoundError": (
        "there is no such {kind} repository, or it is private; check `repository` in params.yaml, "
        "or give the token of an account that may read it in the environment variable HF_TOKEN"
    ),
}


class Place(NamedTuple):
    """A repository of the hub at a revision, or a file in it."""

    repository: str
    revision: str
    kind: Kind
    file: str | None = None

    def __str__(self) -> str:
        """Return how a message names it."""
        return f"{self.repository}@{self.revision}" + (f": {self.file}" if self.file else "")

    @property
    def page(self) -> str:
        """The address where a person reads about the repository and accepts its licence."""
        prefix = "datasets/" if self.kind == "dataset" else ""
        return f"{endpoint()}/{prefix}{self.repository}"


def endpoint() -> str:
    """Return the address of the hub, as the environment has it now; the client asks only once."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def ask(place: Place, question: Callable[[], Answer], attempts: int) -> Answer:
    """Put a question to the hub, again where it is busy or the connection breaks.

    Raises
    ------
    InputError
        The hub refuses or cannot be reached; says what to do.
    """
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    # The base of all errors of the HTTP library that the client uses, which it has changed twice.
    network = cast("type[Exception]", HfHubHTTPError.__bases__[0])
    for attempt in range(attempts):
        try:
            return question()
        except (network, OfflineModeIsEnabled) as error:
            if attempt + 1 == attempts or not is_passing(error):
                raise InputError(f"{place}: {explain(error, place)}") from error
            time.sleep(receive.PAUSE * 2**attempt)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{place}: what {endpoint()} answered is not what a hub answers ({error}); check "
                "the environment variable HF_ENDPOINT, and `repository` in params.yaml"
            ) from error
    raise ValueError(f"expected at least one attempt, got {attempts}")


def is_passing(error: BaseException) -> bool:
    """Say whether the same question may be answered a moment later."""
    status = status_of(error)
    return status in TRANSIENT if status else type(error).__name__ != "OfflineModeIsEnabled"


def explain(error: BaseException, place: Place) -> str:
    """Say what an error of the client means and what to do about it."""
    status, name = status_of(error), type(error).__name__
    if name == "GatedRepoError":
        return gated(status, place)
    if name in WORDS:
        return WORDS[name].format(**place._asdict())
    if status == 401:
        return "the token is not valid; give another in the environment variable HF_TOKEN"
    if status == 403:
        return f"access is refused to this token; look at {place.page}, or change HF_TOKEN"
    if status is not None:
        return f"{reason(status)}; run again later"
    return (
        f"no connection to {endpoint()} ({name}); check the network, or name a mirror of the hub "
        "in the environment variable HF_ENDPOINT"
    )


def gated(status: int | None, place: Place) -> str:
    """Say how to be let into a gated repository."""
    if status == 401:
        return (
            f"gated, and no valid token was given; accept its licence at {place.page}, then give a "
            "token of that account in the environment variable HF_TOKEN"
        )
    return (
        "gated, and the account of the token in HF_TOKEN has not been let in; accept the licence "
        f"at {place.page} with that account"
    )


def status_of(error: Any) -> int | None:
    """Return the status of the answer that an error is about, None where none came."""
    response = getattr(error, "response", None)
    return None if response is None else response.status_code


TIMEOUT = 15.0
"""Seconds that the hub may take for an answer."""

SHOWN = 8
"""How many files an error names, where none matches."""

ADVICE = "The hub announced it: run again, or check the environment variable HF_ENDPOINT"
"""What to do about a file that is another than the hub says."""


class RepositoryFile(NamedTuple):
    """A file of a repository; one that git itself keeps has no `sha256`."""

    path: str
    size: int
    sha256: str | None
    commit: str


class Announced(NamedTuple):
    """What the hub says of a file before sending it: a SHA-256 or git's object name, and bytes."""

    digest: str
    size: int | None


def repository_files(
    repository: str,
    revision: str,
    pattern: str,
    kind: Kind = "dataset",
    attempts: int = receive.ATTEMPTS,
) -> list[RepositoryFile]:
    """Return the files of a repository whose paths match a glob pattern, 2.tar before 10.tar.

    `*` matches `/` too. The revision, a branch or a tag perhaps, is resolved to its commit first;
    the files name it, so that all are taken from the same.

    Raises
    ------
    InputError
        There is no such repository or revision, the hub cannot be reached, or no file matches.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    place, api = Place(repository, revision, kind), HfApi(endpoint=endpoint())
    about = {"revision": revision, "repo_type": kind, "timeout": TIMEOUT}
    commit = ask(place, lambda: api.repo_info(repository, **about).sha, attempts)
    if not commit:
        raise InputError(f"{place}: {endpoint()} names no commit for it; check HF_ENDPOINT")
    tree = {"revision": commit, "repo_type": kind, "recursive": True}
    entries = ask(place, lambda: list(api.list_repo_tree(repository, **tree)), attempts)
    files = [
        RepositoryFile(entry.path, entry.size, entry.lfs.sha256 if entry.lfs else None, commit)
        for entry in entries
        if isinstance(entry, RepoFile)
    ]
    files.sort(key=lambda file: numbers_in_order(file.path))
    found = [file for file in files if fnmatchcase(file.path, pattern)]
    if not found:
        raise InputError(no_match(place, pattern, [file.path for file in files]))
    return found


def fetch_file(repository: str, file: str, revision: str, kind: Kind, directory: Path) -> Path:
    """Return a file of a repository, kept in `directory` under the digest that the hub announces.

    That is the SHA-256 of a large file and git's object name of a small one. What came in part is
    resumed, by this run or a later one. The endpoint and the token come from where the client has
    them: HF_ENDPOINT, HF_TOKEN, or a login.

    Raises
    ------
    InputError
        There is no such repository, revision or file; it is gated and the token is missing or not
        let in; the hub cannot be reached; the disk is full; or what came is not what was announced.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    digest = announced(repository, file, revision, kind).digest
    url = hf_hub_url(repository, file, repo_type=kind, revision=revision, endpoint=endpoint())
    wanted = Wanted(digest)
    if len(digest) == 40:
        wanted = Wanted(digest, blob_digest, "git object")
    return bring(url, wanted._replace(advice=ADVICE), directory, build_hf_headers())


def announced(
    repository: str, file: str, revision: str, kind: Kind, attempts: int = receive.ATTEMPTS
) -> Announced:
    """Return the digest and the size of a file, as the hub announces them.

    Raises
    ------
    InputError
        As `fetch_file` does.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    place, at = Place(repository, revision, kind, file), endpoint()
    url = hf_hub_url(repository, file, repo_type=kind, revision=revision, endpoint=at)
    meta = ask(place, lambda: get_hf_file_metadata(url, timeout=TIMEOUT, endpoint=at), attempts)
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", meta.etag or ""):
        raise InputError(f"{place}: {at} announces no digest; check HF_ENDPOINT")
    return Announced(str(meta.etag), meta.size)


def blob_digest(file: Path) -> str:
    """Return git's object name of a file: the SHA-1 of `blob`, its length and its content."""
    data = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def numbers_in_order(path: str) -> list[tuple[int, str]]:
    """Return a sorting key that takes the numbers in a path as numbers."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path)
    ]


def no_match(place: Place, pattern: str, paths: list[str]) -> str:
    """Say that no file matches, and which there are."""
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    there = ", ".join(paths[:SHOWN]) + more if paths else "none at all"
    return f"{place}: no file matches {pattern!r}; check `files` in params.yaml. There are: {there}"
