import io

import numpy as np
import pytest
from scipy.io import savemat

from stages.config.datasets import ImageNet
from stages.datasets.class_folders import (
    ILSVRC_IDS,
    META,
    SOLUTION,
    SYNSETS,
    classify,
    validation_number,
)
from stages.datasets.imagenet import published_set, read_imagenet_classes
from stages.runtime.errors import InputError

IMAGES = [f"val/ILSVRC2012_val_0000000{number}.JPEG" for number in (1, 2, 3)]
EXPECTED = dict(zip(IMAGES, [65, 970, 0], strict=True))
WNIDS = ("n01751748", "n09193705", "n01440764")


def classified(**truth: bytes) -> dict[str, int]:
    published = published_set(ImageNet(source="folder", folder="x"), read_imagenet_classes())
    return classify(IMAGES, {SLOT[name]: data for name, data in truth.items()}, published, "val")


SLOT = {"solution": SOLUTION, "synsets": SYNSETS, "ids": ILSVRC_IDS, "meta": META}
SYNSET_LINES = "\n".join(WNIDS).encode() + b"\n"
SOLUTION_ROWS = (
    "ImageId,PredictionString\n"
    f"ILSVRC2012_val_00000003,{WNIDS[2]} 85 1 499 272 {WNIDS[2]} 1 2 3 4\n"
    f"ILSVRC2012_val_00000001,{WNIDS[0]} 111 108 334 299\n"
    f"ILSVRC2012_val_00000002,{WNIDS[1]} 0 0 9 9\n"
).encode()


def meta(wnids: tuple[str, ...]) -> bytes:
    """Write a `meta.mat` with ILSVRC ids from 1 and, at its end, a synset with children."""
    form = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O")]
    rows = [(id_, wnid, "a word", 0) for id_, wnid in enumerate(wnids, 1)]
    table = np.array([*rows, (len(rows) + 1, "n00001740", "entity", 3)], dtype=form)
    stream = io.BytesIO()
    savemat(stream, {"synsets": table})
    return stream.getvalue()


def test_kaggle_s_solution_says_the_classes():
    assert classified(solution=SOLUTION_ROWS) == EXPECTED


def test_a_list_of_wordnet_ids_says_the_classes():
    assert classified(synsets=SYNSET_LINES) == EXPECTED


def test_ilsvrc_ids_are_read_through_meta_and_not_as_indices():
    shuffled = (WNIDS[1], WNIDS[2], WNIDS[0])
    assert classified(ids=b"3\n1\n2\n", meta=meta(shuffled)) == EXPECTED


def test_names_carry_the_number():
    assert validation_number("ILSVRC2012_val_00049999.JPEG") == 49999
    assert validation_number("n01440764_1.JPEG") is None


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ({}, "need a file that says their classes.*there is none"),
        ({"ids": b"3\n1\n2\n"}, "without its meta.mat"),
        ({"ids": b"3\n1\n9\n", "meta": meta(WNIDS)}, "holds '9', which is none of the ids"),
        ({"ids": b"3\n1\n2\n", "meta": b"no table"}, r"meta\.mat: the table `synsets`"),
        ({"synsets": b"n01751748\n"}, "00000002.JPEG was expected in its ground truth, nothing"),
        ({"synsets": b"n01751748\n1\n2\n"}, "ground truth, 1 is there"),
        ({"solution": b"a,b\n1,2\n"}, "expected the columns ImageId"),
    ],
)
def test_other_files_are_refused(truth: dict[str, bytes], message: str):
    with pytest.raises(InputError, match=message):
        classified(**truth)
