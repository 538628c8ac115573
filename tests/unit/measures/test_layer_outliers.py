import numpy as np
import pytest

from interpreting_clip.arrays.pooled_layer import PooledLayer
from interpreting_clip.measures.kurtosis import kurtosis
from interpreting_clip.measures.layer_outliers import layer_outliers
from interpreting_clip.measures.massive_activations import massive_activations

RNG = np.random.default_rng(2)
TOKENS = RNG.normal(size=(30, 5, 64))
TOKENS[:, 1, 9] += 400
MAPS = np.moveaxis(TOKENS.reshape(30, 1, 5, 64), 3, 1)
"""The same as feature maps [image, channel, height, width]."""


def pooled(tokens: np.ndarray, **changed: np.ndarray) -> PooledLayer:
    sizes = np.abs(tokens).reshape(len(tokens), -1)
    layer = PooledLayer(
        activations=tokens.mean(axis=1),
        largest=sizes.max(axis=1),
        median=np.median(sizes, axis=1),
        massive_feature=np.abs(tokens).max(axis=1).argmax(axis=1),
        shape=np.array(tokens.shape[1:]),
    )
    return layer._replace(**changed)


def test_a_layer_has_the_numbers_of_both_measures_of_it():
    found = layer_outliers({"block01": TOKENS}).layers["block01"]
    shape, massive = kurtosis(TOKENS.mean(axis=1)), massive_activations(TOKENS)
    assert found.kurtosis == shape.kurtosis
    assert (found.outlier_features, found.feature.tolist()) == (1, [9])
    assert found.largest_share == shape.outliers.largest_share == 1
    assert found.ratio == massive.ratio and found.massive_feature == 9
    assert found.isotropic_ratio == massive.isotropic and found.values == 320


def test_pooled_before_and_in_another_layout_it_is_the_same():
    expected = layer_outliers({"a": TOKENS}).layers["a"].to_dict()
    before = layer_outliers({"a": pooled(TOKENS)}).layers["a"].to_dict()
    maps = layer_outliers({"a": MAPS}, feature_axis=1).layers["a"].to_dict()
    for name, value in expected.items():
        assert before[name] == maps[name] or maps[name] == pytest.approx(value), name


def test_noise_has_no_outliers_and_about_the_ratio_of_chance():
    (found,) = layer_outliers({"noise": RNG.normal(size=(200, 5, 64))}).layers.values()
    assert found.outlier_features == 0 and found.massive.value == 0
    assert found.ratio is not None
    assert found.ratio.value == pytest.approx(found.isotropic_ratio, rel=0.05)
    assert found.kurtosis.value == pytest.approx(found.isotropic_kurtosis, rel=0.05)


def test_the_table_has_a_row_for_each_layer_in_order():
    result = layer_outliers({"embedding": np.maximum(TOKENS - 5, 0), "block01": TOKENS})
    assert [one.layer for one in result.layers.values()] == ["embedding", "block01"]
    rows = [line.split()[0] for line in repr(result).splitlines()[2:4]]
    assert rows == ["embedding", "block01"]
    assert result.layers["embedding"].ratio is None
    html = result._repr_html_()
    assert html.count("<tr>") == 3 and "block01" in html
    assert result.numbers[0].name == "layers.embedding.ratio"


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ({}, "at least one layer"),
        ({"block01": np.ones((3, 4))}, "layer 'block01': image 0: all its features are equal"),
        ({"block01": pooled(TOKENS, largest=np.ones(3))}, "largest: .*30 images.*extract"),
    ],
)
def test_a_layer_that_cannot_be_measured_is_named(layers, said):
    with pytest.raises(ValueError, match=said):
        layer_outliers(layers)
