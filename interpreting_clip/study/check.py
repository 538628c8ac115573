"""The check of a study: every section is legal, and the sections fit together."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

import interpreting_clip.datasets.entries as datasets
import interpreting_clip.encoders.encoder_entries as encoders
import interpreting_clip.synthetic.world as synthetic
from interpreting_clip.config.params import convert, problem, problems
from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.config.syntax import load_tree, short
from interpreting_clip.datasets.entries import tag
from interpreting_clip.encoders.weight_sources import WeightsEntry
from interpreting_clip.errors import InputError, close_names
from interpreting_clip.study.check_datasets import (
    NEEDED,
    Complaints,
    Drawn,
    check_arrays,
    check_baseline,
    check_labelled_arrays,
    check_labels,
    check_needed_datasets,
    check_own_shifts,
    check_probed_sets,
    check_subsets,
    check_worlds,
)
from interpreting_clip.study.sections import Sections

CLIPS = encoders.Backbone | encoders.OpenClipModel
"""The architectures that have a text tower."""

TRAINING_GROUPS = {
    "pretrain": ["zero_shot"],
    "finetune": ["finetuned"],
    "supervise": ["supervised"],
    "interpolate": ["finetuned"],
    "probe": ["probed"],
}
"""The groups of the report for the encoders of a section; encoders of `weights` can be any."""

ENCODER_SECTIONS = ("weights", *TRAINING_GROUPS)
"""The sections that say where an encoder's weights come from."""


class EntryReference(NamedTuple):
    """What a key's value names: an entry of the section `target`, of one of the `kinds`.

    The target `clips` stands for all trained CLIPs, `towers` for all encoders that can pass an
    image forward, but for probes, `train_sets` for the datasets that accuracy is not measured on.
    """

    target: str
    kinds: Any = object


BACKBONE, RECIPE = EntryReference("backbones", CLIPS), EntryReference("recipes")
CAPTIONED = EntryReference(
    "datasets", synthetic.Captioned | datasets.Captions | datasets.ImageNetCaptions
)
LABELLED = EntryReference("train_sets", Drawn | datasets.ImageNetLike)
ENCODER = EntryReference("encoders")

REFERENCES = {
    "datasets": {"source": EntryReference("sources")},
    "shifts": {"source": EntryReference("sources")},
    "shift_encoders": {"shift": EntryReference("shifts"), "encoder": ENCODER},
    "weights": {"backbone": EntryReference("backbones")},
    "pretrain": {"backbone": BACKBONE, "dataset": CAPTIONED, "recipe": RECIPE},
    "finetune": {"start": EntryReference("clips"), "dataset": LABELLED, "recipe": RECIPE},
    "supervise": {"backbone": BACKBONE, "dataset": LABELLED, "recipe": RECIPE},
    "interpolate": {"first": EntryReference("clips"), "second": EntryReference("finetune")},
    "probe": {"start": EntryReference("towers"), "dataset": LABELLED},
    "encoders": {"backbone": EntryReference("backbones")},
    "comparisons": {"first": ENCODER, "second": ENCODER},
}
"""By section and key, what the key names. In `weights`, the source decides the architectures."""


def check(file: Path) -> Sections:
    """Return a study's parameters; an `InputError` has a line for each key that is not legal."""
    tree = load_tree(file)
    if complaints := list(illegal_sections(tree)):
        raise InputError(*(f"{file}: {line}" for line in complaints))
    study = convert(tree, Sections, "", file)
    if complaints := [line for check_part in CHECKS for line in check_part(study)]:
        raise InputError(*(f"{file}: {line}" for line in complaints))
    return study


def illegal_sections(tree: Mapping[str, Any]) -> Complaints:
    """Yield what is wrong inside sections, for every key of every entry."""
    kinds = {field.name: field.type for field in msgspec.structs.fields(Sections)}
    for name in tree:
        if name not in kinds:
            wrong = f"there is no section {short(name)}; {close_names(str(name), kinds)}"
            yield problem("", wrong)
    for name, kind in kinds.items():
        if name in tree:
            yield from problems(tree[name], kind, name)
        else:
            yield problem(name, "the section is missing")


def named_entries(study: Sections) -> Iterator[tuple[str, str, EntryReference, Any]]:
    """Yield the path of each key that names an entry, the name, what it may name, and its entry."""
    for section, keys in REFERENCES.items():
        for key, entry in getattr(study, section).items():
            for field, reference in keys.items():
                yield f"{section}.{key}.{field}", getattr(entry, field), reference, entry
    for name in study.browse.encoders:
        yield "browse.encoders", name, ENCODER, study.browse


