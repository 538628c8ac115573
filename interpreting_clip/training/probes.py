"""Linear probes: the section `probe`, and `probe` in the section `heads`.

Separate from the architectures, so that a change here does not re-run trainings or extractions.
"""

from typing import Annotated

from msgspec import Meta

from interpreting_clip.encoders.encoder_entries import Heads, ImagesPerClass, ProbedFeatures
from interpreting_clip.quantities import Count, Key, StrictStruct


class Probe(StrictStruct, frozen=True, kw_only=True):
    """An entry of `probe`: the encoder `start` with a head fitted to the labels of `dataset`.

    The image tower stays as it is, or with `before_projection` ends before the projection into the
    space that a CLIP's images share with its texts.
    """

    start: Key
    dataset: Key
    features: ProbedFeatures


Penalty = Annotated[float, Meta(gt=0.0, le=1e6)]
"""The factor λ of the penalty λ/2 · ‖W‖², which is added to the mean log loss of an image."""


class ProbeSettings(StrictStruct, frozen=True, kw_only=True):
    """How the heads of all probes are fitted.

    `images_per_class` are taken of the dataset, evenly spaced, or all of them. A share `held_out`
    of these chooses one of the `penalties`. A fit ends when no component of the gradient is larger
    than `tolerance`, scikit-learn's `tol`, and is refused if that takes more than `iterations`.
    """

    images_per_class: ImagesPerClass
    held_out: Annotated[float, Meta(gt=0.0, le=0.5)]
    penalties: Annotated[list[Penalty], Meta(min_length=1, max_length=100)]
    iterations: Count
    tolerance: Annotated[float, Meta(gt=0.0, le=1.0)]

    def __post_init__(self) -> None:
        """Refuse a penalty that is given twice."""
        if len({*self.penalties}) < len(self.penalties):
            raise ValueError(f"`penalties`: expected each once, got {self.penalties}")


class HeadsWithProbe(Heads, frozen=True, kw_only=True):
    """The section `heads`: the kinds of head, and how heads of `probe` are fitted."""

    probe: ProbeSettings
