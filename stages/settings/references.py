"""What one section of params.yaml says of another: names have to exist, to fit and to be used."""

from collections.abc import Collection, Iterator

from stages.settings.dataset_fits import NEEDED, misfit_datasets
from stages.settings.encoder_fits import clips, misfit_weights, misfit_words, misplaced_encoders
from stages.settings.sections import Sections


def broken_references(study: Sections) -> Iterator[str]:
    """Yield what is wrong between sections, each with the key and the legal values."""
    yield from missing_datasets(study)
    yield from unknown_names(study)
    yield from misplaced_encoders(study)
    yield from misfit_weights(study)
    yield from misfit_words(study)
    yield from misfit_datasets(study)
    yield from unused_entries(study)
    if study.directions.random_head_seed == (seed := study.heads.random.seed):
        yield (
            f"'directions.random_head_seed': expected another seed than 'heads.random.seed', got "
            f"{seed} twice: the null would be the head of the untrained encoders itself"
        )


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


def unused_entries(study: Sections) -> Iterator[str]:
    """Yield the entries that no other names: nothing would be made of them or measured on them."""
    trained = [*study.pretrain.values(), *study.finetune.values(), *study.supervise.values()]
    built = [*study.weights.values(), *study.pretrain.values(), *study.supervise.values()]
    named = [*built, *study.encoders.values()]
    given = [name for name in study.sources.__struct_fields__ if getattr(study.sources, name)]
    for section, names, used, where in (
        ("sources", given, {one.source for one in study.datasets.values()}, "a dataset's `source`"),
        ("datasets", study.datasets, {*NEEDED, *(t.dataset for t in trained)}, "a `dataset`"),
        ("backbones", study.backbones, {one.backbone for one in named}, "a `backbone`"),
        ("recipes", study.recipes, {one.recipe for one in trained}, "a `recipe`"),
    ):
        for name in names:
            if name not in used:
                yield (
                    f"'{section}.{name}': nothing uses it; take the entry out, or name it as "
                    f"{where}"
                )
