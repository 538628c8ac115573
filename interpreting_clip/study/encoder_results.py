"""All results of one encoder, as `summarize` gathers them and the page reads them.

What a study lacks has no number: an absent part is None, in the tables a dash, and `reasons` says
in one sentence why. Stages need no care for it: the runner passes an absent input on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_type_hints

import msgspec

from interpreting_clip.formats.csv_tables import TrainingStep, read_curve
from interpreting_clip.formats.result import Result
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.effective_robustness import NOT_GIVEN, EffectiveRobustness
from interpreting_clip.measures.kurtosis import Kurtosis
from interpreting_clip.measures.layer_outliers import LayerOutlier
from interpreting_clip.measures.outlier_axes import OutlierAxes
from interpreting_clip.measures.participation_ratio import ParticipationRatio
from interpreting_clip.measures.privileged_basis import PrivilegedBasis
from interpreting_clip.measures.prunable import Prunable
from interpreting_clip.measures.pruning import PruningCurves


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class EncoderResults(Result):
    """What a study measures of one encoder: `plots/encoders/<encoder>.json`.

    Each field is a result's file: `kurtosis` is `data/kurtosis/<encoder>/kurtosis.json`. The names
    of the numbers are their paths from here, such as `kurtosis.outliers.largest_share`.

    Attributes
    ----------
    pruning : on each test set, and on ImageNet's images of the classes of each shift that has fewer
    concepts : None without Broden
    layer_outliers : in the order of the layers; empty for an encoder given as activations
    training : empty for an encoder that was not trained here
    """

    robustness: EffectiveRobustness
    prunable: Prunable
    kurtosis: Kurtosis
    outlier_axes: OutlierAxes
    participation_ratio: ParticipationRatio
    privileged_basis: PrivilegedBasis
    directions: PrivilegedDirections
    pruning: dict[str, PruningCurves]
    concepts: Concepts | None = None
    layer_outliers: list[LayerOutlier] = field(default_factory=list)
    training: list[TrainingStep] = field(default_factory=list)

    @property
    def reasons(self) -> dict[str, str]:
        """Why there is no number on a dataset, by the dataset."""
        reasons = self.robustness.reasons
        return reasons if self.concepts else {**reasons, "broden": NOT_GIVEN}


def read_encoder_results(folders: Mapping[str, Path]) -> EncoderResults:
    """Gather the stages' results for an encoder from those folders that exist."""
    kinds = get_type_hints(EncoderResults)
    files = {file.stem: file for folder in folders.values() for file in folder.glob("*.json")}
    results = {
        name: read_result(file, kinds[name], arrays=False)
        for name, file in files.items()
        if name in kinds
    }
    points = read_curve(folders["training"])
    steps = [point | {"accuracy": 100 * point["accuracy"]} for point in points]
    return EncoderResults(**results, training=msgspec.convert(steps, kinds["training"]))
