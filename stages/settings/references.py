"""What one section of params.yaml says of another: every name has to exist and to fit."""

from collections.abc import Collection, Iterator

from stages.settings.sections import Sections
from stages.settings.shifts import TEST_SETS
from stages.world.recipe import Captioned, Probe

GROUPS = {
    "weights": "random",
    "pretrain": "zero_shot",
    "finetune": "trained",
    "supervise": "trained",
}
"""The sections that say where an encoder's weights come from, and the head of such an encoder."""

NEEDED = ("imagenet_train", *TEST_SETS, "broden")
"""The datasets that every study has."""


def broken_references(study: Sections) -> Iterator[str]:
    """Yield what is wrong between sections, each with the key and the legal values."""
    yield from missing_datasets(study)
    yield from unknown_names(study)
    yield from misplaced_encoders(study)
    yield from misfits(study)


def missing_datasets(study: Sections) -> Iterator[str]:
    """Yield the datasets that no stage can do without."""
    for name in NEEDED:
        if name not in study.datasets:
            yield f"'datasets.{name}' is missing; a study needs {', '.join(NEEDED)}"


def unknown_names(study: Sections) -> Iterator[str]:
    """Yield the references to entries that are not there."""
    for group in ("weights", "pretrain", "supervise"):
        for key, entry in getattr(study, group).items():
            yield from known(f"{group}.{key}.backbone", entry.backbone, study.backbones)
    for group in ("pretrain", "finetune", "supervise"):
        for key, entry in getattr(study, group).items():
            yield from known(f"{group}.{key}.dataset", entry.dataset, study.datasets)
    for key, entry in study.finetune.items():
        yield from known(f"finetune.{key}.start", entry.start, study.pretrain)
    for key, entry in study.encoders.items():
        yield from known(f"encoders.{key}.backbone", entry.backbone, study.backbones)
    for key, entry in study.comparisons.items():
        yield from known(f"comparisons.{key}.first", entry.first, study.encoders)
        yield from known(f"comparisons.{key}.second", entry.second, study.encoders)


def known(path: str, name: str, entries: Collection[str]) -> Iterator[str]:
    """Yield a complaint when `name` is no entry."""
    if name not in entries:
        yield f"'{path}': there is no '{name}'; legal values: {', '.join(entries) or 'none yet'}"


def misplaced_encoders(study: Sections) -> Iterator[str]:
    """Yield the encoders that come from nowhere, from two places, or are never measured."""
    for key, entry in study.encoders.items():
        homes = [group for group in GROUPS if key in getattr(study, group)]
        if len(homes) != 1:
            found = " and ".join(homes) or "none"
            yield (
                f"'encoders.{key}': expected an entry '{key}' in one of {', '.join(GROUPS)}, "
                f"got {found}"
            )
        elif entry.head != GROUPS[homes[0]]:
            yield (
                f"'encoders.{key}.head': an encoder of '{homes[0]}' has a head of the kind "
                f"'{GROUPS[homes[0]]}', got '{entry.head}'"
            )
    for group in GROUPS:
        for key in getattr(study, group):
            if key not in study.encoders:
                yield f"'{group}.{key}': expected an entry '{key}' in encoders; it has none"


def misfits(study: Sections) -> Iterator[str]:
    """Yield the values that do not fit what they refer to."""
    yield from misfit_datasets(study)
    validation = study.datasets.get(TEST_SETS[0])
    if validation is not None and study.layers.images > validation.images:
        yield (
            f"'layers.images': expected at most the {validation.images} images of "
            f"'{TEST_SETS[0]}', got {study.layers.images}"
        )


def misfit_datasets(study: Sections) -> Iterator[str]:
    """Yield the datasets that lack what they are used for: captions, classes or concepts."""
    captioned = [key for key, data in study.datasets.items() if isinstance(data, Captioned)]
    labelled = [key for key, data in study.datasets.items() if not isinstance(data, Probe)]
    for group, legal in (("pretrain", captioned), ("finetune", labelled), ("supervise", labelled)):
        lacking = "captions" if legal is captioned else "classes"
        for key, entry in getattr(study, group).items():
            if entry.dataset in study.datasets and entry.dataset not in legal:
                yield (
                    f"'{group}.{key}.dataset': '{entry.dataset}' has no {lacking}; legal values: "
                    f"{', '.join(legal) or 'none yet'}"
                )
    for name in NEEDED:
        data = study.datasets.get(name)
        if data is not None and isinstance(data, Probe) != (name == "broden"):
            legal = "probe" if name == "broden" else "labelled, captioned, adversarial"
            tag = data.__struct_config__.tag
            yield f"'datasets.{name}.kind': got '{tag}'; legal values: {legal}"
