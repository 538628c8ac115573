"""Energy of features: each one's share, and how much of it is the same in every image."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.statistics.chunks import Features, chunks


@dataclass(frozen=True, eq=False)
class FeatureEnergy:
    """The energy of each feature of some activations, and the mean image.

    Attributes
    ----------
    share : of the energy of all features, 0 to 1
    constant : how much of the feature's own energy is the same in every image, 0 to 1; 1 for a
        feature that is 0 in every image
    mean_image : the mean over images of each feature
    rounding : how far the mean image can be from that of exact arithmetic
    """

    share: Float[np.ndarray, " feature"]
    constant: Float[np.ndarray, " feature"]
    mean_image: Float[np.ndarray, " feature"]
    rounding: float

    def total(self, features: Int[np.ndarray, " chosen"]) -> tuple[float | None, float | None]:
        """Return the share and the constant part of some features together; None of no feature."""
        if not len(features):
            return None, None
        share = self.share[features]
        total = float(share.sum())
        return total, float(share @ self.constant[features]) / total if total else 1.0


def feature_energy(activations: Features) -> FeatureEnergy:
    """Measure each feature's share of the energy, and how much of that is constant.

    The energy of feature i is `Σ_n h_ni²`, its share that of `Σ_nj h_nj²`. Constant is `mean(h_i)²
    / mean(h_i²)`: 1 if the feature is the same in every image, 0 if its mean is 0. Both are ours,
    and change if activations are scaled to unit length.

    Parameters
    ----------
    activations : one row per image, not all 0
    """
    images, features = activations.shape
    total, squares = np.zeros((2, features))
    for _, chunk in chunks(activations):
        total += chunk.sum(axis=0)
        squares += np.einsum("ij,ij->j", chunk, chunk)
    mean = total / images
    constant = np.divide(images * mean**2, squares, out=np.ones(features), where=squares > 0)
    return FeatureEnergy(
        share=squares / squares.sum(),
        # Rounding can leave more than the whole.
        constant=np.minimum(constant, 1.0),
        mean_image=mean,
        rounding=float(images * np.finfo(np.float64).eps * np.sqrt(squares.max() / images)),
    )


def differ_from_mean(activations: Features, energy: FeatureEnergy) -> bool:
    """Return whether each image minus the mean image has a spread over features, beyond rounding.

    Parameters
    ----------
    activations : one row per image
    energy : of these activations
    """
    return all(
        bool((np.ptp(chunk - energy.mean_image, axis=1) > energy.rounding).all())
        for _, chunk in chunks(activations)
    )
