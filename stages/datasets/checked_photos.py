"""Every image is decoded once when it is fetched, so that a broken one is found then."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from stages.datasets.images import EXTENSIONS, decode_image, image_extension
from stages.datasets.photos import Photo
from stages.storage.errors import InputError

BLOCK = 8
"""How many images per worker are in memory at a time."""


def checked(
    photos: Iterable[Photo], border: int, where: str, workers: int
) -> Iterator[tuple[Photo, bytes]]:
    """Yield each photo with its bytes, read and decoded on `workers` threads, in order.

    Raises
    ------
    InputError
        An image is truncated, damaged, no image, or nothing but its border.
    """

    def check(photo: Photo) -> tuple[Photo, bytes]:
        data, name = photo.read(), f"{where}: {photo.path}"
        if image_extension(data) is None:
            raise InputError(
                f"{name}: an image ({', '.join(EXTENSIONS)}) was expected, its content is none; "
                "get it again or remove it"
            )
        if min(decode_image(data, name).shape[:2]) <= 2 * border:
            raise InputError(f"{name}: more than a border of {border} pixels was expected")
        return photo, data

    iterator = iter(photos)
    with ThreadPoolExecutor(workers) as pool:
        while block := list(islice(iterator, BLOCK * workers)):
            yield from pool.map(check, block)
