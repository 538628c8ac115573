"""A positive control: what was planted, what the measure found, and how far the two may differ."""

from dataclasses import dataclass

STANDARD_ERRORS = 3.5
"""How many standard errors a working measure may be off.

A Gaussian error is larger once in 2,000 controls, so about one study in a hundred calls a working
measure wrong.
"""


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
