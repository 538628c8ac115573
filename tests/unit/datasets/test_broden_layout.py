import csv
import io
from pathlib import Path

import numpy as np
import pytest

from stages.datasets.broden.tables import INDEX_COLUMNS, Concept
from stages.datasets.broden.writer import BrodenWriter
from stages.datasets.images import decode_image
from stages.datasets.tar import open_archive

CONCEPTS = [
    Concept(1, "red-c", "color"),
    Concept(300, "cat", "object"),
    Concept(3, "dots", "texture"),
]


def write(path: Path) -> str:
    half = np.zeros((4, 4), np.int64)
    half[:2] = 300
    with BrodenWriter(path, CONCEPTS, "test") as writer:
        for _ in range(6):
            image = np.full((4, 4, 3), 9, np.uint8)
            writer.add(image, {"object": [half, half[::-1].copy()]}, {"texture": [3]})
    return writer.sha256


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    path = tmp_path / "x.tar"
    with open_archive(path, write(path)) as archive:
        return {name: archive.read(offset, size) for name, offset, size in archive.members()}


def table(files: dict[str, bytes], name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files[name].decode())))


def test_the_index_has_broden_s_columns(files: dict[str, bytes]):
    rows = table(files, "index.csv")
    assert tuple(rows[0]) == INDEX_COLUMNS
    assert rows[0]["object"] == "test/00000000_object_1.png;test/00000000_object_2.png"
    assert [rows[0][name] for name in ("ih", "iw", "sh", "sw", "texture", "color")] == [
        *"4444",
        "3",
        "",
    ]
    assert [row["split"] for row in rows] == ["train"] * 4 + ["val", "train"]


def test_a_label_is_red_plus_256_green(files: dict[str, bytes]):
    channels = decode_image(files["images/test/00000000_object_1.png"], "map")
    assert channels[0, 0].tolist() == [300 % 256, 300 // 256, 0]
    assert channels[3, 0].tolist() == [0, 0, 0]


def test_frequencies_count_images_and_coverage_counts_pixels_once(files: dict[str, bytes]):
    rows = {row["name"]: row for row in table(files, "label.csv")}
    assert rows["cat"]["category"] == "object(6)"
    assert float(rows["cat"]["coverage"]) == 6.0
    assert rows["dots"]["frequency"] == "6"
    assert rows["red-c"]["frequency"] == "0"


def test_each_category_has_its_codes(files: dict[str, bytes]):
    assert [row["name"] for row in table(files, "category.csv")] == ["color", "object", "texture"]
    (code,) = table(files, "c_object.csv")
    assert (code["code"], code["number"], code["name"]) == ("1", "300", "cat")


def test_the_bytes_are_the_same_every_time(tmp_path: Path):
    assert write(tmp_path / "one.tar") == write(tmp_path / "two.tar")
