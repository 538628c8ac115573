"""What one section of params.yaml says of another: every name has to exist and to fit."""

from collections.abc import Collection, Iterator

from stages.settings.dataset_fits import NEEDED, misfit_datasets
from stages.settings.encoder_fits import clips, misfit_weights, misplaced_encoders
from stages.settings.sections import Sections


def broken_references(study: Sections) -> Iterator[str]:
    """Yield what is wrong between sections, each with the key and the legal values."""
    yield from missing_datasets(study)
    yield from unknown_names(study)
    yield from misplaced_encoders(study)
    yield from misfit_weights(study)
    yield from misfit_datasets(study)


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
            yield from known(f"{group}.{key}.recipe", entry.recipe, study.recipes)
    for key, entry in study.finetune.items():
        yield from known(f"finetune.{key}.start", entry.start, clips(study))
    for key, entry in study.interpolate.items():
        yield from known(f"interpolate.{key}.first", entry.first, clips(study))
        yield from known(f"interpolate.{key}.second", entry.second, study.finetune)
    for key, entry in study.encoders.items():
        yield from known(f"encoders.{key}.backbone", entry.backbone, study.backbones)
    for key, entry in study.comparisons.items():
        yield from known(f"comparisons.{key}.first", entry.first, study.encoders)
        yield from known(f"comparisons.{key}.second", entry.second, study.encoders)


def known(path: str, name: str, entries: Collection[str]) -> Iterator[str]:
    """Yield a complaint when `name` is no entry."""
    if name not in entries:
        yield f"'{path}': there is no '{name}'; legal values: {', '.join(entries) or 'none yet'}"
