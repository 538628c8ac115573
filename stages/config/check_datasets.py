"""Whether the datasets of a study are of the kinds that their uses need, and go together."""

from collections.abc import Iterator

from stages.config.datasets import (
    Absent,
    Broden,
    Captions,
    DatasetEntry,
    ImageNet,
    ImageNetA,
    ImageNetCaptions,
    ImageNetLike,
    ImageNetR,
    ImageNetSketch,
    ImageNetV2,
    ObjectNet,
    RealEntry,
)
from stages.config.measures import SHIFTS, TEST_SETS
from stages.config.sections import Sections
from stages.config.synthetic import CLASSES, Adversarial, Captioned, Labelled, Probe, Recipe, World

NEEDED = ("imagenet_train", *TEST_SETS, "broden")
"""The datasets that every study has."""

Drawn = Labelled | Captioned | Adversarial
"""Drawn sets with classes."""

DRAWN = (Labelled, Captioned, Adversarial)

LEGAL: dict[str, tuple[type, ...]] = {
    "imagenet_train": (*DRAWN, ImageNet, Absent),
    "imagenet_val": (*DRAWN, ImageNet),
    "imagenet_v2": (*DRAWN, ImageNetV2, Absent),
    "imagenet_r": (*DRAWN, ImageNetR, Absent),
    "imagenet_sketch": (*DRAWN, ImageNetSketch, Absent),
    "objectnet": (*DRAWN, ObjectNet, Absent),
    "imagenet_a": (*DRAWN, ImageNetA, Absent),
    "broden": (Probe, Broden, Absent),
}
"""The kinds that each needed dataset can be of."""

FEWEST_PER_CLASS = 50
"""Images per class that the standard models need: some learn from 5 % and validate on 2.5 %."""

IMAGENET_VAL = 50_000
"""Images of ImageNet's validation set."""


def misfit_datasets(study: Sections) -> Iterator[str]:
    """Yield the datasets that do not fit what they are used for."""
    yield from misfit_kinds(study)
    yield from misfit_sources(study)
    yield from misfit_trainings(study)
    yield from misfit_baseline(study)
    yield from mixed_worlds(study)
    validation = study.datasets.get(TEST_SETS[0])
    if validation is not None and study.layers.images > (there := most_images(validation)):
        yield (
            f"'layers.images': expected at most the {there} images of '{TEST_SETS[0]}', "
            f"got {study.layers.images}"
        )


def tag(entry: DatasetEntry | type) -> str:
    """Return a kind of dataset as params.yaml has it."""
    return str(entry.__struct_config__.tag)


def misfit_kinds(study: Sections) -> Iterator[str]:
    """Yield the needed datasets that are of another kind than their name says."""
    for name, legal in LEGAL.items():
        entry = study.datasets.get(name)
        if entry is not None and not isinstance(entry, legal):
            kinds = ", ".join(map(tag, legal))
            yield f"'datasets.{name}.kind': got '{tag(entry)}'; legal values: {kinds}"
    for name, entry in study.datasets.items():
        if isinstance(entry, Absent) and name not in NEEDED:
            yield f"'datasets.{name}': only {', '.join(NEEDED)} can be absent; take the entry out"


def misfit_sources(study: Sections) -> Iterator[str]:
    """Yield the datasets whose source has no section."""
    for name, entry in study.datasets.items():
        if getattr(study.sources, entry.source) is None:
            there = [s for s in study.sources.__struct_fields__ if getattr(study.sources, s)]
            yield (
                f"'datasets.{name}.source': there is no section 'sources.{entry.source}'; "
                f"legal values: {', '.join(there) or 'none yet'}"
            )


def misfit_trainings(study: Sections) -> Iterator[str]:
    """Yield the trainings on datasets that lack what they learn from: captions or classes."""
    data = study.datasets.items()
    captioned = [k for k, one in data if isinstance(one, Captioned | Captions | ImageNetCaptions)]
    labelled = [key for key, one in data if isinstance(one, (*DRAWN, ImageNetLike))]
    for group, legal in (("pretrain", captioned), ("finetune", labelled), ("supervise", labelled)):
        lacking = "captions" if legal is captioned else "classes"
        for key, entry in getattr(study, group).items():
            if entry.dataset in study.datasets and entry.dataset not in legal:
                yield (
                    f"'{group}.{key}.dataset': '{entry.dataset}' has no {lacking}; legal values: "
                    f"{', '.join(legal) or 'none yet'}"
                )


def misfit_baseline(study: Sections) -> Iterator[str]:
    """Yield why no standard models can be trained on these datasets."""
    if study.baseline.source != "trained":
        return
    named = {name: study.datasets.get(name) for name in ("imagenet_train", *TEST_SETS)}
    drawn = {name: entry for name, entry in named.items() if isinstance(entry, Drawn)}
    for name, entry in named.items():
        if entry is not None and name not in drawn:
            yield (
                f"'baseline.source': 'trained' needs drawn images, '{name}' is of the kind "
                f"'{tag(entry)}'; legal values: published"
            )
            return
    if (train := drawn.pop("imagenet_train", None)) and (world := study.sources.world):
        yield from small_train_set(train, world, study.baseline.components)
        for name, entry in drawn.items():
            if unknown := set(entry.class_indices) - set(train.class_indices):
                yield (
                    f"'datasets.{name}.classes': expected classes of imagenet_train, which the "
                    f"standard models learn, got {CLASSES[min(unknown)]}; or take published ones: "
                    "`baseline.source: published`"
                )


def small_train_set(train: Drawn, world: World, components: int) -> Iterator[str]:
    """Yield why standard models learn nothing from a train set."""
    classes = len(train.class_indices)
    if classes < 2 or train.images < FEWEST_PER_CLASS * classes:
        yield (
            f"'datasets.imagenet_train': expected {FEWEST_PER_CLASS} images per class, of two "
            f"classes or more, got {train.images} images of {classes}: some standard models learn "
            "from 5 % of them"
        )
    most = min(3 * world.image_size**2, train.images // classes - 1)
    if components > most:
        yield (
            f"'baseline.components': expected at most {most}, fewer than the images of a class and "
            f"no more than the numbers of an image, got {components}"
        )


def mixed_worlds(study: Sections) -> Iterator[str]:
    """Yield a complaint when some labelled sets are drawn and some real: no head fits both."""
    there = {name: study.datasets.get(name) for name in ("imagenet_train", *TEST_SETS)}
    drawn = [name for name, entry in there.items() if isinstance(entry, Recipe)]
    real = [name for name, entry in there.items() if isinstance(entry, RealEntry)]
    if drawn and real:
        yield (
            f"'datasets.{real[0]}': the labelled sets have to be all drawn or all real, but "
            f"{', '.join(drawn)} {'is' if len(drawn) == 1 else 'are'} drawn"
        )
    elif not drawn and all(isinstance(there[shift], Absent | None) for shift in SHIFTS):
        yield f"'datasets': at least one of {', '.join(SHIFTS)} has to be there, not absent"


def most_images(entry: DatasetEntry) -> int:
    """Return how many images ImageNet's validation set has at most in this study."""
    if isinstance(entry, Recipe):
        return entry.images
    return getattr(entry, "limit", None) or IMAGENET_VAL
