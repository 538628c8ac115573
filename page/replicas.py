"""Replicas: the same encoders from other seeds, and how far their numbers spread.

An interval is over images, lines or draws of one trained encoder; it knows nothing of the encoder
that another seed would have given. `studies/replicas.yaml` trains each encoder of the default study
with five seeds, `python -m tools.replicas` keeps what was measured as one table, and the page shows
the spread beside the intervals. The paper trains each encoder once and reports no such spread.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from interpreting_clip.errors import InputError
from interpreting_clip.formats.tables import read_table
from page.names import format_number

TRAININGS = ("pretrain", "finetune", "supervise")
"""The stages that train, which are the sections of params.yaml with their encoders, too."""

IDENTITY = ("encoder", "seed", "settings", "code")
"""The columns of the table before the numbers; the last two are those of the training."""


class Replicated(msgspec.Struct, frozen=True, kw_only=True):
    """A number of an encoder over its replicas, which have as many `seeds`.

    `deviation` is the standard deviation, of n - 1 degrees of freedom. `outdated` says that the
    code of the training has changed since the replicas were trained.
    """

    mean: float
    deviation: float
    low: float
    high: float
    seeds: int
    outdated: bool


def format_replicas(found: Replicated | None, digits: int = 1) -> str:
    """Return the standard deviation over replicas with its sign, to stand after an interval.

    A pilcrow marks replicas that are outdated. Without replicas the text is empty.
    """
    if found is None:
        return ""
    return f" ± {format_number(found.deviation, digits)}{'¶' if found.outdated else ''}"


def training_of(key: str, study: Mapping[str, Any]) -> str:
    """Return the stage that trains an encoder of a study, or nothing if none does."""
    return next((stage for stage in TRAININGS if key in study.get(stage, {})), "")


def training_settings(key: str, study: Mapping[str, Any]) -> str:
    """Return 12 hex digits that stand for the settings of an encoder's training but for its seed.

    These are the recipe, the backbone, the dataset, and for a finetuned encoder the settings of the
    training that it starts from. They count by their values: `20` and `20.0`, or a default and
    nothing, are the same.

    Parameters
    ----------
    key : an encoder that `training_of` has a stage for
    study : the sections of params.yaml that say how encoders are trained, with their types
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


def read_replicas(
    file: Path, study: Mapping[str, Any], code: Mapping[str, str]
) -> dict[str, dict[str, Replicated]]:
    """Read from the table those replicas that have the settings of the study's own encoders.

    Returns the numbers of each encoder by their names, such as `robustness.robustness`.

    Raises
    ------
    InputError
        The table is missing or damaged, or an encoder in it has one replica.
    """
    numbers = [str(name) for name in read_table(file, IDENTITY) if name not in IDENTITY]
    found = {}
    for encoder, replicas in read_table(file, IDENTITY, numbers).groupby("encoder", sort=False):
        key = str(encoder)
        if not training_of(key, study):
            continue
        own = replicas[replicas["settings"] == training_settings(key, study)]
        if len(own) == 1:
            raise InputError(f"{file}: expected two replicas of {key} or more, got one")
        outdated = bool((own["code"] != training_code(key, study, code)).any())
        if len(own):
            found[key] = {
                str(name): Replicated(
                    mean=values.mean(),
                    deviation=values.std(),
                    low=values.min(),
                    high=values.max(),
                    seeds=len(own),
                    outdated=outdated,
                )
                for name, values in own[numbers].dropna(axis="columns").items()
            }
    return found
