"""The probe set: images with all concepts segmented, as in Broden (Bau et al., CVPR 2017).

As there, objects, parts and colours are label maps, textures and scenes numbers that hold for the
whole image. A colour's pixels are the object's. Names follow Broden: colours end in `-c`, scenes
in `-s`.
"""

from collections.abc import Iterator

import numpy as np

from stages.config.synthetic import CLASSES, Probe, World
from stages.datasets.broden.reader import Concept
from stages.datasets.broden.writer import Segmented
from stages.synthetic.attributes import COLOURS, SCENES, TEXTURES
from stages.synthetic.blocks import Block, draw_blocks
from stages.synthetic.render import Masks, render_masks
from stages.synthetic.shapes import PARTS, PLANES

_NAMES = {
    "color": tuple(f"{name}-c" for name in COLOURS),
    "object": CLASSES,
    "part": PARTS,
    "scene": tuple(f"{name}-s" for name in SCENES),
    "texture": TEXTURES,
}


def probe_concepts() -> list[Concept]:
    """List all concepts, numbered from 1 as in `label.csv`."""
    pairs = [(name, category) for category, names in _NAMES.items() for name in names]
    return [Concept(number, name, category) for number, (name, category) in enumerate(pairs, 1)]


def draw_probe(recipe: Probe, world: World) -> Iterator[Segmented]:
    """Yield the images of a probe set in order, each with its true segmentation."""
    for block in draw_blocks(recipe, world):
        masks = render_masks(block.attributes, world.image_size)
        for row in range(len(block.images)):
            yield _segmented(block, masks, row)


def _segmented(block: Block, masks: Masks, row: int) -> Segmented:
    attributes, object_ = block.attributes, masks.object_[row].astype(np.int64)
    numbered_parts = {
        part: mask[row] * _number("part", PARTS.index(part)) for part, mask in masks.parts.items()
    }
    maps = {
        "color": [object_ * _number("color", attributes.colour[row])],
        "object": [object_ * _number("object", attributes.class_[row])],
        "part": [np.sum([numbered_parts[part] for part in plane], axis=0) for plane in PLANES],
    }
    numbers = {
        "scene": [_number("scene", attributes.scene[row])],
        "texture": [_number("texture", attributes.texture[row])],
    }
    shown = {name: [plane for plane in planes if plane.any()] for name, planes in maps.items()}
    return Segmented(block.images[row], shown, numbers)


def _number(category: str, index: int | np.integer) -> int:
    """Return the number in `label.csv` of a category's value: category after category."""
    before = list(_NAMES)[: list(_NAMES).index(category)]
    return 1 + sum(len(_NAMES[name]) for name in before) + int(index)
