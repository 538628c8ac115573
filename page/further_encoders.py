"""Encoders that only the study of replicas has: how they were trained, and what they compare with.

A study knows them by the table of replicas, so they have no draws of lines, images or negatives.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from interpreting_clip.config.params import convert
from interpreting_clip.encoders.encoder_entries import EncoderEntry
from page.replicas import Replicated, ReplicatedEncoder
from page.study_results import StudyEncoder

FURTHER = Path("studies/replicas/further.yaml")
"""The encoders that only the study of replicas has."""

FROM_SCRATCH = ("pretrain", "supervise")
"""The sections of a study that train an encoder from scratch."""


class FurtherEncoder(ReplicatedEncoder, frozen=True, kw_only=True):
    """An encoder that only the replicas' study has, and the study's encoder to compare it with.

    `differs` names what differs between the trainings of both.
    """

    other: StudyEncoder
    differs: tuple[str, ...] = ()


def read_further(
    further: Mapping[str, Any],
    study: Mapping[str, Any],
    replicas: Mapping[str, dict[str, Replicated]],
    own: Sequence[StudyEncoder],
) -> list[FurtherEncoder]:
    """Return the further encoders that can be compared with a study's `own`.

    There are none unless the table has current numbers of the encoder that they are compared with.
    `further` and `study` are sections of params.yaml, with datasets, recipes and trainings.
    """
    entries = convert(further["encoders"], dict[str, EncoderEntry], "encoders", FURTHER)
    others = [e for e in own if e.key == further["compared_with"] and e.replicas]
    keys = {e.key for e in own}
    return [
        FurtherEncoder(
            key=key,
            entry=entry,
            replicas=replicas[key],
            other=other,
            differs=tuple(_differences(key, other.key, further, study)),
        )
        for other in others
        for key, entry in entries.items()
        if key in replicas and key not in keys
    ]


def _differences(
    key: str, other: str, further: Mapping[str, Any], study: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the names of what differs between the trainings of two encoders, apart from seeds."""
    sections = ("datasets", "recipes", *FROM_SCRATCH)
    known = {name: study.get(name, {}) | further.get(name, {}) for name in sections}
    trainings = {k: entry for name in FROM_SCRATCH for k, entry in known[name].items()}
    if not {key, other} <= trainings.keys():
        return
    for section, part in (("datasets", "dataset"), ("recipes", "recipe")):
        first, second = (known[section][trainings[k][part]] for k in (key, other))
        for name in first:
            if name != "seed" and first[name] != second.get(name):
                yield name.replace("_", " ")