def check_references(study: Sections) -> Complaints:
    """Every entry that another entry names exists and is of a legal kind."""
    for path, name, (target, kinds), entry in named_entries(study):
        there = entries(study, target)
        legal = getattr(entry, "architectures", kinds)
        fitting = [key for key, one in there.items() if isinstance(one, legal)]
        if name in fitting:
            continue
        wrong = f"there is no '{'sources.' if target == 'sources' else ''}{name}'"
        if name in there:
            wrong = f"'{name}' is of the kind '{tag(there[name])}'"
        elif target == "train_sets" and name in TEST_SETS:
            wrong = f"'{name}' is a test set, on which accuracy is measured"
        yield problem(path, wrong, fitting or "none yet")


def check_encoders(study: Sections) -> Complaints:
    """Every encoder comes from one section, whose head and training it has."""
    if not study.encoders:
        yield problem("encoders", "expected one or more, got none: nothing would be measured")
    for key, entry in study.encoders.items():
        sections = [section for section in ENCODER_SECTIONS if key in getattr(study, section)]
        if len(sections) != 1:
            yield problem(
                f"encoders.{key}",
                f"expected an entry '{key}' in one of {', '.join(ENCODER_SECTIONS)}, got "
                f"{' and '.join(sections) or 'none'}",
            )
            continue
        known = TRAINING_GROUPS.get(sections[0], [entry.training])
        legal = {"head": head_kinds(study, sections[0], key), "training": known}
        for field, words in legal.items():
            if (given := getattr(entry, field)) not in words:
                wrong = f"the encoder of '{sections[0]}.{key}' cannot have '{given}'"
                yield problem(f"encoders.{key}.{field}", wrong, words)
    # A self-supervised encoder may be there only for its probe.
    probed = {entry.start for entry in study.probe.values()}
    for section in ENCODER_SECTIONS:
        for key in getattr(study, section):
            if key not in study.encoders and not (section == "weights" and key in probed):
                yield problem(
                    f"{section}.{key}", f"expected an entry '{key}' in encoders; it has none"
                )


def check_weights(study: Sections) -> Complaints:
    """The keys of each source go with its backbone."""
    for key, entry in study.weights.items():
        backbone = study.backbones.get(entry.backbone)
        if isinstance(backbone, entry.architectures):
            for field, wrong in entry.problems(backbone):
                yield problem(f"weights.{key}.{field}", wrong)


def check_interpolations(study: Sections) -> Complaints:
    """Interpolations are between an encoder and its own finetuned version."""
    for key, entry in study.interpolate.items():
        second = study.finetune.get(entry.second)
        if second is not None and second.start != entry.first:
            yield problem(
                f"interpolate.{key}.second",
                f"expected a finetuned version of '{entry.first}', but "
                f"'finetune.{entry.second}.start' is '{second.start}'",
            )


def check_probes(study: Sections) -> Complaints:
    """What lies before the projection is known of the towers of CLIPs."""
    for key, entry in study.probe.items():
        given = lacks_tower(study, entry.start)
        backbone = study.backbones.get(backbone_name(study, entry.start))
        if entry.features != "embedding" and (given or not isinstance(backbone, CLIPS | None)):
            kind = "a folder of activations" if given else f"of the kind '{tag(backbone)}'"
            wrong = f"'{entry.features}' needs the tower of a CLIP, and '{entry.start}' is {kind}"
            yield problem(f"probe.{key}.features", wrong, "embedding")


def check_captions(study: Sections) -> Complaints:
    """Drawn captions name all classes of the world, as the zero-shot head does."""
    for key, entry in study.pretrain.items():
        dataset = study.datasets.get(entry.dataset)
        drawn = isinstance(dataset, synthetic.Captioned)
        if drawn and len(dataset.class_indices) < len(synthetic.CLASSES):
            yield problem(
                f"datasets.{entry.dataset}.classes",
                f"the zero-shot head of '{key}' is for all, and knows the classes of its captions",
                "all",
            )


def check_untrained(study: Sections) -> Complaints:
    """Untrained encoders are drawn of backbones that an encoder has and that are built here."""
    legal = sorted({entry.backbone for entry in study.encoders.values()})
    for key in study.untrained:
        backbone = study.backbones.get(key)
        model = str(getattr(backbone, "model", ""))
        if key not in legal:
            yield problem(f"untrained.{key}", "expected the backbone of an encoder", legal)
        elif isinstance(backbone, encoders.ExternalModel) or model.startswith(encoders.HUB_MODEL):
            wrong = f"{short(model)} is not built here without its weights; take the entry out"
            yield problem(f"untrained.{key}", wrong)


