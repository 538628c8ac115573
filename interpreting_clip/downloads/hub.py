"""Finds files of the Hugging Face hub with its client, and downloads them by their digests.

The client itself begins a broken download anew in the next run, and has no digest of what came.
"""

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeVar, cast

from interpreting_clip.downloads.http import (
    ATTEMPTS,
    PAUSE,
    TRANSIENT,
    RefusedError,
    download_digest,
    refusal,
)
from interpreting_clip.errors import InputError, public_url
from interpreting_clip.formats.files import file_digest, natural_order

Kind = Literal["dataset", "model"]
Answer = TypeVar("Answer")

TIMEOUT = 15.0
"""Seconds that the hub may take to connect, and for each piece of an answer but a listing."""

EXPLANATIONS = {
    "RepositoryNotFoundError": (
        "there is no such {kind} repository, or it is private; check `repository` in params.yaml, "
        "or give the token of an account that may read it in the environment variable HF_TOKEN"
    ),
    "RevisionNotFoundError": "there is no revision {revision!r}; check `revision` in params.yaml",
    "RemoteEntryNotFoundError": "there is no such file at this revision; check its name",
    "GatedRepoError": (
        "gated; accept its licence at {page}, then give a token of that account in the environment "
        "variable HF_TOKEN"
    ),
    "OfflineModeIsEnabled": "the hub's client is told to stay offline; unset HF_HUB_OFFLINE",
    "401": "the token is not valid; give another in the environment variable HF_TOKEN",
    "403": "access is refused to this token; look at {page}, or change HF_TOKEN",
}
"""What an error of the client means and what to do, by class or status."""


class RepositoryFile(NamedTuple):
    """The facts about a file.

    `digest` is the SHA-256 of a large file. For a file that git itself stores, it is git's object
    name: the SHA-1 of `blob`, its length and its content.
    """

    size: int
    digest: str


class Repository(NamedTuple):
    """A repository of the hub with its files by path, 2.tar before 10.tar.

    Once the files are known, `revision` is a commit, so that all come from the same commit.
    """

    name: str
    revision: str
    kind: Kind
    files: Mapping[str, RepositoryFile] = MappingProxyType({})

    @property
    def page(self) -> str:
        """The address where a person reads about the repository and accepts its licence."""
        prefix = "datasets/" if self.kind == "dataset" else ""
        return f"{public_url(endpoint())}/{prefix}{self.name}"

    def matching(self, *patterns: str) -> list[str]:
        """Return the files that match the first pattern that matches any; `*` matches `/` too."""
        for pattern in patterns:
            if found := [path for path in self.files if fnmatchcase(path, pattern)]:
                return found
        names = ", ".join(list(self.files)[:8]) + (" …" if len(self.files) > 8 else "")
        advice = (
            "check `files` in params.yaml"
            if self.kind == "dataset"
            else "choose another repository, or download the weights and use `source: checkpoint`"
        )
        raise InputError(
            f"{self.name}@{self.revision}: no file matches {' or '.join(map(repr, patterns))}; "
            f"{advice}. There are: {names or None}"
        )


def endpoint() -> str:
    """Return the hub's address from the environment, which the client reads only when imported."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def open_repository(
    name: str, revision: str, kind: Kind = "dataset", attempts: int = ATTEMPTS
) -> Repository:
    """Return a repository at a revision: a commit, or a branch or tag, which is resolved."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    def found() -> Repository:
        api = HfApi(endpoint=endpoint())
        commit = api.repo_info(name, revision=revision, repo_type=kind, timeout=TIMEOUT).sha
        tree = api.list_repo_tree(name, revision=commit, repo_type=kind, recursive=True)
        entries = sorted(
            (entry for entry in tree if isinstance(entry, RepoFile)),
            key=lambda entry: natural_order(entry.path),
        )
        files = {
            entry.path: RepositoryFile(entry.size, entry.lfs.sha256 if entry.lfs else entry.blob_id)
            for entry in entries
        }
        return Repository(name, str(commit), kind, files)

    return _call(found, Repository(name, revision, kind), attempts=attempts)


def require_access(repository: Repository, path: str, attempts: int = ATTEMPTS) -> None:
    """Check access to a file without its content: gated repositories list files to anybody."""
    from huggingface_hub import get_hf_file_metadata

    url = _url(repository, path)
    _call(
        lambda: get_hf_file_metadata(url, timeout=TIMEOUT, endpoint=endpoint()),
        repository,
        path,
        attempts,
    )


def download_file(repository: Repository, path: str, directory: Path) -> Path:
    """Return a file of a repository, kept in `directory`; an intact file is not requested again.

    The endpoint and the token are the client's: HF_ENDPOINT, HF_TOKEN, or a login.
    """
    from huggingface_hub.utils import build_hf_headers

    digest = repository.files[path].digest
    digest_of = file_digest if len(digest) == 64 else git_digest
    try:
        return download_digest(
            _url(repository, path),
            digest,
            directory,
            digest_of=digest_of,
            headers=build_hf_headers(),
            advice="name a mirror of the hub in the environment variable HF_ENDPOINT, or ",
        )
    except RefusedError:
        # The client knows more: which licence to accept, whether the token is valid.
        require_access(repository, path, attempts=1)
        raise


def _url(repository: Repository, path: str) -> str:
    from huggingface_hub import hf_hub_url

    name, commit, kind, _ = repository
    return hf_hub_url(name, path, repo_type=kind, revision=commit, endpoint=endpoint())


def git_digest(file: Path) -> str:
    """Return git's object name of a file."""
    start = b"blob %d\0" % file.stat().st_size
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.sha1(start, usedforsecurity=False))
    return digest.hexdigest()


def _call(
    request: Callable[[], Answer],
    repository: Repository,
    path: str | None = None,
    attempts: int = ATTEMPTS,
) -> Answer:
    """Return what the client's `request` returns; retry if the hub is busy or unreachable."""
    from huggingface_hub.errors import HfHubHTTPError

    where = f"{repository.name}@{repository.revision}" + (f": {path}" if path else "")
    # The base class of all errors of the client's HTTP library, which it has changed twice.
    network = cast("type[Exception]", HfHubHTTPError.__bases__[0])
    for attempt in range(1, attempts + 1):
        try:
            return request()
        # A library's text may have a part of an address or login that it could not parse.
        except Exception as error:
            status = getattr(getattr(error, "response", None), "status_code", 0)
            broken = isinstance(error, network) and type(error).__name__ not in EXPLANATIONS
            if attempt == attempts or not (status in TRANSIENT if status else broken):
                words = _explanation(error, status, repository, broken=broken)
                raise InputError(f"{where}: {words}") from error
            time.sleep(PAUSE * 2 ** (attempt - 1))
    raise ValueError(f"expected at least one attempt, got {attempts}")


def _explanation(error: Any, status: int, repository: Repository, *, broken: bool) -> str:
    """Say what an error of the client means and what to do about it."""
    name, hub = type(error).__name__, public_url(endpoint())
    if found := EXPLANATIONS.get(name) or EXPLANATIONS.get(str(status)):
        return found.format(**repository._asdict(), endpoint=hub, page=repository.page)
    if refused := refusal(status):
        return f"{refused[0]}; run again later"
    if broken:
        return (
            f"no connection to {hub}, or it broke ({name}); check the network and run again, or "
            "name a mirror of the hub in the environment variable HF_ENDPOINT"
        )
    return (
        f"what {hub} answered is not what a hub answers, or a proxy's address cannot be read "
        f"({name}); check the environment variables HF_ENDPOINT and HTTPS_PROXY, and `repository` "
        "in params.yaml"
    )
