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
    other_prunable, other_by_accuracy, other_by_robustness : the same with the other centring of the
        head, which is the paper's where `directions.centre` is `classes`
    accuracy_chance : the mean of `by_accuracy` over random heads, with the quantiles of 5 and 95 %;
        None without them
    harmless : the tolerated loss, in points
    fractions : the pruned shares
    robustness : mean effective robustness in points at each; None without it
    extrapolated : the shares at which the line of a shift is extrapolated to the pruned encoder
    other_robustness, other_extrapolated : the same with the other centring
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
    other_prunable: Annotated[
        float | None,
        Label("the same share, with the other centring of the head", 3),
    ]
    other_by_accuracy: float
    other_by_robustness: float | None
    accuracy_chance: Estimate | None
    harmless: float
    fractions: list[float]
    robustness: list[float] | None
    extrapolated: list[float]
    other_robustness: list[float] | None
    other_extrapolated: list[float]

    def is_extrapolated(self, share: float | None, other: bool = False) -> bool:
        """Return whether a line is extrapolated at a share up to this one, of either centring."""
        shares = self.other_extrapolated if other else self.extrapolated
        return share is not None and any(one <= share for one in shares)


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
    fractions = pruning["imagenet"].fractions
    own, other = (
        _judge(pruning, lines, starts, harmless, name) for name in ("accuracy", "other_accuracy")
    )
    random = [
        prunable_fraction(fractions, one, harmless) for one in pruning["imagenet"].random_accuracy
    ]
    return Prunable(
        prunable=own.prunable,
        by_accuracy=own.by_accuracy,
        by_robustness=own.by_robustness,
        other_prunable=other.prunable,
        other_by_accuracy=other.by_accuracy,
        other_by_robustness=other.by_robustness,
        accuracy_chance=_spread(random) if random else None,
        harmless=harmless,
        fractions=fractions.tolist(),
        robustness=own.robustness,
        extrapolated=own.extrapolated,
        other_robustness=other.robustness,
        other_extrapolated=other.extrapolated,
    )


@dataclass(frozen=True)
class _Judged:
    """What `Prunable` has for one centring of the head."""

    by_accuracy: float
    by_robustness: float | None
    robustness: list[float] | None
    extrapolated: list[float]

    @property
    def prunable(self) -> float | None:
        return None if self.by_robustness is None else min(self.by_accuracy, self.by_robustness)


def _judge(
    pruning: Mapping[str, PruningCurves],
    lines: Mapping[str, LogitLine],
    starts: Mapping[str, str],
    harmless: float,
    name: str,
) -> _Judged:
    """Judge the curves in field `name`."""
    fractions = pruning["imagenet"].fractions
    accuracy = {test: getattr(curves, name) for test, curves in pruning.items()}
    by_accuracy = prunable_fraction(fractions, accuracy["imagenet"], harmless)
    if not lines:
        return _Judged(by_accuracy, None, None, [])
    x = {s: accuracy.get(starts.get(s, ""), accuracy["imagenet"]) / 100 for s in lines}
    heights = [above_line(x[s], accuracy[s] / 100, line) for s, line in lines.items()]
    robustness = np.mean(heights, axis=0)
    outside = [
        any(line.is_extrapolated(float(x[shift][i])) for shift, line in lines.items())
        for i in range(len(fractions))
    ]
    by_robustness = prunable_fraction(fractions, robustness, harmless)
    return _Judged(by_accuracy, by_robustness, robustness.tolist(), fractions[outside].tolist())


def _spread(values: list[float]) -> Estimate:
    low, high = np.quantile(values, (0.05, 0.95)).tolist()
    return Estimate(fmean(values), low, high)
