"""Replicas: the same encoders from other seeds, and how far their numbers spread.

An interval is over images, lines or draws of one trained encoder; it knows nothing of the encoder
that another seed would have given. `studies/replicas.yaml` trains each encoder of the default study
with five seeds, and a few further encoders that only it has. `python -m tools replicas` keeps what
was measured as one table, and the page shows the spread beside the intervals. The paper trains each
encoder once and reports no such spread.

A replica with a shift on which no standard model has a similar ImageNet accuracy decides nothing
about effective robustness: numbers that are read from a line leave it out, and all others keep it.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import msgspec
import pandas as pd
from msgspec.structs import replace

from interpreting_clip.config.params import convert
from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.encoders.entries import BackboneEntry, EncoderEntry
from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats.tables import read_table
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.study.dataset_entries import DatasetEntry
from interpreting_clip.training.recipes import Finetune, Pretrain, Supervise, TrainingRecipe
from page.names import format_number

TRAININGS = ("pretrain", "finetune", "supervise")
"""The stages that train, which are the sections of params.yaml with their encoders, too."""

TRAINED_FROM = {
    "backbones": dict[str, BackboneEntry],
    "datasets": dict[str, DatasetEntry],
    "recipes": dict[str, TrainingRecipe],
    "pretrain": dict[str, Pretrain],
    "finetune": dict[str, Finetune],
    "supervise": dict[str, Supervise],
}
"""The sections of params.yaml that say how an encoder is trained, with their types."""

FURTHER = Path("studies/replicas/further.yaml")
"""The encoders that only the study of replicas has."""

IDENTITY = ("encoder", "seed", "settings", "code")
"""The columns of the table before the numbers; the last two are those of the training."""

OUTSIDE = "robustness.extrapolated"
"""On how many shifts a replica lies outside the range of the standard models."""

ALL = ("sources.world", "precision")
ON_IMAGENET = (*ALL, "datasets.imagenet_val")
ON_BRODEN = (*ALL, "datasets.broden", "heads.zero_shot")
IMAGES = tuple(f"datasets.{name}" for name in ("imagenet_train", *TEST_SETS))
ON_SHIFTS = (*ALL, *IMAGES, "heads.zero_shot", "robustness", "baseline")

MEASURED_WITH = {
    "concepts": (*ON_BRODEN, "concepts", "presence", "directions"),
    "directions": (*ON_IMAGENET, "heads.zero_shot", "directions"),
    "kurtosis": (*ON_IMAGENET, "kurtosis"),
    "participation_ratio": (*ON_IMAGENET, "participation_ratio"),
    "privileged_basis": (*ON_IMAGENET, "privileged_basis"),
    "prunable": (*ON_SHIFTS, "directions"),
    "robustness": ON_SHIFTS,
}
"""The parameters that each measure's numbers follow from, besides those of the training."""

INSIDE = "inside the range of the standard models"


class Replicated(msgspec.Struct, frozen=True, kw_only=True):
    """A number of an encoder over its replicas.

    Attributes
    ----------
    by_seed : the values of the replicas that count
    left_out : how many replicas do not, since the number is read from a line whose standard models
        they lie outside
    outdated : the code of the training has changed since the replicas were trained
    """

    by_seed: dict[int, float]
    left_out: int = 0
    outdated: bool = False

    @property
    def mean(self) -> float | None:
        """The mean of the replicas that count, if there is one."""
        return mean(self.by_seed.values()) if self.by_seed else None

    @property
    def deviation(self) -> float | None:
        """The standard deviation, of n - 1 degrees of freedom; a single replica has none."""
        return stdev(self.by_seed.values()) if len(self.by_seed) > 1 else None

    @property
    def seeds(self) -> int:
        """How many replicas there are, whether they count or not."""
        return len(self.by_seed) + self.left_out

    @property
    def remaining(self) -> str:
        """How many replicas count, such as `4 of 5 seeds`; empty if all do."""
        return f"{len(self.by_seed) or 'none'} of {self.seeds} seeds" if self.left_out else ""

    @property
    def without(self) -> str:
        """How many replicas do not count, such as `without 1 of 5 seeds ‡`; empty if all do."""
        return f"without {self.left_out} of {self.seeds} seeds ‡" if self.left_out else ""


