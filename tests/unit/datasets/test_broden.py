from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from stages.datasets.broden.reader import (
    BrodenPictures,
    iterate_images,
    open_broden,
    read_broden_images,
)
from stages.datasets.broden.tables import Concept
from stages.runtime.errors import InputError
from tests.unit.datasets.broden1 import TABLES, write_broden1


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write_broden1(tmp_path / "broden1_8")


def test_concepts_come_by_number_with_the_category_that_they_cover_most(directory: Path):
    with open_broden(directory) as broden:
        assert broden.concepts == [
            Concept(1, "red-c", "color"),
            Concept(2, "fabric", "material"),
            Concept(4, "head", "part"),
            Concept(5, "street, wet-s", "scene"),
            Concept(6, "dotted", "texture"),
            Concept(7, "lined", "texture"),
            Concept(258, "leg", "part"),
        ]


def test_rows_keep_the_index_s_order_and_tell_maps_from_numbers(directory: Path):
    with open_broden(directory) as broden:
        assert [row.image for row in broden.rows] == ["ade20k/a.jpg", "dtd/b.jpg", "os/c.jpg"]
        assert broden.rows[0].labels["part"] == ["ade20k/a_part_1.png", "ade20k/a_part_2.png"]
        assert broden.rows[1].labels == {"color": ["dtd/b_color.png"], "texture": [6, 7]}
        assert (broden.rows[0].height, broden.rows[0].width) == (4, 4)


def test_images_come_in_the_index_s_order(directory: Path):
    with open_broden(directory) as broden:
        batches = list(iterate_images(broden, 2))
    assert [len(batch) for batch in batches] == [2, 1]
    whole = read_broden_images(directory)
    np.testing.assert_array_equal(np.concatenate(batches), whole)
    assert whole.mean(axis=(1, 2, 3)).round().tolist() == [0, 50, 100]


def test_pictures_are_the_images_each_on_its_own(directory: Path):
    whole = read_broden_images(directory)
    with open_broden(directory) as broden, ThreadPoolExecutor(3) as pool:
        pictures = BrodenPictures(broden)
        found = list(pool.map(pictures.__getitem__, range(len(pictures))))
    np.testing.assert_array_equal(found, whole)


def test_a_table_that_is_not_utf_8_is_named(directory: Path):
    (directory / "label.csv").write_bytes(b"number,name,category\n1,caf\xe9,object(1)\n")
    with pytest.raises(InputError, match=r"label\.csv must be UTF-8"), open_broden(directory):
        pass


@pytest.mark.parametrize("name", TABLES)
def test_a_missing_table_is_named(name: str, directory: Path):
    (directory / name).unlink()
    with pytest.raises(InputError, match=f"{name} expected"), open_broden(directory):
        pass


def test_a_missing_column_is_named(directory: Path):
    (directory / "label.csv").write_text("number,name\n1,red-c\n")
    with pytest.raises(InputError, match=r"label\.csv.*lacks.*category"), open_broden(directory):
        pass


def test_an_empty_index_is_refused(directory: Path):
    (directory / "index.csv").write_text(TABLES["index.csv"].splitlines()[0])
    with pytest.raises(InputError, match=r"index\.csv must have a row"), open_broden(directory):
        pass


@pytest.mark.parametrize("cell", ["", "4.5", "-4"])
def test_a_size_that_is_no_number_is_refused(cell: str, directory: Path):
    text = TABLES["index.csv"].replace("8,8,4,4", f"8,8,{cell},4")
    (directory / "index.csv").write_text(text)
    with pytest.raises(InputError, match=r"index\.csv: a whole number"), open_broden(directory):
        pass


def test_a_missing_image_is_named(directory: Path):
    (directory / "images/dtd/b.jpg").unlink()
    with pytest.raises(InputError, match=r"images/dtd/b\.jpg expected"):
        read_broden_images(directory)


def test_a_truncated_image_is_named(directory: Path):
    path = directory / "images/dtd/b.jpg"
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(InputError, match=r"images/dtd/b\.jpg.*broken"):
        read_broden_images(directory)
