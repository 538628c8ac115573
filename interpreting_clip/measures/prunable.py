"""How many directions can be pruned without harm to accuracy and to effective robustness."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float

from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.pruning import prunable_fraction
from interpreting_clip.measures.result import Label, Result


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Prunable(Result):
    """How many of an encoder's least important directions can be pruned, 0 to 1.

    The paper prunes without harm to accuracy *and* robustness. Without effective robustness, only
    accuracy's numbers are known. The chance levels are the means over random heads, with the
    quantiles of 5 and 95 %.

    Attributes
    ----------
    fractions : the pruned shares
    robustness : mean effective robustness in points at each; None without it
    random_robustness : its mean over random heads
    extrapolated : the shares at which the line of a shift is extrapolated to the pruned encoder
    """

    prunable: Annotated[
        float | None,
        Label(
            "share of the directions that can be pruned, by accuracy and robustness",
            2,
            chance="chance",
            headline="prunable",
        ),
    ]
    by_accuracy: Annotated[
        float,
        Label("share that can be pruned, by ImageNet accuracy alone", 2, chance="accuracy_chance"),
    ]
    by_robustness: Annotated[
        float | None,
        Label(
            "share that can be pruned, by mean effective robustness alone",
            2,
            chance="robustness_chance",
        ),
    ]
    chance: Estimate | None
    accuracy_chance: Estimate | None
    robustness_chance: Estimate | None
    fractions: list[float]
    robustness: list[float] | None
    random_robustness: list[float] | None
    extrapolated: list[float]

    def is_extrapolated(self, share: float | None) -> bool:
        """Return whether a line is extrapolated at a share up to this one."""
        return share is not None and any(one <= share for one in self.extrapolated)


def prunable_fractions(
    fractions: Float[np.ndarray, " fraction"],
    imagenet: Float[np.ndarray, " fraction"],
    robustness: Float[np.ndarray, " fraction"] | None,
    harmless: float,
) -> Prunable:
    """Find the fractions that can be pruned without harm to accuracy and robustness (the paper).

    Each of the two loses less than `harmless` up to its own fraction (`prunable_fraction`), so both
    do up to the lower one. Robustness by itself is a weak criterion: it is measured at the accuracy
    that pruning leaves on ImageNet, and may rise where accuracy falls.

    Parameters
    ----------
    fractions : the pruned fractions
    imagenet : the accuracy on ImageNet at each, in percent
    robustness : the mean effective robustness at each, in points (`robustness_curve`), or None
    harmless : the tolerated loss of either, in points
    """
    by_accuracy = prunable_fraction(fractions, imagenet, harmless)
    if robustness is None:
        return Prunable(None, by_accuracy, None)
    by_robustness = prunable_fraction(fractions, robustness, harmless)
    return Prunable(min(by_accuracy, by_robustness), by_accuracy, by_robustness)
