"""The forward passes and floating-point operations of every stage that has to do with encoders."""

from collections.abc import Mapping
from dataclasses import dataclass

from stages.planning.amounts import Amount, about, total
from stages.planning.lineage import backbone, home, trainings
from stages.planning.towers import Cost, cost
from stages.settings.sections import Sections
from stages.settings.shifts import SHIFTS, TEST_SETS
from stages.training.recipes import TrainingRecipe
from stages.training.schedule import steps_per_epoch

BACKWARD = 3
"""A training step costs about three forward passes: the backward pass costs two."""

WORLD_CLASSES, IMAGENET_CLASSES = 12, 1000

Images = Mapping[str, Amount]
"""The number of images of each dataset."""


@dataclass(frozen=True)
class Work:
    """What one stage does for one encoder: forward passes (or steps' worth of them), operations."""

    stage: str
    encoder: str
    passes: Amount
    operations: Amount


def all_work(study: Sections, images: Images) -> list[Work]:
    """Return the work of every encoder, by stage; what costs nothing beside it is left out.

    Left out are drawing and decoding images, the standard models that a study trains for its
    baseline, and the measures, which see activations alone.
    """
    works = [work for key in study.encoders for work in encoder_work(study, key, images)]
    return [work for work in works if work.passes.value or not work.passes.whole]


def encoder_work(study: Sections, key: str, images: Images) -> list[Work]:
    """Return the work for one encoder."""
    price = cost(backbone(study, key))
    prompts = prompt_count(study) if study.encoders[key].head == "zero_shot" else Amount(0)
    passes = {
        "extract": images[TEST_SETS[0]],
        "extract_shifts": total(images[shift] for shift in SHIFTS),
        "extract_broden": images["broden"],
        "extract_layers": Amount(study.layers.images),
    }
    return [
        weights_work(study, key, images, price),
        Work("head", key, prompts, prompts.times(price.text)),
        *(Work(stage, key, seen, seen.times(price.image)) for stage, seen in passes.items()),
    ]


def weights_work(study: Sections, key: str, images: Images, price: Cost) -> Work:
    """Return the work of the stage that makes an encoder's weights.

    Finetuning and interpolation start from the zero-shot head of their CLIP, so they make it too.
    """
    section, _ = home(study, key)
    prompts = prompt_count(study) if section in ("finetune", "interpolate") else Amount(0)
    entry, seen = trainings(study).get(key), Amount(0)
    if entry is not None:
        seen = images_seen(study.recipes[entry.recipe], images[entry.dataset])
    each = price.image + price.text if section == "pretrain" else price.image
    training = about(BACKWARD).times(seen).times(each)
    return Work(section, key, prompts + seen, prompts.times(price.text) + training)


def images_seen(recipe: TrainingRecipe, images: Amount) -> Amount:
    """Return the images that a training sees, repetitions counted."""
    if not images.value:
        return images
    batch = min(recipe.batch_size, int(images.value))
    steps = steps_per_epoch(int(images.value), recipe.batch_size)
    return Amount(recipe.epochs * steps * batch, images.exact, images.whole)


def steps(recipe: TrainingRecipe, images: Amount) -> Amount:
    """Return the steps of a training."""
    each = steps_per_epoch(int(images.value), recipe.batch_size) if images.value else 0
    return Amount(recipe.epochs * each, images.exact, images.whole)


def prompt_count(study: Sections) -> Amount:
    """Return the prompts of a zero-shot head, one per template and class."""
    return Amount(template_count(study) * class_count(study))


def template_count(study: Sections) -> int:
    """Return the number of templates of a zero-shot head."""
    templates = study.heads.zero_shot.templates
    return {"openai_imagenet": 80, "simple_imagenet": 7}.get(str(templates), len(templates))


def class_count(study: Sections) -> int:
    """Return the number of classes of a head: ImageNet's, or the drawn world's."""
    drawn = study.datasets[TEST_SETS[0]].source == "world"
    return WORLD_CLASSES if drawn else IMAGENET_CLASSES
