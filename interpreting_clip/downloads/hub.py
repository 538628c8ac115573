"""Downloads files of the Hugging Face hub with its client, and explains errors.

The client checks a file's size but not its digest, so that is done here. It keeps files in its own
layout (`snapshots/<commit>/<path>`) below the machine's folder of downloads.
"""

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeVar, cast

from interpreting_clip.downloads.http import (
    ATTEMPTS,
    PAUSE,
    TRANSIENT,
    disk_space_for,
    refusal,
    require_space,
)
from interpreting_clip.errors import InputError
from interpreting_clip.formats.files import file_digest, natural_order
from interpreting_clip.urls import public_url

Kind = Literal["dataset", "model"]
Answer = TypeVar("Answer")

TIMEOUT = 15.0
"""Seconds that the hub may take to connect, and for each piece of an answer."""

SHOWN = 8
"""How many files an error names if none matches."""

EXPLANATIONS: dict[str | int | None, str] = {
    "RepositoryNotFoundError": (
        "there is no such {kind} repository, or it is private; check `repository` in params.yaml, "
        "or give the token of an account that may read it in the environment variable HF_TOKEN"
    ),
    "RevisionNotFoundError": "there is no revision {revision!r}; check `revision` in params.yaml",
    "RemoteEntryNotFoundError": "there is no such file at this revision; check its name",
    "GatedRepoError 401": (
        "gated, and no valid token was given; accept its licence at {page}, then give a token of "
        "that account in the environment variable HF_TOKEN"
    ),
    "GatedRepoError": (
        "gated, and the account of the token in HF_TOKEN has not been let in; accept the licence "
        "at {page} with that account"
    ),
    "OfflineModeIsEnabled": "the hub's client is told to stay offline; unset HF_HUB_OFFLINE",
    "FileMetadataError": "{endpoint} announces no digest; check HF_ENDPOINT",
    "UnsupportedProtocol": "{endpoint} has to begin with https:// or http://; check HF_ENDPOINT",
    401: "the token is not valid; give another in the environment variable HF_TOKEN",
    403: "access is refused to this token; look at {page}, or change HF_TOKEN",
}
"""What an error of the client means and what to do, by class and status, class, or status."""


class RepositoryFile(NamedTuple):
    """What the hub says about a file.

    `digest` is the SHA-256 of a large file. For a file that git itself stores, it is git's object
    name: the SHA-1 of `blob`, its length and its content.
    """

    size: int
    digest: str


class Repository(NamedTuple):
    """A repository of the hub with its files by path, 2.tar before 10.tar.

    Once the files are known, `revision` is a commit, so that all come from the same one.
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
        """Return the files that match the first pattern that matches any file.

        `*` matches `/` too.

        Raises
        ------
        InputError
            No file matches any pattern; names some files of the repository.
        """
        for pattern in patterns:
            if found := [path for path in self.files if fnmatchcase(path, pattern)]:
                return found
        more = f" and {len(self.files) - SHOWN} more" if len(self.files) > SHOWN else ""
        there = ", ".join(list(self.files)[:SHOWN]) + more or "none at all"
        advice = (
            "check `files` in params.yaml"
            if self.kind == "dataset"
            else "choose another repository, or download the weights and use `source: checkpoint`"
        )
        raise InputError(
            f"{self.name}@{self.revision}: no file matches {' or '.join(map(repr, patterns))}; "
            f"{advice}. There are: {there}"
        )


def endpoint() -> str:
    """Return the hub's address from the environment, which the client reads only when imported."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def open_repository(
    name: str, revision: str, kind: Kind = "dataset", attempts: int = ATTEMPTS
) -> Repository:
    """Return a repository at a revision: a commit, or a branch or tag, which is resolved.

    Raises
    ------
    InputError
        There is no such repository or revision, or the hub cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    repository, api = Repository(name, revision, kind), HfApi(endpoint=endpoint())
    about = {"revision": revision, "repo_type": kind, "timeout": TIMEOUT}
    commit = _call(lambda: api.repo_info(name, **about).sha, repository, attempts=attempts)
    if not commit:
        raise InputError(
            f"{name}@{revision}: {public_url(endpoint())} names no commit; check HF_ENDPOINT"
        )
    tree = {"revision": commit, "repo_type": kind, "recursive": True}

    def files() -> dict[str, RepositoryFile]:
        entries = [e for e in api.list_repo_tree(name, **tree) if isinstance(e, RepoFile)]
        return {
            e.path: RepositoryFile(e.size, e.lfs.sha256 if e.lfs else e.blob_id)
            for e in sorted(entries, key=lambda e: natural_order(e.path))
        }

    listed = _call(files, repository, attempts=attempts)
    return repository._replace(revision=commit, files=listed)


def require_access(repository: Repository, path: str, attempts: int = ATTEMPTS) -> None:
    """Check access to a file without its content: gated repositories list files to anybody."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    name, commit, kind, _ = repository
    url = hf_hub_url(name, path, repo_type=kind, revision=commit, endpoint=endpoint())
    request = partial(get_hf_file_metadata, url, timeout=TIMEOUT, endpoint=endpoint())
    _call(request, repository, path, attempts)


