"""A study as the report reads it: each encoder with its results, its replicas and its null."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import pandas as pd

from interpreting_clip.encoders.encoder_entries import EncoderEntry
from interpreting_clip.measures.cka import LayerCka
from interpreting_clip.measures.layer_outliers import LayerOutlier
from interpreting_clip.study.encoder_results import EncoderResults
from interpreting_clip.study.shift_results import ShiftResults
from page.names import REPRESENTATIONS, TESTBED_SHIFTS, TRAININGS
from page.replicas import ReplicatedEncoder

ENCODER_COLUMNS = ("number", "label", "training", "backbone")
"""The columns that identify an encoder; `number` keys a chart to the main table."""


class UntrainedNull(msgspec.Struct, frozen=True, kw_only=True):
    """Many untrained encoders of one backbone: `plots/untrained/<backbone>.json`.

    `images` is how many of ImageNet's test images they were measured on. `numbers` has a number of
    each encoder for each measure of features, by the measure's name.
    """

    representation: Literal["linear", "rectified"]
    images: int
    numbers: dict[str, list[Any]]


class StudyEncoder(ReplicatedEncoder, frozen=True, kw_only=True):
    """One encoder of the study; `number` counts from 1 and keys the charts to the table.

    `null` are the untrained encoders that it is compared with. `browsable`: whether its directions
    and features have pages. `own` are the results on shifts of the study's own.
    """

    number: int
    results: EncoderResults
    null: UntrainedNull | None = None
    browsable: bool = False
    own: Mapping[str, ShiftResults] = {}

    @property
    def representation(self) -> str:
        """Whether its features are `linear` or `rectified`."""
        return self.results.kurtosis.representation or "linear"


def report_order(entries: Mapping[str, EncoderEntry]) -> list[str]:
    """Return the keys of encoders as the report lists them: by backbone, training and key."""
    ranks = {training: rank for rank, training in enumerate(TRAININGS)}
    return sorted(entries, key=lambda k: (entries[k].backbone, ranks[entries[k].training], k))


def over_encoders(
    encoders: Sequence[StudyEncoder], tables: Mapping[int, pd.DataFrame]
) -> pd.DataFrame:
    """Return the tables of encoders, by number, as one: `ENCODER_COLUMNS` and `representation` too.

    An encoder without a table, or with an empty one, has no rows.
    """
    known = {number: table for number, table in tables.items() if len(table)}
    if not known:
        return pd.DataFrame()
    identities = pd.DataFrame(
        {
            "number": e.number,
            "label": e.entry.label,
            "training": TRAININGS[e.entry.training],
            "backbone": e.entry.backbone,
            "representation": REPRESENTATIONS[e.representation],
        }
        for e in encoders
    )
    joined = pd.concat(known, names=["number"]).reset_index("number")
    return identities.merge(joined, on="number")


def moved(comparison: LayerCka) -> float:
    """Return the largest difference that leaving out outlier features makes to two layers."""
    rest = np.array(comparison.without_outliers, float)
    return float(np.nanmax(np.abs(comparison.cka - rest), initial=0.0))


def largest_ratio(layers: Sequence[LayerOutlier]) -> LayerOutlier | None:
    """Return the layer whose largest |h| is most times its median, None if no layer has both."""
    there = [one for one in layers if one.ratio]
    return max(there, key=lambda one: one.ratio.value if one.ratio else 0.0, default=None)


def reasons(encoders: Sequence[StudyEncoder]) -> dict[tuple[str, str], list[str]]:
    """Return the labels of the encoders without a number on a dataset, by dataset and reason."""
    labels: dict[tuple[str, str], list[str]] = {}
    for e in encoders:
        own = {shift: results.robustness.left_out for shift, results in e.own.items()}
        every = e.results.reasons | {shift: why for shift, why in own.items() if why}
        for reason in every.items():
            labels.setdefault(reason, []).append(e.entry.label)
    return labels


def first_complete(encoders: Sequence[StudyEncoder]) -> StudyEncoder | None:
    """Return the first encoder that was measured on all shifts of the study, or the first one."""
    complete = (e for e in encoders if not e.results.robustness.not_given)
    return next(complete, encoders[0] if encoders else None)


def measured_shifts(encoders: Sequence[StudyEncoder]) -> list[str]:
    """Return the testbed's shifts that the study's mean robustness is over, in their order.

    A shift that a folder of activations lacks counts, if other encoders have it.
    """
    first = first_complete(encoders)
    compared = first.results.robustness.compared if first else TESTBED_SHIFTS
    return [shift for shift in TESTBED_SHIFTS if shift in compared]


def own_shifts(encoders: Sequence[StudyEncoder]) -> dict[str, ShiftResults]:
    """Return the study's own shifts, each with the results of an encoder on it."""
    by_shift = {shift: results for e in encoders for shift, results in e.own.items()}
    return dict(sorted(by_shift.items()))