def check_comparisons(study: Sections) -> Complaints:
    """Only encoders that are here have layers to compare."""
    for key, entry in study.comparisons.items():
        for side, name in (("first", entry.first), ("second", entry.second)):
            if lacks_tower(study, name):
                wrong = f"'{name}' is a folder of activations, which has no layers"
                yield problem(f"comparisons.{key}.{side}", f"{wrong}; name another encoder")


def check_shift_encoders(study: Sections) -> Complaints:
    """An encoder is measured on a shift once, and every shift has an encoder."""
    first: dict[tuple[str, str], str] = {}
    for key, entry in study.shift_encoders.items():
        if (other := first.setdefault((entry.shift, entry.encoder), key)) != key:
            wrong = f"'{other}' measures '{entry.encoder}' on '{entry.shift}', too"
            yield problem(f"shift_encoders.{key}", f"{wrong}; take one of them out")
    for shift in study.shifts.keys() - {entry.shift for entry in study.shift_encoders.values()}:
        wrong = "no encoder is measured on it; add an entry to 'shift_encoders'"
        yield problem(f"shifts.{shift}", f"{wrong}, or take it out")


def check_unused(study: Sections) -> Complaints:
    """Every dataset is used; all of them are fetched."""
    named = named_entries(study)
    used = {name for _, name, one, _ in named if one.target in ("datasets", "train_sets")}
    for name in study.datasets.keys() - used - {*NEEDED}:
        wrong = "nothing uses it; take the entry out, or name it as a `dataset`"
        yield problem(f"datasets.{name}", wrong)


CHECKS: tuple[Callable[[Sections], Complaints], ...] = (
    check_needed_datasets,
    check_own_shifts,
    check_labels,
    check_references,
    check_shift_encoders,
    check_encoders,
    check_weights,
    check_interpolations,
    check_probes,
    check_captions,
    check_baseline,
    check_worlds,
    check_subsets,
    check_probed_sets,
    check_untrained,
    check_arrays,
    check_labelled_arrays,
    check_comparisons,
    check_unused,
)
"""The checks across sections; each yields its complaints about a study."""


def entries(study: Sections, target: str) -> Mapping[str, Any]:
    """Return the entries of a section, the trained CLIPs, or the encoders that a probe can read."""
    if target == "towers":
        sections = [section for section in ENCODER_SECTIONS if section != "probe"]
        return {k: e for section in sections for k, e in getattr(study, section).items()}
    if target == "train_sets":
        return {k: entry for k, entry in study.datasets.items() if k not in TEST_SETS}
    if target == "clips":
        ready = {k: entry for k, entry in study.weights.items() if is_trained_clip(study, entry)}
        return study.pretrain | ready
    section = getattr(study, target)
    if target == "sources":
        return {name: one for name, one in msgspec.structs.asdict(section).items() if one}
    return section


def backbone_name(study: Sections, key: str) -> str:
    """Return the entry of `backbones` of an encoder: its own, or that of its start; '' if none."""
    towers: Mapping[str, Any] = {**entries(study, "towers"), **study.probe}
    for _ in towers:  # an encoder may be its own start by mistake
        entry = towers.get(key)
        if name := getattr(entry, "backbone", ""):
            return name
        key = getattr(entry, "start", None) or getattr(entry, "first", "")
    return ""


def is_trained_clip(study: Sections, entry: WeightsEntry) -> bool:
    """Say whether an entry of `weights:` is a trained CLIP."""
    architecture = study.backbones.get(entry.backbone)
    return isinstance(architecture, CLIPS) and entry.tower == "trained"


def lacks_tower(study: Sections, key: str) -> bool:
    """Say whether an encoder is nothing but activations that were computed elsewhere."""
    entry = study.weights.get(study.probe[key].start if key in study.probe else key)
    return entry is not None and entry.tower == "none"


def head_kinds(study: Sections, section: str, key: str) -> list[str]:
    """Return the kinds of head that an encoder of a section can have."""
    if section != "weights":
        return ["zero_shot" if section == "pretrain" else "trained"]
    backbone = study.backbones.get(study.weights[key].backbone)
    return study.weights[key].heads(clip=isinstance(backbone, CLIPS))
