"""The forward passes and floating-point operations of every stage that has to do with encoders."""

from collections.abc import Mapping
from dataclasses import dataclass

from stages.planning.amounts import Amount, about, total
from stages.planning.lineage import backbone, home, trainings
from stages.planning.towers import Cost, cost
from stages.settings.sections import Sections
from stages.settings.shifts import TEST_SETS
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
    tests = total(images[name] for name in TEST_SETS)
    layers = Amount(study.layers.images)
    return [
        *training_work(study, key, images, price),
        head_work(study, key, price),
        Work("extract", key, tests, tests.times(price.image)),
        Work("extract_broden", key, images["broden"], images["broden"].times(price.image)),
        Work("extract_layers", key, layers, layers.times(price.image)),
    ]


def training_work(study: Sections, key: str, images: Images, price: Cost) -> list[Work]:
    """Return the work of an encoder's training, if it is trained here."""
    entry = trainings(study).get(key)
    if entry is None:
        return []
    section, _ = home(study, key)
    seen = images_seen(study.recipes[entry.recipe], images[entry.dataset])
    each = price.image + price.text if section == "pretrain" else price.image
    return [Work(section, key, seen, about(BACKWARD).times(seen).times(each))]


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


def head_work(study: Sections, key: str, price: Cost) -> Work:
    """Return the work of a zero-shot head: a prompt per template and class.

    Finetuning and interpolation start from the zero-shot head of their CLIP, so they make it too.
    """
    section, _ = home(study, key)
    wanted = study.encoders[key].head == "zero_shot" or section in ("finetune", "interpolate")
    prompts = Amount(template_count(study) * class_count(study) if wanted else 0)
    return Work("heads", key, prompts, prompts.times(price.text))


def template_count(study: Sections) -> int:
    """Return the number of templates of a zero-shot head."""
    templates = study.heads.zero_shot.templates
    return {"openai_imagenet": 80, "simple_imagenet": 7}.get(str(templates), len(templates))


def class_count(study: Sections) -> int:
    """Return the number of classes of a head: ImageNet's, or the drawn world's."""
    drawn = study.datasets[TEST_SETS[0]].source == "world"
    return WORLD_CLASSES if drawn else IMAGENET_CLASSES
