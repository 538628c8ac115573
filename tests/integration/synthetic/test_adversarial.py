import numpy as np
import pytest
from msgspec.structs import asdict, replace

from interpreting_clip.errors import InputError
from interpreting_clip.synthetic import adversarial
from interpreting_clip.synthetic.adversarial import adversarial_blocks, train_reference
from interpreting_clip.synthetic.blocks import draw_labelled
from interpreting_clip.synthetic.world import (
    CLASSES,
    Adversarial,
    Population,
    Preference,
    Reference,
    World,
)


@pytest.fixture
def recipe(population: Population) -> Adversarial:
    habits = replace(population, preference=Preference(colour=0.7, texture=0.6, scene=0.7))
    reference = Reference(
        train=replace(habits, images=1200),
        width=6,
        epochs=3,
        batch=64,
        learning_rate=4.0e-3,
        threads=1,
    )
    few = replace(habits, images=60, seed=8, classes=("circle", "star", "house", "fish"))
    return Adversarial(**asdict(few), source="world", reference=reference)


def draw(recipe: Adversarial, world: World) -> tuple[np.ndarray, np.ndarray]:
    blocks = list(adversarial_blocks(recipe, world))
    images = np.concatenate([block.images for block in blocks])
    return images, np.concatenate([block.attributes.class_ for block in blocks])


def test_the_reference_errs_on_every_image_kept(recipe: Adversarial, world: World):
    images, classes = draw(recipe, world)
    classify = train_reference(recipe.reference, recipe.class_indices, world)
    assert len(images) == 60
    assert set(classes) <= set(recipe.class_indices)
    assert not (classify(images) == classes).any()


def test_the_reference_learns_more_than_the_habits(recipe: Adversarial, world: World):
    reference = replace(recipe.reference, epochs=9)
    classify = train_reference(reference, list(range(len(CLASSES))), world)
    images, classes = draw_labelled(replace(recipe.reference.train, seed=77, images=500), world)
    assert (classify(images) == classes).mean() > 0.6


def test_a_reference_that_never_errs_is_refused(recipe, world, monkeypatch):
    monkeypatch.setattr(adversarial, "CANDIDATES_PER_IMAGE", 3)
    answers = iter([draw_labelled(replace(recipe, images=128), world)[1]] * 9)
    monkeypatch.setattr(adversarial, "train_reference", lambda *_: lambda _: next(answers))
    monkeypatch.setattr(adversarial, "draw_block", _first_block(recipe, world))
    with pytest.raises(InputError, match="only 0 among 180"):
        list(adversarial_blocks(recipe, world))


def _first_block(recipe: Adversarial, world: World):
    block = adversarial.draw_block(recipe, world, 0, 128)
    return lambda *_: block
