import csv
import io

import numpy as np
import pytest

from interpreting_clip.datasets.broden.reader import Concept
from interpreting_clip.datasets.broden.writer import Segmented, broden_files
from interpreting_clip.datasets.images import decode_image

CONCEPTS = [
    Concept(1, "red-c", "color"),
    Concept(300, "cat", "object"),
    Concept(3, "dots", "texture"),
]


def groups() -> list[list[tuple[str, bytes]]]:
    half = np.zeros((4, 4), np.int64)
    half[:2] = 300
    maps, image = {"object": [half, half[::-1].copy()]}, np.full((4, 4, 3), 9, np.uint8)
    return list(broden_files([Segmented(image, maps, {"texture": [3]})] * 6, CONCEPTS, "test"))


@pytest.fixture
def files() -> dict[str, bytes]:
    return dict(file for files in groups() for file in files)


def table(files: dict[str, bytes], name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files[name].decode())))


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
