import pytest

from stages.datasets.photos import Photo
from stages.datasets.real import BLOCK, checked
from stages.runtime.errors import InputError
from tests.unit.datasets.layouts import photo


def photos(*data: bytes) -> list[Photo]:
    return [Photo(f"{n}.jpg", lambda data=item: data, 0, None) for n, item in enumerate(data)]


@pytest.mark.parametrize("workers", [1, 3])
def test_photos_come_in_order_with_their_bytes(workers: int):
    given = photos(*[photo(number) for number in range(3 * BLOCK * workers + 1)])
    found = list(checked(given, 0, "here", workers))
    assert found == [(item, item.read()) for item in given]


@pytest.mark.parametrize(
    ("data", "message"),
    [(photo(1)[:-20], "here: 1.jpg.*broken"), (b"text", "here: 1.jpg: an image"), (b"", "none;")],
)
def test_a_bad_photo_is_named(data: bytes, message: str):
    with pytest.raises(InputError, match=message):
        list(checked(photos(photo(0), data), 0, "here", 2))


def test_nothing_but_border_is_refused():
    assert len(list(checked(photos(photo(0)), 2, "here", 1))) == 1
    with pytest.raises(InputError, match="more than a border of 3 pixels"):
        list(checked(photos(photo(0)), 3, "here", 1))
