"""Write the synthetic datasets: images are drawn and written block by block.

The probe set has all concepts segmented, as in Broden (Bau et al., CVPR 2017). As in Broden,
objects, parts and colours are label maps, and textures and scenes are numbers for the whole image.
A colour's pixels are the object's. Names follow Broden: colours end in `-c`, scenes in `-s`.
"""

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import numpy as np

from interpreting_clip.datasets.broden.reader import Concept
from interpreting_clip.datasets.broden.writer import Segmented, broden_files
from interpreting_clip.datasets.card import DatasetCard, write_card
from interpreting_clip.datasets.images import encode_png
from interpreting_clip.datasets.shards import StoredImage, write_images
from interpreting_clip.datasets.tar import write_shards
from interpreting_clip.synthetic.attributes import COLOURS, SCENES, TEXTURES
from interpreting_clip.synthetic.blocks import Block, block_captions, draw_blocks
from interpreting_clip.synthetic.render import Masks, render_masks
from interpreting_clip.synthetic.shapes import PARTS, PLANES
from interpreting_clip.synthetic.world import (
    CLASSES,
    Adversarial,
    Captioned,
    Labelled,
    ProbeSet,
    Recipe,
    World,
)

_NAMES = {
    "color": tuple(f"{name}-c" for name in COLOURS),
    "object": CLASSES,
    "part": PARTS,
    "scene": tuple(f"{name}-s" for name in SCENES),
    "texture": TEXTURES,
}
"""The concepts of each category by name, in the order of their numbers in `label.csv`."""

# From 1, since 0 stands for no label in label maps.
_FIRST = dict(zip(_NAMES, accumulate(map(len, _NAMES.values()), initial=1), strict=False))
"""The number of the first concept of each category."""


def write_drawn_set(name: str, recipe: Recipe, world: World, directory: Path) -> None:
    """Draw the set `name` and write its shards and card into the folder `directory`."""
    if isinstance(recipe, ProbeSet):
        # In one shard: the tables count labels and can be written only after the last image.
        files = broden_files(draw_probe(recipe, world), probe_concepts(), "world")
        shards = write_shards(files, recipe.images + 1, directory)
    else:
        shards = write_images(_images(recipe, world), world.images_per_shard, directory)
    card = DatasetCard(
        dataset=name,
        images=recipe.images,
        classes=list(CLASSES),
        class_indices=recipe.class_indices,
        source="world",
        licence="Apache-2.0",
        shards=shards,
    )
    write_card(card, directory)


def _images(recipe: Labelled | Captioned | Adversarial, world: World) -> Iterator[StoredImage]:
    if isinstance(recipe, Adversarial):
        # Imported here because no other synthetic set needs PyTorch.
        from interpreting_clip.synthetic.adversarial import adversarial_blocks

        blocks = adversarial_blocks(recipe, world)
    else:
        blocks = draw_blocks(recipe, world)
    for block in blocks:
        captions: list[str | None] = [None] * len(block.images)
        if isinstance(recipe, Captioned):
            captions = [*block_captions(recipe, world, block)]
        classes = block.attributes.class_.tolist()
        yield from zip(map(encode_png, block.images), classes, captions, strict=True)


def probe_concepts() -> list[Concept]:
    """List all concepts, numbered from 1 as in `label.csv`."""
    pairs = [(name, category) for category, names in _NAMES.items() for name in names]
    return [Concept(number, name, category) for number, (name, category) in enumerate(pairs, 1)]


def draw_probe(recipe: ProbeSet, world: World) -> Iterator[Segmented]:
    """Yield the images of a probe set in order, each with its true segmentation."""
    for block in draw_blocks(recipe, world):
        masks = render_masks(block.attributes, world.image_size)
        for row in range(len(block.images)):
            yield _segmented(block, masks, row)


def _segmented(block: Block, masks: Masks, row: int) -> Segmented:
    attributes, object_ = block.attributes, masks.object_[row].astype(np.int64)
    parts = {
        part: masks.parts[part][row] * number for number, part in enumerate(PARTS, _FIRST["part"])
    }
    maps = {
        "color": [object_ * (_FIRST["color"] + attributes.colour[row])],
        "object": [object_ * (_FIRST["object"] + attributes.class_[row])],
        # Parts of one plane never overlap, so their numbers can be added.
        "part": [np.sum([parts[part] for part in plane], axis=0) for plane in PLANES],
    }
    numbers = {
        "scene": [_FIRST["scene"] + int(attributes.scene[row])],
        "texture": [_FIRST["texture"] + int(attributes.texture[row])],
    }
    shown = {name: [plane for plane in planes if plane.any()] for name, planes in maps.items()}
    return Segmented(block.images[row], shown, numbers)
