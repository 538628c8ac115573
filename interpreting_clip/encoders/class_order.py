"""The order of the classes in somebody's head, from a file that lists them."""

import re
from pathlib import Path

from interpreting_clip.datasets.imagenet import read_imagenet_classes
from interpreting_clip.encoders.weight_sources import ClassOrder
from interpreting_clip.errors import InputError
from interpreting_clip.formats.files import file_digest

WNID = re.compile(r"n\d{8}(?=\s|\Z)")
"""The WordNet id that a line may begin with, as in `synset_words.txt` of ILSVRC."""


def read_class_order(order: ClassOrder, folders: Path) -> list[int]:
    """Return the row of a head for each of ImageNet's classes, in ImageNet's order.

    The file has a line for each row of the head: the class's WordNet id, whatever follows it, or
    its name in OpenCLIP's list. Empty lines are not counted.

    Raises
    ------
    InputError
        The file is missing or another one, a line is no class of ImageNet's or a name that two
        classes have, or a class is listed twice or not at all.
    """
    file = folders / order.file
    if not file.is_file():
        raise InputError(
            f"{file}: no such list of classes; put it there, or let `folders` in compute.yaml name "
            "the folder that it is in"
        )
    if (digest := file_digest(file)) != order.sha256:
        raise InputError(
            f"{file}: expected the SHA-256 {order.sha256}, got {digest}; correct `classes.sha256` "
            "in params.yaml, or get the file again"
        )
    try:
        text = file.read_bytes().decode()
    except UnicodeDecodeError:
        raise InputError(f"{file}: no text in UTF-8; list one class per line") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    classes = read_imagenet_classes()
    places = {wnid: [index] for index, wnid in enumerate(classes.wnids)}
    for index, name in enumerate(classes.names):
        places.setdefault(name, []).append(index)
    rows: dict[int, int] = {}
    for row, line in enumerate(lines):
        found = WNID.match(line)
        named = places.get(found[0] if found else line, [])
        if len(named) != 1:
            why = "two classes of ImageNet's have this name" if named else "no class of ImageNet's"
            raise InputError(
                f"{file}: class {row + 1}, {line[:80]!r}: {why}; list WordNet ids (n01440764), or "
                "names as in data/reference/imagenet_classes.csv"
            )
        if named[0] in rows:
            raise InputError(
                f"{file}: {line[:80]!r} is class {rows[named[0]] + 1} and class {row + 1}; list "
                "each class once, in the order of the head's rows"
            )
        rows[named[0]] = row
    if missing := [classes.wnids[i] for i in range(len(classes.wnids)) if i not in rows]:
        raise InputError(
            f"{file}: expected {len(classes.wnids):,} classes, got {len(lines):,}; the first that "
            f"is missing is {missing[0]}; list all, in the order of the head's rows"
        )
    return [rows[index] for index in range(len(rows))]
