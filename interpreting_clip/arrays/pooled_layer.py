"""A layer's pooled output with what pooling loses, and the names of its arrays in a file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

PREFIX, ACTIVATIONS = "layers.", ".activations"
"""What the names of arrays of layers begin with, and what those of the pooled output end with."""


class PooledLayer(NamedTuple):
    """A layer's output, pooled over tokens or positions; |h| is of all of it.

    Attributes
    ----------
    activations : the pooled output
    largest, median : of each image, the largest and the median |h| before pooling
    massive_feature : the feature that holds the largest, from 0
    shape : of one image's output
    """

    activations: Float[np.ndarray, "image feature"]
    largest: Float[np.ndarray, " image"]
    median: Float[np.ndarray, " image"]
    massive_feature: Int[np.ndarray, " image"]
    shape: Int[np.ndarray, " _axis"]


def arrays_of_layers(layers: Mapping[str, PooledLayer]) -> dict[str, np.ndarray]:
    """Return the arrays of layers by their names in a file: `layers.block01.activations`."""
    return {
        f"{PREFIX}{layer}.{name}": array
        for layer, pooled in layers.items()
        for name, array in pooled._asdict().items()
    }


def layers_in(
    arrays: Mapping[str, np.ndarray], order: Sequence[str] = ()
) -> dict[str, PooledLayer]:
    """Return the layers whose arrays a file has, none if it has none.

    Parameters
    ----------
    arrays : of the file, by name
    order : the names of the layers in order; others follow, in that of the file

    Raises
    ------
    ValueError
        A layer lacks an array; names both.
    """
    there = list(_layer_names(arrays))
    names = dict.fromkeys([name for name in order if name in there] + there)
    layers: dict[str, PooledLayer] = {}
    for name in names:
        keys = [f"{PREFIX}{name}.{field}" for field in PooledLayer._fields]
        if lacking := [key for key in keys if key not in arrays]:
            raise ValueError(f"layer '{name}': expected an array {lacking[0]}; extract it again")
        layers[name] = PooledLayer(*(arrays[key] for key in keys))
    return layers


def _layer_names(arrays: Mapping[str, np.ndarray]) -> Iterator[str]:
    for key in arrays:
        if key.startswith(PREFIX) and key.endswith(ACTIVATIONS):
            yield key.removeprefix(PREFIX).removesuffix(ACTIVATIONS)
