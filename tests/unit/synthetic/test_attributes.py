import dataclasses

import numpy as np
import pytest
from msgspec.structs import replace

from interpreting_clip.synthetic.attributes import (
    COLOURS,
    PREFERRED_COLOUR,
    PREFERRED_SCENE,
    PREFERRED_TEXTURE,
    SCENES,
    TEXTURES,
    Attributes,
    draw_attributes,
    write_captions,
)
from interpreting_clip.synthetic.world import CLASSES, STYLES, Population, Preference

IMAGES = 8000
PREFERRED = {"colour": PREFERRED_COLOUR, "texture": PREFERRED_TEXTURE, "scene": PREFERRED_SCENE}
COUNTS = {"colour": 8, "texture": 6, "scene": 6}


def tolerance(share: float) -> float:
    """Five standard deviations of a binomial share."""
    return 5 * (share * (1 - share) / IMAGES) ** 0.5


def draw(population: Population):
    return draw_attributes(population, IMAGES, np.random.default_rng(1))


@pytest.mark.parametrize("name", PREFERRED)
def test_the_preferred_value_has_its_share(name: str, population: Population):
    preference = Preference(colour=0.7, texture=0.6, scene=0.5)
    drawn = draw(replace(population, preference=preference))
    share = (getattr(drawn, name) == np.array(PREFERRED[name])[drawn.class_]).mean()
    weight = getattr(preference, name)
    expected = weight + (1 - weight) / COUNTS[name]
    assert share == pytest.approx(expected, abs=tolerance(expected))


@pytest.mark.parametrize("name", PREFERRED)
def test_excluded_preferred_values_never_occur(name: str, population: Population):
    drawn = draw(replace(population, exclude_preferred=True))
    values = getattr(drawn, name)
    assert not (values == np.array(PREFERRED[name])[drawn.class_]).any()
    assert set(values) == set(range(COUNTS[name]))


def test_without_preference_attributes_are_independent_of_the_class(population: Population):
    drawn = draw(population)
    counts = np.histogram2d(drawn.class_, drawn.colour, (24, 8))[0] / IMAGES
    np.testing.assert_allclose(counts, 1 / 192, atol=tolerance(1 / 192))


def captions(attributes: Attributes, mention: float, style: str = "photo") -> list[str]:
    index = np.full(len(attributes), STYLES.index(style))
    styled = dataclasses.replace(attributes, style=index)
    return write_captions(styled, mention, np.random.default_rng(0))


@pytest.mark.parametrize("mention", [0.0, 0.35, 1.0])
def test_the_class_is_always_named(mention: float, each_class: Attributes):
    texts = captions(each_class, mention)
    for text, class_ in zip(texts, each_class.class_, strict=True):
        assert [word for word in text.split() if word in CLASSES] == [CLASSES[class_]]


@pytest.mark.parametrize(
    ("style", "hidden"), [("silhouette", COLOURS + TEXTURES), ("sketch", COLOURS + SCENES)]
)
def test_what_a_style_hides_is_not_named(style: str, hidden: tuple, each_class: Attributes):
    words = {word for text in captions(each_class, 1.0, style) for word in text.split()}
    assert style in words
    assert not words & set(hidden)
