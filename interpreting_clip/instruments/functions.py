"""All instruments that take arrays, as `interpreting_clip` offers them."""

from interpreting_clip.instruments.from_accuracies import effective_robustness
from interpreting_clip.instruments.from_activations import (
    kurtosis,
    outlier_features,
    participation_ratio,
    privileged_basis,
)
from interpreting_clip.instruments.from_head import accuracy, directions, pruning
from interpreting_clip.instruments.from_labels import concepts
from interpreting_clip.instruments.from_two_encoders import cka

__all__ = [
    "accuracy",
    "cka",
    "concepts",
    "directions",
    "effective_robustness",
    "kurtosis",
    "outlier_features",
    "participation_ratio",
    "privileged_basis",
    "pruning",
]
