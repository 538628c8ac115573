import dataclasses

import numpy as np
import pytest

from stages.config.synthetic import CLASSES, COLOURS, SCENES, STYLES, TEXTURES, Attributes
from stages.synthetic.draw import write_captions


def captions(attributes: Attributes, mention: float, style: str = "photo") -> list[str]:
    index = np.full(len(attributes), STYLES.index(style))
    styled = dataclasses.replace(attributes, style=index)
    return write_captions(styled, mention, np.random.default_rng(0))


@pytest.mark.parametrize("mention", [0.0, 0.35, 1.0])
def test_the_class_is_always_named(mention: float, each_class: Attributes):
    texts = captions(each_class, mention)
    for text, class_ in zip(texts, each_class.class_, strict=True):
        assert [word for word in text.split() if word in CLASSES] == [CLASSES[class_]]


def test_everything_mentioned_reads_as_the_full_sentence(each_class: Attributes):
    one = each_class.take(np.array([0]))
    colour, texture = COLOURS[one.colour[0]], TEXTURES[one.texture[0]]
    expected = f"a photo of a {colour} {texture} circle in the {SCENES[one.scene[0]]}"
    assert captions(one, 1.0) == [expected]


def test_nothing_mentioned_leaves_the_class(each_class: Attributes):
    assert captions(each_class, 0.0) == [f"a {CLASSES[class_]}" for class_ in each_class.class_]


def test_attributes_are_mentioned_with_their_probability(each_class: Attributes):
    many = each_class.take(np.tile(np.arange(240), 20))
    shares = [
        np.mean([bool(set(words) & set(text.split())) for text in captions(many, 0.35)])
        for words in (STYLES, COLOURS, TEXTURES, SCENES)
    ]
    np.testing.assert_allclose(shares, 0.35, atol=5 * (0.35 * 0.65 / len(many)) ** 0.5)


@pytest.mark.parametrize(
    ("style", "hidden"), [("silhouette", COLOURS + TEXTURES), ("sketch", COLOURS + SCENES)]
)
def test_what_a_style_hides_is_not_named(style: str, hidden: tuple, each_class: Attributes):
    words = {word for text in captions(each_class, 1.0, style) for word in text.split()}
    assert style in words
    assert not words & set(hidden)
