"""All results of one encoder, as `summarize` gathers them and the page reads them."""

from dataclasses import dataclass, field

from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.effective_robustness import EffectiveRobustness
from interpreting_clip.measures.kurtosis import Kurtosis
from interpreting_clip.measures.outlier_axes import OutlierAxes
from interpreting_clip.measures.participation_ratio import ParticipationRatio
from interpreting_clip.measures.privileged_basis import PrivilegedBasis
from interpreting_clip.measures.prunable import Prunable
from interpreting_clip.measures.pruning import Pruning


@dataclass(frozen=True, kw_only=True)
class TrainingStep:
    """Loss and accuracy in percent of the training batches up to one optimiser step."""

    step: int
    loss: float
    accuracy: float
    learning_rate: float


@dataclass(frozen=True, kw_only=True)
class EncoderResults:
    """What a study measures of one encoder: `plots/encoders/<encoder>.json`.

    `pruning` has a result for each test set. `concepts` is None without Broden. `training` is empty
    for an encoder that was not trained here.
    """

    robustness: EffectiveRobustness
    prunable: Prunable
    kurtosis: Kurtosis
    outlier_axes: OutlierAxes
    participation_ratio: ParticipationRatio
    privileged_basis: PrivilegedBasis
    directions: PrivilegedDirections
    pruning: dict[str, Pruning]
    concepts: Concepts | None = None
    training: list[TrainingStep] = field(default_factory=list)
