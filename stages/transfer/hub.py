"""Files of the Hugging Face hub: listed and asked for by its client, kept as all downloads are.

The client's own download keeps nothing of a file that came in part once the process has ended, and
hands out what it finds on the disk when the hub refuses. Shards are large and refusals matter, so
the client is asked where a file is and what its digest is; `download` brings it.
"""

import hashlib
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from stages.storage.errors import InputError
from stages.transfer import receive
from stages.transfer.download import Wanted, bring
from stages.transfer.hub_answers import Kind, Place, ask, endpoint

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
