import hashlib
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.datasets.imagenet import read_imagenet_classes
from interpreting_clip.encoders.sources.checkpoint import ClassOrder, read_class_order
from interpreting_clip.errors import InputError
from tests.reads import ROOT

CLASSES = read_imagenet_classes(ROOT / "data/reference")
SHUFFLED = np.random.default_rng(0).permutation(1000).tolist()


@pytest.fixture(autouse=True)
def _tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def order(folder: Path, text: str) -> list[int]:
    (folder / "classes.txt").write_text(text)
    digest = hashlib.sha256((folder / "classes.txt").read_bytes()).hexdigest()
    return read_class_order(ClassOrder(file="classes.txt", sha256=digest), folder)


@pytest.mark.parametrize("layout", ["{wnid}", "{wnid} {name}, and more", "\n {wnid}\r"])
def test_each_class_gets_the_row_that_lists_it(tmp_path, layout):
    lines = [layout.format(wnid=CLASSES.wnids[i], name=CLASSES.names[i]) for i in SHUFFLED]
    rows = order(tmp_path, "\n".join(lines))
    assert [SHUFFLED[row] for row in rows] == list(range(1000))


def test_names_do_where_they_are_of_one_class(tmp_path):
    twice = {name for name in CLASSES.names if CLASSES.names.count(name) > 1}
    mixed = [CLASSES.wnids[i] if CLASSES.names[i] in twice else CLASSES.names[i] for i in SHUFFLED]
    assert twice and order(tmp_path, "\n".join(mixed)) == order(
        tmp_path, "\n".join(CLASSES.wnids[i] for i in SHUFFLED)
    )
    with pytest.raises(InputError, match="WordNet ids"):
        order(tmp_path, "\n".join(CLASSES.names))


WNIDS = CLASSES.wnids


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (WNIDS[:-1], f"expected 1,000 classes, got 999; .*{WNIDS[-1]}"),
        ([*WNIDS, WNIDS[3]], f"'{WNIDS[3]}' is class 4 and class 1001"),
        (["n99999999", *WNIDS[1:]], "class 1, 'n99999999': no class"),
        ([*WNIDS[:4], "a cat\t\x07", *WNIDS[5:]], "class 5, 'a cat"),
        (["background", *WNIDS], "class 1, 'background'"),
        ([], "is empty"),
    ],
)
def test_lists_that_are_no_order_of_imagenet_s_classes_are_refused(tmp_path, lines, message):
    with pytest.raises(InputError, match=message):
        order(tmp_path, "\n".join(lines))


def test_another_file_and_none_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"classes\.txt: .*folders"):
        read_class_order(ClassOrder(file="classes.txt", sha256="0" * 64), tmp_path)
    (tmp_path / "classes.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"classes\.txt: .*SHA-256 0000"):
        read_class_order(ClassOrder(file="classes.txt", sha256="0" * 64), tmp_path)
    digest = hashlib.sha256(b"\xff\xfe").hexdigest()
    with pytest.raises(InputError, match="UTF-8"):
        read_class_order(ClassOrder(file="classes.txt", sha256=digest), tmp_path)
