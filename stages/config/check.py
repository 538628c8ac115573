"""A study as a whole: every section legal, and every name in it known."""

import math
import unicodedata
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    NodeEvent,
    ScalarEvent,
)

from stages.config.check_datasets import NEEDED, misfit_datasets
from stages.config.check_encoders import clips, misfit_weights, misfit_words, misplaced_encoders
from stages.config.params import convert, legal_yaml, load_tree, quoted, read_text, short
from stages.config.quantities import LONGEST_KEY
from stages.config.sections import Sections, illegal_values
from stages.runtime.errors import InputError


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


DEEPEST = 20
"""How deep a study can be nested; DVC's reader, which is recursive, crashes far beyond."""

LARGEST = 10**18
"""No whole number of a study is larger."""

LINES = "study.description"
"""The one text of several lines."""

UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode's categories of control characters, halves of characters and ends of lines."""

SHARED = "`dvc exp run -S` would change one of the entries that share a value and not the others"
"""Why a study has no anchors."""


def illegal_syntax(text: str, file: Path) -> Iterator[str]:
    """Yield what a study says in parts of YAML that it does without, by line.

    Raises
    ------
    InputError
        The text is no YAML.
    """
    depth = 0
    with legal_yaml(file, text):
        for event in YAML(typ="safe").parse(text):
            depth += isinstance(event, CollectionStartEvent)
            depth -= isinstance(event, CollectionEndEvent)
            line = f"{file}: line {event.start_mark.line + 1}"
            if depth > DEEPEST:
                yield f"{line}: nested more than {DEEPEST} levels deep"
                return
            if isinstance(event, AliasEvent):
                yield f"{line}: the alias {short(event.anchor)}: {SHARED}; write the value out"
            elif isinstance(event, NodeEvent) and event.anchor:
                yield f"{line}: the anchor {short(event.anchor)}: {SHARED}; leave it out"
            if isinstance(event, ScalarEvent) and event.value == "<<" and event.implicit[0]:
                yield f"{line}: the merge key '<<': {SHARED}; write the keys out"
            if tag := getattr(event, "tag", None):
                yield f"{line}: the tag {short(tag)}: a study has none; leave it out"


def illegal_scalars(node: Any, file: Path, path: str = "") -> Iterator[str]:
    """Yield the keys whose name or value is legal nowhere in a study."""
    key = f"{file}: {quoted(path)}"
    if isinstance(node, dict):
        for name, value in node.items():
            if why := illegal_name(name):
                yield f"{key}: the key {short(name)}: {why}"
            else:
                yield from illegal_scalars(value, file, f"{path}.{name}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from illegal_scalars(value, file, f"{path}[{index}]")
    elif why := illegal_value(node, several_lines=path == f".{LINES}"):
        yield f"{key}: {why}, got {short(node)}"


def illegal_name(name: object) -> str:
    """Say why nothing in a study is called so, or nothing."""
    if not isinstance(name, str):
        return f"expected a text, got the type {type(name).__name__}; quote it"
    if len(name) > LONGEST_KEY:
        return f"expected at most {LONGEST_KEY} characters, got {len(name)}"
    return illegal_value(name)


def illegal_value(value: object, several_lines: bool = False) -> str:
    """Say what was expected in place of a value that is legal nowhere, or nothing."""
    if isinstance(value, str):
        text = value.replace("\n", "") if several_lines else value
        if any(unicodedata.category(character) in UNPRINTABLE for character in text):
            return f"expected no control characters, and line ends in '{LINES}' alone"
        return "expected no `${`, which `dvc exp run -S` replaces" if "${" in text else ""
    if isinstance(value, float):
        return "" if math.isfinite(value) else "expected a finite number"
    if isinstance(value, int):
        return "" if abs(value) <= LARGEST else "expected a number of at most 18 digits"
    return "" if value is None else f"expected no {type(value).__name__}; quote it if it is a text"


def check(file: Path) -> Sections:
    """Return a study's parameters, all of them legal.

    Raises
    ------
    InputError
        Names each key that is not legal and the legal values, in a line of its own.
    """
    refuse(illegal_syntax(read_text(file), file))
    tree = load_tree(file)
    refuse(illegal_scalars(tree, file))
    refuse(illegal_values(tree, file))
    study = convert(tree, Sections, "", file)
    refuse(f"{file}: {complaint}" for complaint in broken_references(study))
    return study


def refuse(complaints: Iterator[str]) -> None:
    """Refuse a study that there are complaints about."""
    if lines := list(complaints):
        raise InputError("\n       ".join(lines))
