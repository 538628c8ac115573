"""What dvc.lock records of an output: one MD5, which covers all of its files.

`contents.json` has the digests of an output's other files, and nothing in the output has its own.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

LOCK = Path("dvc.lock")

OUTS = re.compile(r"^    outs:\n((?:    - .*\n|      .*\n)+)", re.MULTILINE)
"""The outputs of a stage, as DVC lays them out: a parser of YAML takes 0.3 s for 8,000 lines."""

OUTPUT = re.compile(r"    - path: (\S+)\n      hash: md5\n      md5: ([0-9a-f]{32}(?:\.dir)?)\n")


def recorded_outputs(lock: Path = LOCK) -> dict[str, set[str]]:
    """Return DVC's MD5 of each output, by path; none if nothing is recorded.

    A path has several if dvc.lock still has a stage that was renamed since. A record that DVC is
    just writing, or that is laid out otherwise, is left out.
    """
    try:
        text = lock.read_text("utf-8")
    except (OSError, ValueError):
        return {}
    found: dict[str, set[str]] = {}
    for outs in OUTS.findall(text):
        for path, md5 in OUTPUT.findall(outs):
            found.setdefault(path, set()).add(md5)
    return found


def folder_md5(files: Mapping[str, str]) -> str:
    """Return the MD5 that DVC gives a folder, from those of its files by path.

    DVC 3 hashes the JSON of its listing, in the order of the paths.
    """
    listing = json.dumps([{"md5": files[path], "relpath": path} for path in sorted(files)])
    return hashlib.md5(listing.encode(), usedforsecurity=False).hexdigest() + ".dir"


def file_md5(file: Path) -> str:
    """Return the MD5 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()
