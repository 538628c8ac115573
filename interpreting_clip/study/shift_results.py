"""What a study measures of an encoder on a shift of its own, as the page reads it."""

from dataclasses import dataclass
from typing import Annotated

from interpreting_clip.formats.result import Part, Result
from interpreting_clip.measures.effective_robustness import OnOwnShift
from interpreting_clip.training.saved_baseline import Baseline


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ShiftResults(Result):
    """The results of one entry of `shift_encoders`: `plots/shifts/<key>.json`.

    Attributes
    ----------
    robustness : the encoder on the shift
    baseline : the standard models of the shift and their line; without models if it has none
    """

    robustness: Annotated[OnOwnShift, Part("")]
    baseline: Baseline
