from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.datasets.broden.reader import Concept, open_broden
from interpreting_clip.errors import InputError
from tests.unit.datasets.broden.conftest import TABLES, replace_file


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


def test_images_come_in_the_index_s_order(directory: Path):
    with open_broden(directory) as broden, ThreadPoolExecutor(3) as pool:
        images = list(pool.map(broden.__getitem__, range(len(broden))))
    assert np.mean(images, axis=(1, 2, 3)).round().tolist() == [0, 50, 100]


COVERAGE = TABLES["c_object.csv"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "label.csv",
            b"number,name,category\n1,caf\xe9,object(1)\n",
            r"label\.csv must be a table in UTF-8",
        ),
        ("label.csv", "number,name\n1,red-c\n", r"label\.csv.*missing.*category"),
        ("c_object.csv", COVERAGE.replace("0.0625", "much"), r"c_object\.csv.*coverage"),
        *((name, None, f"{name} expected") for name in TABLES),
    ],
)
def test_a_missing_or_broken_table_is_named(directory: Path, name, content, message):
    replace_file(directory / name, content)
    with pytest.raises(InputError, match=message), open_broden(directory):
        pass
