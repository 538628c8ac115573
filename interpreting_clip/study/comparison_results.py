"""All results of a comparison of two encoders: stage `cka` writes them, the page reads them."""

from collections.abc import Callable
from dataclasses import dataclass

from interpreting_clip.measures.cka import LayerCka
from interpreting_clip.measures.mutual_neighbours import MutualNeighbours, mutual_neighbours
from interpreting_clip.measures.result import Result

ON_ACTIVATIONS: tuple[Callable[..., Result], ...] = (mutual_neighbours,)
"""What is measured of two encoders' activations on ImageNet's test images."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ComparisonResults(Result):
    """What a study measures of two encoders: `plots/comparisons/<comparison>.json`.

    Attributes
    ----------
    cka : of all layers; the others are named after their function in `ON_ACTIVATIONS`
    """

    cka: LayerCka
    mutual_neighbours: MutualNeighbours
