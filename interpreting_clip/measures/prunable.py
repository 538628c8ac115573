"""How many directions can be pruned without harm to accuracy and to effective robustness."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from types import MappingProxyType
from typing import Annotated

import numpy as np

from interpreting_clip.formats.result import Estimate, Label, Result
from interpreting_clip.measures.effective_robustness import above_line
from interpreting_clip.measures.pruning import PruningCurves, prunable_fraction
from interpreting_clip.quantities import Described, Percents, StrictStruct
from interpreting_clip.statistics.logit_line import LogitLine


class Settings(StrictStruct, frozen=True, kw_only=True):
    """How much a prunable share of the directions may cost."""

    harmless: Annotated[
        Percents,
        Described(
            "how much accuracy on ImageNet, and how much mean effective robustness, a prunable "
            "share may cost",
            "percentage points",
            paper="not given",
        ),
    ] = 1.0


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Prunable(Result):
    """How many of an encoder's least important directions can be pruned, 0 to 1.

    The paper prunes without harm to accuracy *and* robustness. Without effective robustness, only
    accuracy's numbers are known.

    Attributes
    ----------
    prunable : without harm to accuracy and robustness; None if the latter is not known
    by_accuracy, by_robustness : the same for each alone
    other_by_accuracy : `by_accuracy` with the other centring of the head
    accuracy_chance : the mean of `by_accuracy` over random heads, with the quantiles of 5 and 95 %;
        None without them
    harmless : the tolerated loss, in points
    fractions : the pruned shares
    robustness : mean effective robustness in points at each; None without it
    extrapolated : the shares at which the line of a shift is extrapolated to the pruned encoder
    """

    prunable: Annotated[
        float | None,
        Label(
            "share of the directions that can be pruned, by accuracy and robustness",
            3,
            headline="prunable",
        ),
    ]
    by_accuracy: Annotated[
        float,
        Label("share that can be pruned, by ImageNet accuracy alone", 2, chance="accuracy_chance"),
    ]
    by_robustness: Annotated[
        float | None,
        Label("share that can be pruned, by mean effective robustness alone", 3),
    ]
    other_by_accuracy: float
    accuracy_chance: Estimate | None
    harmless: float
    fractions: list[float]
    robustness: list[float] | None
    extrapolated: list[float]

    def is_extrapolated(self, share: float | None) -> bool:
        """Return whether a line is extrapolated at a share up to this one."""
        return share is not None and any(one <= share for one in self.extrapolated)


def prunable(
    pruning: Mapping[str, PruningCurves],
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
    x = {shift: pruning.get(starts.get(shift, ""), imagenet).accuracy / 100 for shift in lines}
    heights = [above_line(x[s], pruning[s].accuracy / 100, line) for s, line in lines.items()]
    robustness = np.mean(heights, axis=0) if lines else None
    by_accuracy = prunable_fraction(fractions, imagenet.accuracy, harmless)
    by_robustness = (
        None if robustness is None else prunable_fraction(fractions, robustness, harmless)
    )
    random = [prunable_fraction(fractions, one, harmless) for one in imagenet.random_accuracy]
    outside = [
        any(line.is_extrapolated(float(x[shift][i])) for shift, line in lines.items())
        for i in range(len(fractions))
    ]
    return Prunable(
        prunable=None if by_robustness is None else min(by_accuracy, by_robustness),
        by_accuracy=by_accuracy,
        by_robustness=by_robustness,
        other_by_accuracy=prunable_fraction(fractions, imagenet.other_accuracy, harmless),
        accuracy_chance=_spread(random) if random else None,
        harmless=harmless,
        fractions=fractions.tolist(),
        robustness=None if robustness is None else robustness.tolist(),
        extrapolated=fractions[outside].tolist(),
    )


def _spread(values: list[float]) -> Estimate:
    low, high = np.quantile(values, (0.05, 0.95)).tolist()
    return Estimate(fmean(values), low, high)