class ReplicatedEncoder(msgspec.Struct, frozen=True, kw_only=True):
    """An encoder with its entry in params.yaml, and its numbers over seeds by their names."""

    key: str
    entry: EncoderEntry
    replicas: dict[str, Replicated] = {}


class FurtherEncoder(ReplicatedEncoder, frozen=True, kw_only=True):
    """An encoder of the study of replicas alone, and the study's own that it is compared with."""

    other: ReplicatedEncoder


def difference_over_seeds(
    first: ReplicatedEncoder, second: ReplicatedEncoder, name: str
) -> Replicated | None:
    """Return a number of the first minus that of the second, for each seed that counts for both."""
    one, other = first.replicas.get(name), second.replicas.get(name)
    if one is None or other is None:
        return None
    differences = {s: x - other.by_seed[s] for s, x in one.by_seed.items() if s in other.by_seed}
    return Replicated(
        by_seed=differences,
        left_out=min(one.seeds, other.seeds) - len(differences),
        outdated=one.outdated or other.outdated,
    )


def over_replicas(estimate: Estimate, found: Replicated | None) -> Estimate:
    """Widen an interval to hold the values of all replicas that count: claims hold beyond both."""
    values = [*estimate.ends, *(found.by_seed.values() if found else ())]
    return Estimate(estimate.value, min(values), max(values))


def seed_differences(first: ReplicatedEncoder, second: ReplicatedEncoder, name: str) -> list[float]:
    """Return what `difference_over_seeds` has; nothing if one of them has no replicas."""
    found = difference_over_seeds(first, second, name)
    return [*found.by_seed.values()] if found else []


def is_on_a_line(name: str) -> bool:
    """Return whether a number is read from the lines of effective robustness."""
    measure, _, field = name.partition(".")
    if measure == "prunable":
        return field in ("prunable", "by_robustness")
    return measure == "robustness" and name.endswith((".robustness", ".natural", ".style"))


def format_replicas(found: Replicated | None, digits: int = 1) -> str:
    """Return the standard deviation over replicas with its sign, to stand after an interval.

    It says how many replicas are left out, if any. A pilcrow marks replicas that are outdated.
    Without replicas the text is empty.
    """
    if found is None:
        return ""
    spread = "" if found.deviation is None else f" ± {format_number(found.deviation, digits)}"
    without = f" ({found.without})" if found.without else ""
    return f"{spread}{without}{'¶' if found.outdated else ''}"


def spread_in_words(found: Replicated | None, digits: int = 1) -> str:
    """Return what stands after a number in a sentence, from its comma on; nothing if no replicas.

    Such as `, ± 1.2 over seeds`, or `, ± 1.2 over 4 of 5 seeds inside the range …`.
    """
    if found is None:
        return ""
    mark = "¶" if found.outdated else ""
    over = f"{found.remaining} {INSIDE}" if found.remaining else "seeds"
    if found.deviation is None:
        return f", {over}{mark}"
    return f", ± {format_number(found.deviation, digits)}{mark} over {over}"


def training_of(key: str, study: Mapping[str, Any]) -> str:
    """Return the stage that trains an encoder of a study, or nothing if none does."""
    return next((stage for stage in TRAININGS if key in study.get(stage, {})), "")


def training_settings(key: str, study: Mapping[str, Any]) -> str:
    """Return 12 hex digits that stand for the settings of an encoder's training but for its seed.

    These are the recipe, the backbone, the dataset, and for a finetuned encoder the settings of the
    training that it starts from; a KeyError says that the study lacks one of them. They count by
    their values: `20` and `20.0`, or a default and nothing, are the same.
    """
    entry = study[training_of(key, study)][key]
    start = getattr(entry, "start", "")
    parts = {
        "recipe": replace(study["recipes"][entry.recipe], seed=0),
        "dataset": study["datasets"][entry.dataset],
        "label_smoothing": getattr(entry, "label_smoothing", None),
        "start": training_settings(start, study) if start else None,
        "backbone": None if start else study["backbones"][entry.backbone],
    }
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:12]


