import numpy as np

from benchmarks.concepts import rows
from benchmarks.synthetic import Size, draw_labels

SMALL = Size(images=300, features=6, concepts=20, classes=8)


def test_labels_are_sparse_and_skewed():
    labels = draw_labels(Size(4000, 1, 300), seed=0)
    counts = np.bincount(labels.concept, minlength=300)
    assert 14 < len(labels.image) / 4000 < 17
    assert counts.min() >= 1
    assert counts.max() > 20 * np.median(counts)
    pairs = set(zip(labels.image.tolist(), labels.concept.tolist(), strict=True))
    assert len(pairs) == len(labels.image)


def test_the_table_agrees_with_scikit_learn(tmp_path):
    found = rows(tmp_path, SMALL, sample=10)
    assert {"negatives: balanced", "negatives: all"} <= {row.what for row in found}
    differences = [float(row.measured) for row in found if "difference" in row.what]
    assert len(differences) == 2
    assert max(differences) < 1e-9
