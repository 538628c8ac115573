"""Which images of a set are taken: all, or a fixed subset with equally many of each class."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from pathlib import PurePosixPath


def choose(classes: Mapping[str, int | None], limit: int | None) -> dict[str, int | None]:
    """Choose about `limit` images, ⌊limit / classes⌋ of each class; None: all of them.

    Of a class those are taken whose class and file name have the smallest SHA-256: a sample that
    looks random and is the same on every machine, whatever the order of the files and the folders
    above. A class that has fewer images gives all; a set without classes counts as one class.

    Raises
    ------
    ValueError
        The limit is below one image per class.
    """
    if limit is None:
        return dict(classes)
    paths: dict[int | None, list[str]] = defaultdict(list)
    for path, class_ in classes.items():
        paths[class_].append(path)
    each = limit // len(paths)
    if each == 0:
        raise ValueError(
            f"a `limit` of at least one image per class, {len(paths)}, was expected, got {limit}"
        )

    def rank(path: str) -> tuple[bytes, str]:
        identity = f"{classes[path]}/{PurePosixPath(path).name}"
        return hashlib.sha256(identity.encode()).digest(), path

    kept = {path for group in paths.values() for path in sorted(group, key=rank)[:each]}
    return {path: class_ for path, class_ in classes.items() if path in kept}
