"""The list of a dataset's images in their order, and the digest by which the order is known.

An image is known by the SHA-256 of its file in the dataset's shards, so whoever has the same files
can find each image, whatever its name is there.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_whole

COLUMNS = ("sha256", "image", "class")


class ListedImage(NamedTuple):
    """An image: the SHA-256 of its file, its name in the dataset, its class index if it has one."""

    sha256: str
    image: str
    class_: int | None


def order_digest(digests: Iterable[str]) -> str:
    """Return the digest of images in their order, from the SHA-256 of each one's file.

    It is the SHA-256 of a text with one line per image, each line the 64 digits of an image. So
    `tail -n +2 imagenet_val.csv | cut -d, -f1 | sha256sum` prints the digest of a list.
    """
    order = hashlib.sha256()
    for digest in digests:
        order.update(f"{digest}\n".encode())
    return order.hexdigest()


def write_image_list(file: Path, images: Iterable[ListedImage]) -> None:
    """Write a list of images as CSV, with the columns `sha256`, `image` and `class`."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(images)
    write_whole(file, text.getvalue().encode())


def read_image_list(file: Path) -> list[ListedImage]:
    """Read what `write_image_list` wrote."""
    advice = "`python -m tools image-list` writes it"
    try:
        rows = list(csv.reader(io.StringIO(file.read_text("utf-8"), newline="")))
    except FileNotFoundError:
        raise InputError(f"{file}: no such list of images; {advice}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: not a list of images ({error}); {advice}") from None
    if not rows or tuple(rows[0]) != COLUMNS:
        raise InputError(f"{file}: expected the columns {', '.join(COLUMNS)}; {advice}")
    images = []
    for number, row in enumerate(rows[1:], 1):
        if len(row) != len(COLUMNS) or not re.fullmatch("[0-9a-f]{64}", row[0]):
            raise InputError(f"{file}: row {number} is damaged; {advice}")
        images.append(ListedImage(row[0], row[1], int(row[2]) if row[2].isdecimal() else None))
    return images
