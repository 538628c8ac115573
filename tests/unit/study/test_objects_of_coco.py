"""The objects of COCO in `data/arrays` are in the photographs that its activations are of."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from interpreting_clip.formats.array_files import column_names, read_arrays
from tests.reads import ROOT

FILE = ROOT / "data/arrays/coco_val2017_objects.safetensors"
ARRAYS = {
    name: array.numbers()
    for file in (FILE, ROOT / "data/arrays/clip_vit_b16_coco.safetensors")
    for name, array in read_arrays(file).items()
}
SHOWN, HEAD = ARRAYS["objects"].astype(bool), ARRAYS["head"].astype(float)
NAMES = column_names(FILE, "objects") or []


def right(images: np.ndarray, shown: np.ndarray = SHOWN) -> float:
    """Return the percentage of images that show the object with the highest product."""
    return 100 * shown[np.arange(len(images)), np.argmax(images @ HEAD.T, axis=1)].mean()


def test_the_table_has_the_objects_of_each_photograph():
    assert SHOWN.shape == (500, 80) and len(set(NAMES)) == 80
    assert (NAMES[0], NAMES[-1]) == ("person", "toothbrush")
    assert SHOWN.any(axis=1).sum() == 497 and SHOWN[:, NAMES.index("person")].sum() == 219
    assert len(np.unique(ARRAYS["image_ids"])) == 500
    np.testing.assert_allclose(np.linalg.norm(HEAD, axis=1), 1, atol=1e-3)


def test_the_head_finds_the_objects_in_these_rows_and_in_no_others():
    found = right(ARRAYS["images"])
    assert found == pytest.approx(88.2)
    shifted = [right(ARRAYS["images"], np.roll(SHOWN, by, axis=0)) for by in range(1, 500)]
    assert max(shifted) < 20 and right(ARRAYS["random_images"]) < 5


def test_captions_are_of_the_same_photographs():
    # Caption embeddings and objects come from different sources, with the order in common.
    frequent = SHOWN.sum(axis=0) >= 10
    centred = (HEAD - HEAD.mean(axis=0)).T
    for name, least in (("captions", 0.8), ("images", 0.8)):
        scores = ARRAYS[name] @ centred
        areas = [roc_auc_score(SHOWN[:, c], scores[:, c]) for c in np.flatnonzero(frequent)]
        assert np.mean(areas) > least
