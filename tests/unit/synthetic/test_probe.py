import numpy as np
from msgspec.structs import asdict

from stages.config.synthetic import CLASSES, Population, Probe, World
from stages.synthetic.attributes import COLOURS, SCENES, TEXTURES
from stages.synthetic.blocks import draw_blocks
from stages.synthetic.probe import draw_probe, probe_concepts
from stages.synthetic.render import render_masks
from stages.synthetic.shapes import PARTS


def probe(population: Population) -> Probe:
    return Probe(**asdict(population), source="world")


def test_every_word_of_the_world_is_a_concept_once():
    concepts = probe_concepts()
    assert [concept.number for concept in concepts] == list(range(1, len(concepts) + 1))
    assert len({concept.name for concept in concepts}) == len(concepts)
    assert len(concepts) == sum(map(len, (COLOURS, CLASSES, PARTS, SCENES, TEXTURES)))


def test_label_maps_are_the_masks_of_the_same_images(population: Population, world: World):
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


def test_image_wise_numbers_name_scene_and_texture(population: Population, world: World):
    recipe, names = probe(population), {c.number: c.name for c in probe_concepts()}
    attributes = next(draw_blocks(recipe, world)).attributes
    first = next(draw_probe(recipe, world))
    assert [names[n] for n in first.numbers["scene"]] == [f"{SCENES[attributes.scene[0]]}-s"]
    assert [names[n] for n in first.numbers["texture"]] == [TEXTURES[attributes.texture[0]]]


def test_only_parts_that_show_have_a_plane(population: Population, world: World):
    planes = [segmented.maps["part"] for segmented in draw_probe(probe(population), world)]
    assert {len(shown) for shown in planes} == {1, 2}
    assert all(plane.any() for shown in planes for plane in shown)
