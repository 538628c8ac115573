"""A positive control: what was planted, what the measure found, and how far the two may differ."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from interpreting_clip.quantities import Described, Key, Resamples, Seed, StrictStruct

STANDARD_ERRORS = 3.5
"""How many standard errors a working measure may be off.

A Gaussian error is larger once in 2,000 controls, so about one study in a hundred calls a working
measure wrong.
"""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """The encoder in whose activations outlier features are planted, and the draws."""

    encoder: Annotated[
        Key,
        Described(
            "the encoder whose activations of ImageNet's test images are used: some of their "
            "features are raised, and a rotated copy of them is compared with the original",
            legal="an entry of `encoders`",
        ),
    ]
    seed: Annotated[Seed, Described("of what is planted")]
    repetitions: Annotated[
        Resamples,
        Described(
            "how many encoders are drawn, each with its own standard models, to count how many "
            "intervals of effective robustness hold the truth",
            "repetitions",
        ),
    ]
    resamples: Annotated[
        Resamples,
        Described(
            "lines drawn for each of these intervals; n lines let an interval of 95 % hold "
            "95 · (n − 1) / (n + 1) %",
            "lines",
        ),
    ]


@dataclass(frozen=True)
class Control:
    """One planted number beside the one that was found.

    Attributes
    ----------
    what : what was planted and which property was measured, in words
    planted : what the measure should find, by arithmetic or by a plain simulation
    found : what it found
    tolerance : the computed sampling error, `STANDARD_ERRORS` times, or the rounding error
    """

    what: str
    planted: float | int
    found: float | int
    tolerance: float

    @property
    def as_planted(self) -> bool:
        """Whether the measure found what was planted."""
        return abs(self.found - self.planted) <= self.tolerance


def controls(about: str, *rows: tuple[str, Any, Any, Any]) -> list[Control]:
    """Return a control for each row: what was measured, planted, found, and the tolerance.

    The words of all begin with `about`. Numbers of NumPy become plain ones.
    """
    return [
        Control(f"{about}{what}", *(np.asarray(number).item() for number in numbers))
        for what, *numbers in rows
    ]
