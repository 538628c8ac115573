"""What a study measures of arrays that others have published, as the page reads it."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from interpreting_clip.formats.result import Number, Result
from interpreting_clip.measures.accuracy import Accuracy
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.kurtosis import Kurtosis
from interpreting_clip.measures.massive_activations import MassiveActivations
from interpreting_clip.measures.modality_gap import ModalityGap
from interpreting_clip.measures.outlier_axes import OutlierAxes
from interpreting_clip.measures.participation_ratio import ParticipationRatio
from interpreting_clip.measures.privileged_basis import PrivilegedBasis
from interpreting_clip.measures.pruning import Pruning

OUTLIERS = "kurtosis.outliers.outlier_features"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Profile(Result):
    """How far each feature of an image lies from the others: `(h - μ) / σ`, as in `kurtosis`.

    Attributes
    ----------
    first_image, mean_image : of the first image, and of the mean over all images; that of a mean
        image whose features are all equal is empty
    """

    first_image: Float[np.ndarray, " _feature"]
    mean_image: Float[np.ndarray, " _feature"]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ArrayResults(Result):
    """What is measured of one entry of `arrays`: `plots/arrays/<key>.json`.

    Attributes
    ----------
    images, features : of the activations
    profile : every feature of the first image, and of the mean image
    participation_ratio : None of fewer than four images
    directions : None without a head
    accuracy, pruning, outlier_axes : None without a head or classes
    modality_gap : None without captions, or of too few images
    comparisons : by the name of another array, the numbers of every measure of two representations
        of the same images; their names begin with the measure's
    """

    images: int
    features: int
    profile: Profile
    kurtosis: Kurtosis
    massive_activations: MassiveActivations
    participation_ratio: ParticipationRatio | None = None
    privileged_basis: PrivilegedBasis
    accuracy: Accuracy | None = None
    directions: PrivilegedDirections | None = None
    pruning: Pruning | None = None
    outlier_axes: OutlierAxes | None = None
    modality_gap: ModalityGap | None = None
    comparisons: dict[str, list[Number]]

    @property
    def numbers(self) -> list[Number]:
        """The numbers with their labels, including the comparisons' numbers.

        Outlier features by chance are counted after random rotations.
        """
        rotated = self.privileged_basis.rotated_outliers.value
        by_array = [
            replace(n, chance=rotated) if n.name == OUTLIERS else n for n in super().numbers
        ]
        compared = [
            replace(
                n,
                name=f"comparisons.{other}.{n.name}",
                label=f"{other.replace('_', ' ')}: {n.label}",
            )
            for other, numbers in self.comparisons.items()
            for n in numbers
        ]
        return [*by_array, *compared]
