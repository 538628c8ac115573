"""Whether the datasets of a study are of the kinds that their uses need, and go together."""

from collections.abc import Iterator

from stages.datasets.entries import (
    Absent,
    Broden,
    Captions,
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
from stages.settings.datasets import DatasetEntry
from stages.settings.sections import Sections
from stages.settings.shifts import SHIFTS, TEST_SETS
from stages.world.recipe import Adversarial, Captioned, Labelled, Probe, Recipe

NEEDED = ("imagenet_train", *TEST_SETS, "broden")
"""The datasets that every study has."""

DRAWN = (Labelled, Captioned, Adversarial)
"""Drawn sets with classes."""

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
    """Yield the datasets on which no standard model can be trained here."""
    if study.baseline.source == "trained":
        for name in ("imagenet_train", *TEST_SETS):
            entry = study.datasets.get(name)
            if entry is not None and not isinstance(entry, DRAWN):
                yield (
                    f"'baseline.source': 'trained' needs drawn images, '{name}' is of the kind "
                    f"'{tag(entry)}'; legal values: published"
                )
                return


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
