"""Whether a source can be reached and how large it is, with nothing downloaded."""

import os
from pathlib import Path

from stages.storage.errors import InputError
from stages.storage.secrets import without_login
from stages.transfer.download import mirrored
from stages.transfer.hub import announced, repository_files
from stages.transfer.hub_answers import Kind
from stages.transfer.refusals import reason, remedy

TIMEOUT = (5.0, 10.0)
"""Seconds to connect, and for an answer."""

Found = tuple[str | None, int | None]
"""What stands in the way, None if nothing does; and the bytes to download, None if unknown."""


def url_problem(url: str, mirror: str | None = None) -> Found:
    """Say what stands in the way of `download`, and how many bytes it would bring.

    A server that refuses HEAD is asked for one byte.
    """
    import requests

    place = mirrored(url, mirror)
    shown = without_login(place)
    same = {"Accept-Encoding": "identity"}
    try:
        with requests.head(place, headers=same, timeout=TIMEOUT, allow_redirects=True) as answer:
            if reason(answer.status_code) is None:
                return None, length(answer.headers.get("Content-Length"))
        one = same | {"Range": "bytes=0-0"}
        with requests.get(place, headers=one, timeout=TIMEOUT, stream=True) as answer:
            why = reason(answer.status_code)
            if why:
                return f"{shown}: {why}; {remedy(answer.status_code)}", None
            total = answer.headers.get("Content-Range", "").rpartition("/")[2]
            return None, length(total or answer.headers.get("Content-Length"))
    except requests.RequestException as error:
        return f"{shown}: no connection ({type(error).__name__}); check the network", None


def repository_problem(
    repository: str, revision: str, pattern: str, kind: Kind = "dataset"
) -> Found:
    """Say what stands in the way of fetching the files that match, and how many bytes they have.

    A gated repository lists its files to anybody: the first is asked for, without its content.
    """
    size = None
    try:
        files = repository_files(repository, revision, pattern, kind, attempts=1)
        size = sum(file.size for file in files)
        announced(repository, files[0].path, files[0].commit, kind, attempts=1)
    except InputError as error:
        return str(error), size
    return None, size


def folder_problem(path: str, folders: str) -> str | None:
    """Say what stands in the way of reading a folder or a file, a relative one below `folders`."""
    place = Path(folders) / path
    if not os.access(place, os.F_OK):
        return f"{place}: not there; check the path in params.yaml and `folders` of this machine"
    if not os.access(place, os.R_OK):
        return f"{place}: may not be read; change its permissions"
    if place.is_dir() and not any(place.iterdir()):
        return f"{place}: an empty folder; is a disk to be mounted there?"
    return None


def length(text: str | None) -> int | None:
    """Return a number of bytes as a header gives it, None where it does not."""
    return int(text) if text and text.isdecimal() else None
