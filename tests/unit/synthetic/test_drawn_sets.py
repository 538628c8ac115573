from pathlib import Path

import msgspec
import numpy as np

from interpreting_clip.datasets.broden.labels import concept_presence
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.synthetic.attributes import COLOURS, SCENES, TEXTURES
from interpreting_clip.synthetic.blocks import block_captions, draw_blocks, draw_labelled
from interpreting_clip.synthetic.drawn_sets import draw_probe, probe_concepts, write_drawn_set
from interpreting_clip.synthetic.render import render_masks
from interpreting_clip.synthetic.world import (
    CLASSES,
    Captioned,
    Labelled,
    Population,
    ProbeSet,
    Recipe,
    World,
)

WORLD = World(image_size=16, seed=2, images_per_shard=200)


def recipe(kind: str, **changes: object) -> Recipe:
    plain = {
        "source": "world",
        "kind": kind,
        "images": 300,
        "seed": 1,
        "classes": ["circle", "star", "fish", "house", "arrow", "square", "ring"],
        "preference": {"colour": 0.0, "texture": 0.0, "scene": 0.0},
        "exclude_preferred": False,
        "styles": {"photo": 1.0},
        "rotation": 5.0,
        "scale": [0.7, 0.9],
        "jitter": 0.05,
        "noise": 0.0,
    }
    return msgspec.convert(plain | changes, Recipe)


def test_a_labelled_set_is_what_was_drawn(tmp_path: Path):
    labelled = recipe("labelled")
    write_drawn_set("imagenet_r", labelled, WORLD, tmp_path / "out")
    assert isinstance(labelled, Labelled)
    images, classes = draw_labelled(labelled, WORLD)
    with open_shards(tmp_path / "out") as read:
        np.testing.assert_array_equal(read.load(), images)
    np.testing.assert_array_equal(read.classes, classes)
    card = read.card
    assert len(card.shards) == 2
    assert (card.classes, card.class_indices) == (list(CLASSES), [0, 1, 3, 6, 8, 9, 11])
    assert (card.dataset, card.images, card.source) == ("imagenet_r", 300, "world")


def test_a_captioned_set_keeps_captions_and_classes(tmp_path: Path):
    captioned = recipe("captioned", mention=0.5)
    write_drawn_set("web", captioned, WORLD, tmp_path / "out")
    assert isinstance(captioned, Captioned)
    blocks = draw_blocks(captioned, WORLD)
    captions = [text for block in blocks for text in block_captions(captioned, WORLD, block)]
    images, classes = draw_labelled(captioned, WORLD)
    with open_shards(tmp_path / "out") as read:
        np.testing.assert_array_equal(read.load(), images)
    assert read.captions == captions
    np.testing.assert_array_equal(read.classes, classes)


def test_a_probe_set_comes_back_with_its_true_presence(tmp_path: Path):
    probe = recipe("probe", classes="all", images=150)
    write_drawn_set("broden", probe, WORLD, tmp_path / "out")
    with open_broden(tmp_path / "out") as broden:
        shown, stored = concept_presence(broden, 0.005), [broden[row] for row in range(150)]
    assert isinstance(probe, ProbeSet)
    truth, images = set(), []
    for image, (pixels, maps, numbers, _) in enumerate(draw_probe(probe, WORLD)):
        images.append(pixels)
        values = np.concatenate([np.ravel(plane) for planes in maps.values() for plane in planes])
        found = np.flatnonzero(np.bincount(values) >= 0.005 * 16 * 16).tolist()
        found += [number for values in numbers.values() for number in values]
        truth |= {(image, number) for number in found if number}
    numbers = [concept.number for concept in broden.concepts]
    assert {(image, numbers[column]) for image, column in np.argwhere(shown).tolist()} == truth
    np.testing.assert_array_equal(stored, images)


def probe(population: Population) -> ProbeSet:
    return ProbeSet(**msgspec.structs.asdict(population), source="world")


def test_maps_and_numbers_name_what_the_same_images_show(population: Population, world: World):
    recipe, names = probe(population), {c.number: c.name for c in probe_concepts()}
    block = next(draw_blocks(recipe, world))
    masks = render_masks(block.attributes, 32)
    for row, (segmented, _) in enumerate(zip(draw_probe(recipe, world), range(40), strict=False)):
        np.testing.assert_array_equal(segmented.image, block.images[row])
        object_map = segmented.maps["object"][0]
        np.testing.assert_array_equal(object_map > 0, masks.object_[row])
        assert names[object_map.max()] == CLASSES[block.attributes.class_[row]]
        color = names[segmented.maps["color"][0].max()]
        assert color == f"{COLOURS[block.attributes.colour[row]]}-c"
        (scene,), (texture,) = segmented.numbers["scene"], segmented.numbers["texture"]
        assert names[scene] == f"{SCENES[block.attributes.scene[row]]}-s"
        assert names[texture] == TEXTURES[block.attributes.texture[row]]
