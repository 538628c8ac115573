from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from stages.datasets.broden.reader import Concept, open_broden
from stages.runtime.errors import InputError
from tests.unit.datasets.broden.broden1 import TABLES, write_broden1


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
        assert broden.rows[0].labels("part") == ["ade20k/a_part_1.png", "ade20k/a_part_2.png"]
        assert broden.rows[1].labels("texture") == [6, 7] and broden.rows[1].labels("part") == []
        assert broden.rows[1].files == ["images/dtd/b.jpg", "images/dtd/b_color.png"]
        assert (broden.rows[0].sh, broden.rows[0].sw) == (4, 4)


def test_images_come_in_the_index_s_order(directory: Path):
    with open_broden(directory) as broden, ThreadPoolExecutor(3) as pool:
        images = list(pool.map(broden.__getitem__, range(len(broden))))
    assert np.mean(images, axis=(1, 2, 3)).round().tolist() == [0, 50, 100]


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
    text = TABLES["index.csv"].replace("val,8,8,4,4", f"val,8,8,{cell},4")
    (directory / "index.csv").write_text(text)
    with pytest.raises(InputError, match=r"index\.csv.*\[2\]\.sh"), open_broden(directory):
        pass


def test_a_coverage_that_is_no_number_is_refused_and_none_counts_as_0(directory: Path):
    file = directory / "c_object.csv"
    file.write_text(TABLES[file.name].replace("0.0625", "much"))
    with pytest.raises(InputError, match=r"c_object\.csv.*coverage"), open_broden(directory):
        pass
    file.write_text(TABLES[file.name].replace("0.0625", ""))
    with open_broden(directory) as broden:
        assert broden.concepts[1] == Concept(2, "fabric", "material")


def test_a_missing_image_is_named(directory: Path):
    (directory / "images/dtd/b.jpg").unlink()
    with (
        open_broden(directory) as broden,
        pytest.raises(InputError, match=r"images/dtd/b\.jpg expected"),
    ):
        broden[1]


def test_a_truncated_image_is_named(directory: Path):
    path = directory / "images/dtd/b.jpg"
    path.write_bytes(path.read_bytes()[:-60])
    with (
        open_broden(directory) as broden,
        pytest.raises(InputError, match=r"images/dtd/b\.jpg.*broken"),
    ):
        broden[1]