def training_code(key: str, study: Mapping[str, Any], code: Mapping[str, str]) -> str:
    """Return the fingerprints, in code.json, of the stages that an encoder's training takes."""
    stage = training_of(key, study)
    start = getattr(study[stage][key], "start", "")
    own = code.get(stage, "")
    return f"{training_code(start, study, code)}+{own}" if start else own


def with_further(study: Mapping[str, Any], further: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study's sections with the entries of further encoders, without replacing its own."""
    return dict(study) | {
        name: {**section, **{k: one for k, one in further[name].items() if k not in section}}
        for name, section in study.items()
        if name in further
    }


def read_trainings(tree: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Return the sections that say how encoders are trained, with their types."""
    return {
        name: convert(tree.get(name, {}), kind, name, file) for name, kind in TRAINED_FROM.items()
    }


def changed_parameters(study: Mapping[str, Any], measured: Mapping[str, Any]) -> set[str]:
    """Return those of `MEASURED_WITH` that differ between a study and that of the replicas."""

    def value(tree: Mapping[str, Any], path: str) -> Any:
        return reduce(lambda node, key: (node or {}).get(key), path.split("."), tree)

    paths = {path for each in MEASURED_WITH.values() for path in each}
    return {path for path in paths if value(study, path) != value(measured, path)}


def read_replicas(
    file: Path,
    study: Mapping[str, Any],
    code: Mapping[str, str],
    changed: Collection[str] = (),
) -> dict[str, dict[str, Replicated]]:
    """Read from the table those replicas that have the settings of the study's encoders.

    Returns the numbers of each encoder by their names, such as `robustness.robustness`, without
    those of measures whose parameters have `changed` since they were measured.
    """
    table = read_table(file, IDENTITY)
    other = [m for m, paths in MEASURED_WITH.items() if not {*paths}.isdisjoint(changed)]
    table = table.drop(columns=[name for name in table if str(name).partition(".")[0] in other])
    with error_context(file, ValueError):
        numbers = table.drop(columns=list(IDENTITY)).apply(pd.to_numeric)
        seeds = table["seed"].astype(int)
    found = {}
    for key in table["encoder"].unique():
        if not training_of(key, study):
            continue
        try:
            settings = training_settings(key, study)
        except KeyError:  # a further encoder, of another study's backbone or images
            continue
        own = (table["encoder"] == key) & (table["settings"] == settings)
        if own.sum() == 1:
            raise InputError(f"{file}: expected two replicas of {key} or more, got one")
        if own.any():
            current = training_code(key, study, code)
            outdated = bool((table["code"][own] != current).any())
            found[key] = _replicated(numbers[own].set_index(seeds[own]), outdated)
    return found


def _replicated(numbers: pd.DataFrame, outdated: bool) -> dict[str, Replicated]:
    """Return the numbers of an encoder, of which there is a row for each seed."""
    outside = numbers[OUTSIDE] > 0 if OUTSIDE in numbers else pd.Series(False, numbers.index)
    found = {}
    for name, column in numbers.items():
        left_out = outside & is_on_a_line(str(name))
        values = column[~left_out]
        if not values.hasnans:
            found[str(name)] = Replicated(
                by_seed={int(str(seed)): float(value) for seed, value in values.items()},
                left_out=int(left_out.sum()),
                outdated=outdated,
            )
    return found


def read_further(
    further: Mapping[str, Any],
    replicas: Mapping[str, dict[str, Replicated]],
    own: Sequence[ReplicatedEncoder],
) -> list[FurtherEncoder]:
    """Return the further encoders that can be compared with a study's `own`.

    There are none unless the table has replicas of both with the study's settings.
    """
    entries = convert(further["encoders"], dict[str, EncoderEntry], "encoders", FURTHER)
    others = [e for e in own if e.key == further["compared_with"] and e.replicas]
    keys = {e.key for e in own}
    return [
        FurtherEncoder(key=key, entry=entry, replicas=replicas[key], other=other)
        for other in others
        for key, entry in entries.items()
        if key in replicas and key not in keys
    ]
