import hashlib

import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.formats.image_lists import (
    ListedImage,
    order_digest,
    read_image_list,
    write_image_list,
)

ONE, TWO = (hashlib.sha256(text).hexdigest() for text in (b"one", b"two"))


def test_round_trip_with_names_that_csv_quotes(tmp_path):
    images = [ListedImage(ONE, "ade20k/a, b.jpg", None), ListedImage(TWO, "00000001", 17)]
    write_image_list(tmp_path / "list.csv", images)
    assert read_image_list(tmp_path / "list.csv") == images
    rows = (tmp_path / "list.csv").read_text().splitlines()
    # What the docstring says of `cut`, names with commas included.
    lines = "".join(f"{row.split(',')[0]}\n" for row in rows[1:])
    assert order_digest([ONE, TWO]) == hashlib.sha256(lines.encode()).hexdigest()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"image,sha256,class\n", "columns sha256"),
        (b"sha256,image,class\nabc,00000000,1\n", "row 1"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path, text, expected):
    (tmp_path / "list.csv").write_bytes(text)
    with pytest.raises(InputError, match=rf"list\.csv: .*{expected}.*tools image-list"):
        read_image_list(tmp_path / "list.csv")
