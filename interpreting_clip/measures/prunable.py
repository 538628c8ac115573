"""How many directions can be pruned without harm to accuracy and to effective robustness."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from types import MappingProxyType
from typing import Annotated

import numpy as np
from jaxtyping import Float

from interpreting_clip.measures.effective_robustness import above_line
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.logit_line import LogitLine
from interpreting_clip.measures.pruning import Pruning, prunable_fraction
from interpreting_clip.measures.result import Label, Result


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Prunable(Result):
    """How many of an encoder's least important directions can be pruned, 0 to 1.

    The paper prunes without harm to accuracy *and* robustness. Without effective robustness, only
    accuracy's numbers are known. The chance levels are the means over random heads, with the
    quantiles of 5 and 95 %.

    Attributes
    ----------
    prunable : without harm to accuracy and robustness; None if the latter is not known
    by_accuracy, by_robustness : the same for each alone
    chance, accuracy_chance, robustness_chance : the same of random heads
    fractions : the pruned shares
    robustness : mean effective robustness in points at each; None without it
    random_robustness : its mean over random heads
    extrapolated : the shares at which the line of a shift is extrapolated to the pruned encoder
    """

    prunable: Annotated[
        float | None,
        Label(
            "share of the directions that can be pruned, by accuracy and robustness",
            3,
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
            3,
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


def prunable(
    pruning: Mapping[str, Pruning],
    lines: Mapping[str, LogitLine],
    *,
    starts: Mapping[str, str] = MappingProxyType({}),
    harmless: float = 1.0,
) -> Prunable:
    """Find the shares that can be pruned without harm to accuracy and robustness (the paper).

    Each of the two loses less than `harmless` up to its own share (`prunable_fraction`), so both do
    up to the lower one. Each shift is compared with what its line predicts from the accuracy on
    ImageNet of the encoder *as pruned*, so that robustness falls only where the shift suffers more
    than ImageNet does. By itself it is a weak criterion: it may rise where accuracy falls.

    Parameters
    ----------
    pruning : of `imagenet` and of each shift, in percent, at the same shares
    lines : β of each shift of the mean; none if there is no mean effective robustness
    starts : the test set of `pruning` at whose accuracy a shift's line is read, `imagenet` if it is
        not there: ImageNet's images of the shift's classes, where these are fewer
    harmless : the tolerated loss of either, in points
    """
    imagenet = pruning["imagenet"]
    fractions = imagenet.fractions
    heads = range(len(_curves(imagenet)))
    x = {shift: _curves(pruning.get(starts.get(shift, ""), imagenet)) for shift in lines}
    y = {shift: _curves(pruning[shift]) for shift in lines}
    robustness = [
        np.mean([above_line(x[s][i] / 100, y[s][i] / 100, lines[s]) for s in lines], axis=0)
        for i in heads
        if lines
    ]
    by_accuracy = [prunable_fraction(fractions, one, harmless) for one in _curves(imagenet)]
    by_robustness = [prunable_fraction(fractions, one, harmless) for one in robustness]
    by_both = list(map(min, zip(by_accuracy, by_robustness, strict=False)))
    outside = [
        any(line.is_extrapolated(float(x[shift][0][i] / 100)) for shift, line in lines.items())
        for i in range(len(fractions))
    ]
    return Prunable(
        prunable=by_both[0] if lines else None,
        by_accuracy=by_accuracy[0],
        by_robustness=by_robustness[0] if lines else None,
        chance=_spread(by_both[1:]),
        accuracy_chance=_spread(by_accuracy[1:]),
        robustness_chance=_spread(by_robustness[1:]),
        fractions=fractions.tolist(),
        robustness=robustness[0].tolist() if lines else None,
        random_robustness=np.mean(robustness[1:], axis=0).tolist() if robustness[1:] else None,
        extrapolated=fractions[outside].tolist(),
    )


def _curves(pruning: Pruning) -> list[Float[np.ndarray, " fraction"]]:
    """Return the accuracies of the directions, and then those of each random head."""
    return [pruning.accuracy, *pruning.random_accuracy]


def _spread(values: Sequence[float]) -> Estimate | None:
    if not values:
        return None
    low, high = np.quantile(values, (0.05, 0.95)).tolist()
    return Estimate(fmean(values), low, high)
