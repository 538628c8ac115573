"""All results of a comparison of two encoders: stage `cka` writes them, the page reads them."""

from dataclasses import dataclass

from interpreting_clip.formats.result import Result
from interpreting_clip.measures.cka import LayerCka
from interpreting_clip.measures.mutual_neighbours import MutualNeighbours


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ComparisonResults(Result):
    """What a study measures of two encoders: `plots/comparisons/<comparison>.json`.

    Attributes
    ----------
    cka : of all layers
    mutual_neighbours : of the activations on ImageNet's test images
    """

    cka: LayerCka
    mutual_neighbours: MutualNeighbours
