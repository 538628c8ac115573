"""The options of `extract` for layers: a list of them, and which are written."""

import sys
from collections.abc import Sequence

from interpreting_clip.encoders.encoder import Encoder
from interpreting_clip.encoders.layer_activations import (
    Pool,
    axes_of,
    layer_shapes,
    with_class_token,
)
from interpreting_clip.errors import InputError, close_names, listed, one_line

EVERY = "all"


def show_layers(encoder: Encoder, device: str) -> None:
    """Print the layers of an encoder in order, with the shape of their output for one image."""
    shapes, have_token = layer_shapes(encoder, device), with_class_token(encoder.visual)
    widest = max(map(len, shapes))
    for layer, shape in shapes.items():
        text = "not supported"
        if shape is not None:
            sizes = zip(axes_of(shape), shape, strict=True)
            text = ", ".join(f"{axis} {size:,}" for axis, size in sizes)
        token = "; the first token is the class token" if layer in have_token else ""
        sys.stdout.write(f"{one_line(layer):{widest}}  {text}{token}\n")


def chosen_layers(encoder: Encoder, asked: Sequence[str], pool: Pool, device: str) -> list[str]:
    """Return the layers that `--layer` names, in their order, after a pass of one image.

    Raises
    ------
    InputError
        There is no such layer, it is not supported, or lacks the class token that `--pool` names.
    """
    if not asked:
        return []
    shapes, have_token = layer_shapes(encoder, device), with_class_token(encoder.visual)
    supported = [layer for layer, shape in shapes.items() if shape is not None]
    for name in {*asked} - {EVERY}:
        if name not in shapes:
            raise InputError(
                f"--layer {name}: the encoder has no such layer; {close_names(name, shapes)}; "
                "--layers shows all"
            )
        if name not in supported:
            raise InputError(f"--layer {name}: its output is not supported; leave it out")
    chosen = [name for name in supported if {name, EVERY} & {*asked}]
    if pool == "class_token":
        lacking = [one for one in chosen if len(shapes[one] or ()) > 1 and one not in have_token]
        if lacking:
            raise InputError(
                f"--pool class_token: no class token in {listed(lacking, 3)}; use --pool mean"
            )
    return chosen