def download_file(repository: Repository, path: str, directory: Path) -> Path:
    """Return a file of a repository, kept below `directory`; an intact one is not requested again.

    The client finds endpoint and token itself: HF_ENDPOINT, HF_TOKEN, or a login.

    Raises
    ------
    InputError
        The repository, revision or file does not exist; it is gated and the token is missing or
        lacks access; the hub cannot be reached; the disk is full; or another file than listed came,
        and was removed.
    """
    from filelock import FileLock
    from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache

    constants.HF_HUB_DISABLE_XET = True  # mirrors of the hub do not have Xet's own servers
    name, commit, kind, files = repository
    if not path.isprintable():  # the client's progress bar would print the name unescaped
        raise InputError(
            f"{name}@{commit}: {path}: expected a file name without control characters; choose "
            "other files, or download it by hand and use `source: folder` or `checkpoint`"
        )
    size, digest = files[path]
    place = {"repo_type": kind, "revision": commit, "cache_dir": directory}
    with disk_space_for(directory), FileLock(directory / f"{digest}.lock"):
        cached = try_to_load_from_cache(name, path, **place)
        if isinstance(cached, str):
            if _digest(Path(cached), digest) == digest:
                return Path(cached)
            _remove(Path(cached))
        require_space(directory, size, f"{name}@{commit}: {path}")
        place |= {"endpoint": endpoint(), "etag_timeout": TIMEOUT}
        received = Path(_call(lambda: hf_hub_download(name, path, **place), repository, path))
        for remnant in received.resolve().parent.glob(f"{digest}.*.incomplete"):
            remnant.unlink()  # left by a process that was killed
        if (found := _digest(received, digest)) != digest:
            size = received.stat().st_size
            _remove(received)
            raise InputError(
                f"{name}@{commit}: {path}: expected the digest {digest}, got {found} "
                f"({size:,} bytes); the file was removed. The hub announced it: run again, or "
                "check the environment variable HF_ENDPOINT"
            )
    return received


def _digest(file: Path, like: str) -> str:
    """Return a file's digest of the same kind as another: a SHA-256 or git's object name."""
    if len(like) == 64:
        return file_digest(file)
    start = b"blob %d\0" % file.stat().st_size
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.sha1(start, usedforsecurity=False))
    return digest.hexdigest()


def _remove(file: Path) -> None:
    """Remove a file of the client's cache: the content, and the link to it in a snapshot."""
    file.resolve().unlink(missing_ok=True)
    file.unlink(missing_ok=True)


def _call(
    request: Callable[[], Answer],
    repository: Repository,
    path: str | None = None,
    attempts: int = ATTEMPTS,
) -> Answer:
    """Return what the client's `request` returns; retry if the hub is busy or unreachable.

    Raises
    ------
    InputError
        The hub refuses or cannot be reached; says what to do.
    """
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    from huggingface_hub.utils import logging

    # Warnings show URLs with their signature or login, and the server's text, unescaped.
    logging.set_verbosity_error()
    where = f"{repository.name}@{repository.revision}" + (f": {path}" if path else "")
    # The base class of all errors of the client's HTTP library, which it has changed twice.
    network = cast("type[Exception]", HfHubHTTPError.__bases__[0])
    with _LOCK:
        _set_timeouts()
    for attempt in range(1, attempts + 1):
        try:
            return request()
        except LocalEntryNotFoundError as error:  # after the client's own attempts
            cause = error.__cause__ or error
            raise InputError(f"{where}: {_explanation(cause, repository)}") from error
        except (network, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            if attempt == attempts or not _is_transient(error):
                raise InputError(f"{where}: {_explanation(error, repository)}") from error
            time.sleep(PAUSE * 2 ** (attempt - 1))
        except Exception as error:
            # A library's text may have a part of an address or login that it could not parse.
            raise InputError(
                f"{where}: what {public_url(endpoint())} answered is not what a hub answers, or a "
                f"proxy's address cannot be read ({type(error).__name__}); check the environment "
                "variables HF_ENDPOINT and HTTPS_PROXY, and `repository` in params.yaml"
            ) from error
    raise ValueError(f"expected at least one attempt, got {attempts}")


_LOCK = Lock()
"""A new factory closes the client that another thread may use."""


@cache
def _set_timeouts() -> None:
    """Give every request of the library `TIMEOUT` that has none, such as those for listings."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def limit(request: Any) -> None:
        limits = request.extensions["timeout"]
        request.extensions["timeout"] = {key: limits[key] or TIMEOUT for key in limits}

    def client() -> Any:
        made = default_client_factory()
        made.event_hooks["request"].append(limit)
        return made

    set_client_factory(client)


def _status(error: Any) -> int | None:
    response = getattr(error, "response", None)
    return None if response is None else response.status_code


def _is_transient(error: BaseException) -> bool:
    """Say whether the same request may succeed a moment later."""
    status = _status(error)
    return status in TRANSIENT if status else type(error).__name__ not in EXPLANATIONS


def _explanation(error: BaseException, repository: Repository) -> str:
    """Say what an error of the client means and what to do about it."""
    status, name = _status(error), type(error).__name__
    for key in (f"{name} {status}", name, status):
        if key in EXPLANATIONS:
            facts = {"endpoint": public_url(endpoint()), "page": repository.page}
            return EXPLANATIONS[key].format(**repository._asdict(), **facts)
    if refused := refusal(status or 0):
        return f"{refused[0]}; run again later"
    return (
        f"no connection to {public_url(endpoint())}, or it broke ({name}); check the network and "
        "run again, or name a mirror of the hub in the environment variable HF_ENDPOINT"
    )
