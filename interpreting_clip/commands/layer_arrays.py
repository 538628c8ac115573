"""Layers in the files that `measure` is given: pooled ones, and token or feature maps to pool."""

from dataclasses import replace

from interpreting_clip.arrays.pooled_layer import PooledLayer, layers_in
from interpreting_clip.commands.given_files import GivenArray, recorded
from interpreting_clip.errors import InputError, error_context

TOKENS, MAPS = 3, 4
"""The dimensions of token maps, [image, token, feature], and of feature maps, [image, channel,
height, width]."""


def read_layers(given: GivenArray) -> dict[str, PooledLayer]:
    """Return the layers in the file of an array, in their order; none if it has none."""
    names = recorded(given.file).get("layers", {}).get("names", [])
    with error_context(given.file, ValueError):
        return layers_in(given.others, names)


def pooled(given: GivenArray, pool: str | None) -> GivenArray:
    """Return activations with a row for each image: pooled as `--pool` says, if it says so.

    Raises
    ------
    InputError
        There is nothing to pool, or feature maps have no class token.
    """
    if pool is None:
        return given
    values = given.values
    place = f"{given.file}: {given.name or 'the array'}"
    if values.ndim not in (TOKENS, MAPS) or not values.size:
        raise InputError(
            f"{place}: --pool {pool}: expected [image, token, feature] or [image, channel, height, "
            f"width], got the shape {list(values.shape)}; leave --pool out"
        )
    if pool == "class_token":
        if values.ndim == MAPS:
            raise InputError(f"{place}: feature maps have no class token; use --pool mean")
        return replace(given, values=values[:, 0])
    axes = 1 if values.ndim == TOKENS else (2, 3)
    return replace(given, values=values.mean(axis=axes, dtype="float64"))
