"""The head of an encoder that is nothing but a folder of activations."""

from pathlib import Path

from interpreting_clip.encoders.given_card import HEAD, read_given_card
from interpreting_clip.errors import InputError
from interpreting_clip.formats.arrays import read_tensors
from interpreting_clip.measures.head import Head, random_unit_rows


def given_head(weights: Path, classes: list[str]) -> Head:
    """Return the head that came with given activations, for these classes.

    Raises
    ------
    InputError
        There is none, or it is for other classes or for these in another order.
    """
    card = read_given_card(weights)
    where = card.origin.location
    if card.classes is None:
        raise InputError(f"{where}: there is no head; write one into the folder, or use `random`")
    if len(card.classes) != len(classes):
        raise InputError(
            f"{where}: the head has {len(card.classes):,} classes, and imagenet_val has "
            f"{len(classes):,}; give the folder a head for these"
        )
    for index, (own, expected) in enumerate(zip(card.classes, classes, strict=True)):
        if own != expected:
            raise InputError(
                f"{where}: class {index} of the head is {own!r}, that of imagenet_val "
                f"{expected!r}; order its rows as in `classes.txt` of `python -m tools.image_list`"
            )
    arrays = read_tensors(weights / HEAD, "weight")
    return Head(arrays["weight"], arrays.get("bias"), card.normalize_features)


def random_given_head(weights: Path, classes: int, seed: int) -> Head:
    """Return a random head for given activations."""
    card = read_given_card(weights)
    rows = random_unit_rows(classes, card.feature_width, seed)
    return Head(rows, None, card.normalize_features)
