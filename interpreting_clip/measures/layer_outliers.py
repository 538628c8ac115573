"""Outliers by layer: kurtosis, outlier features and massive activations of every layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from jaxtyping import Int

from interpreting_clip.arrays.conversions import (
    ArrayLike,
    as_mapping,
    as_matrix,
    as_representation,
    as_value,
    numeric,
)
from interpreting_clip.arrays.pooled_layer import PooledLayer
from interpreting_clip.errors import one_line
from interpreting_clip.formats.result import Estimate, Label, Part, Result
from interpreting_clip.measures.kurtosis import kurtosis
from interpreting_clip.measures.massive_activations import (
    MassiveActivations,
    as_limits,
    massive_activations,
    summarize_extremes,
)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class LayerOutlier(Result):
    """The outliers of one layer: of its pooled output, but for the ratio, which is of all of it.

    Attributes
    ----------
    ratio : as in `MassiveActivations`
    massive : share of images, 0 to 1, with a massive activation
    kurtosis : mean over images
    outlier_features : how many there are
    largest_share : share of images, 0 to 1, in which the most extreme feature is extreme
    isotropic_ratio, isotropic_kurtosis : what chance gives
    feature : the outlier features, the one that is extreme in most images first
    massive_feature : the feature that holds the largest value in most images, from 0
    features, values : how many an image has, after and before pooling
    layer : its name
    """

    ratio: Annotated[
        Estimate | None, Label("largest / median absolute value", 1, chance="isotropic_ratio")
    ]
    massive: Annotated[Estimate, Label("images with a massive activation", 3)]
    kurtosis: Annotated[Estimate, Label("mean kurtosis per image", 2, chance="isotropic_kurtosis")]
    outlier_features: Annotated[int, Label("outlier features", 0)]
    largest_share: Annotated[float, Label("images in which the top feature is extreme", 3)]
    isotropic_ratio: float
    isotropic_kurtosis: float | None
    feature: Int[np.ndarray, " _outlier"]
    massive_feature: int
    features: int
    values: int
    layer: str


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class LayerOutliers(Result):
    """The outliers of every layer, in the order of the layers."""

    CAPTION: ClassVar[str] = (
        "Intervals: bootstrap over images. Chance: as many independent Gaussian values. Kurtosis "
        "and outlier features are of the pooled output, the ratio and massive activations of the "
        "output before pooling; there is no ratio where a median is 0, as after a ReLU. Counts and "
        "shares have no interval and no chance level here."
    )

    layers: Annotated[dict[str, LayerOutlier], Part("")]

    @property
    def columns(self) -> list[tuple[str, ...]]:
        """The columns of its table, each with its name first: a row for each layer."""
        # Imported here, as in `Result`: stages that show nothing do not need it.
        from interpreting_clip.formats.result_tables import table_row

        names = ("", "largest / median", "chance", "massive", "kurtosis", "chance")
        rows: list[tuple[str, ...]] = [(*names, "outlier features", "top feature extreme in")]
        for layer, outlier in self.layers.items():
            ratio, massive, tail, *counts = map(table_row, outlier.numbers)
            cells = layer, _within(ratio), ratio[-1], massive[1], _within(tail), tail[-1]
            rows.append((*cells, *(value for _, value, *_ in counts)))
        return list(zip(*rows, strict=True))


def _within(row: tuple[str, ...]) -> str:
    """Return a number of a table with its interval."""
    _, value, _, interval, _ = row
    return f"{value} {interval}".strip()


def layer_outliers(
    layers: Mapping[str, ArrayLike | PooledLayer],
    *,
    feature_axis: int = -1,
    outlier_sigma: float = 6.0,
    outlier_share: float = 0.5,
    magnitude: float = 100.0,
    times: float = 1000.0,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> LayerOutliers:
    """Measure kurtosis, outlier features and massive activations of every layer of an encoder.

    `kurtosis` and its outlier features are of the mean over tokens or positions, unless what is
    given was pooled otherwise; `massive_activations` is of the whole output.

    Parameters
    ----------
    layers : by name, the output of each layer: [image, feature], or features of any shape such as
        [image, token, feature]; or what `extract --layer` wrote of it, a `PooledLayer`
    feature_axis, magnitude, times : as in `massive_activations`
    outlier_sigma, outlier_share : as in `kurtosis`
    resamples, seed, confidence : as in both

    Raises
    ------
    TypeError, ValueError
        As in `kurtosis` and `massive_activations`; the layer is named.
    """
    bootstrap = resamples, seed, confidence
    limits = as_limits(magnitude, times, *bootstrap)
    extreme = {"outlier_sigma": outlier_sigma, "outlier_share": outlier_share}
    found: dict[str, LayerOutlier] = {}
    for name, output in as_mapping(layers, "layers").items():
        layer = one_line(str(name))
        try:
            found[layer] = one_layer(layer, output, feature_axis, extreme, limits)
        except (TypeError, ValueError) as error:
            raise type(error)(f"layer '{layer}': {error}") from None
    if not found:
        raise ValueError("layers: expected the output of at least one layer, got none")
    return LayerOutliers(layers=found)


def one_layer(
    name: str,
    output: ArrayLike | PooledLayer,
    feature_axis: int,
    extreme: Mapping[str, float],
    limits: Mapping[str, Any],
) -> LayerOutlier:
    """Return the outliers of one layer."""
    if isinstance(output, PooledLayer):
        pooled = as_matrix(output.activations, "activations")
        massive = massive_of_pooled(output, pooled.shape[1], limits)
    else:
        array = numeric(output, "activations")
        massive = massive_activations(array, feature_axis=feature_axis, **limits)
        axis = as_value(feature_axis, int, "feature_axis")
        by_feature = np.moveaxis(array, axis, 1)
        pooled = as_representation(by_feature, "activations").reshape(*by_feature.shape[:2], -1)
        pooled = pooled.mean(axis=2)
    bootstrap = {name: limits[name] for name in ("resamples", "seed", "confidence")}
    shape = kurtosis(pooled, **extreme, **bootstrap)
    return LayerOutlier(
        ratio=massive.ratio,
        massive=massive.massive,
        kurtosis=shape.kurtosis,
        outlier_features=shape.outliers.outlier_features,
        largest_share=shape.outliers.largest_share,
        isotropic_ratio=massive.isotropic,
        isotropic_kurtosis=shape.isotropic,
        feature=shape.outliers.feature,
        massive_feature=massive.feature,
        features=pooled.shape[1],
        values=massive.values,
        layer=name,
    )


def massive_of_pooled(
    output: PooledLayer, features: int, limits: Mapping[str, Any]
) -> MassiveActivations:
    """Return the massive activations of a layer from what is known of it before pooling."""
    images = len(output.activations)
    for name in ("largest", "median", "massive_feature"):
        array = getattr(output, name)
        if array.shape != (images,):
            raise ValueError(
                f"{name}: expected a number for each of {images:,} images, got the shape "
                f"{array.shape}; extract the layer again"
            )
    largest, median = (
        as_matrix(one[:, None], name)[:, 0]
        for name, one in (("largest", output.largest), ("median", output.median))
    )
    return summarize_extremes(
        largest,
        median,
        output.massive_feature.astype(np.int64),
        values=int(np.prod(output.shape)),
        features=features,
        **limits,
    )
