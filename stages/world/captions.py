"""What a caption says: 'a {style} of a {colour} {texture} {class} in the {scene}'.

The class is always named. Any other attribute is named with the recipe's probability, and only
where it can be seen: a silhouette has no colour or texture, a sketch no colour or scene. The
article is always 'a', one word fewer for the tokenizer.
"""

import numpy as np

from stages.world.attributes import CLASSES, COLOURS, SCENES, STYLES, TEXTURES, Attributes

_HIDDEN = {"silhouette": ("colour", "texture"), "sketch": ("colour", "scene")}


def write_captions(attributes: Attributes, mention: float, rng: np.random.Generator) -> list[str]:
    """One caption per image; each visible attribute is named with probability `mention`."""
    named = rng.random((len(attributes), 4)) < mention
    return [_caption(attributes, row, named[row]) for row in range(len(attributes))]


def _caption(attributes: Attributes, row: int, named: np.ndarray) -> str:
    style = STYLES[attributes.style[row]]
    hidden = _HIDDEN.get(style, ())
    words = ["a", style, "of", "a"] if named[0] else ["a"]
    if named[1] and "colour" not in hidden:
        words.append(COLOURS[attributes.colour[row]])
    if named[2] and "texture" not in hidden:
        words.append(TEXTURES[attributes.texture[row]])
    words.append(CLASSES[attributes.class_[row]])
    if named[3] and "scene" not in hidden:
        words += ["in", "the", SCENES[attributes.scene[row]]]
    return " ".join(words)
