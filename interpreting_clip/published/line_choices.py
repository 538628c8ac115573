"""The choices of how the line of standard models is fitted, and the means over shifts.

Every line is fitted in logit space by least squares (Taori et al. 2020). Each other choice here
departs from the default in one respect, so that a reader sees what depends on it.
"""

from typing import Literal

import msgspec

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.measures.effective_robustness import NATURAL, STYLE
from interpreting_clip.statistics.published_accuracies import TIMM_SHIFTS

MEANS = {
    "all": TESTBED_SHIFTS,
    "without_objectnet": TIMM_SHIFTS,
    "natural": NATURAL,
    "style": STYLE,
}
"""The means over shifts, each over the shifts that a choice has a line for."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """How the line is fitted.

    Attributes
    ----------
    label, text : its name on the page, and what it does
    shifts : those that it has a line for
    standard : the source of the standard models
    second : a second in-distribution accuracy that the fit starts from (Shi et al. 2023)
    curved : whether a line has a knee where the standard models support one (`fit_curve`)
    """

    label: str
    text: str
    shifts: tuple[str, ...] = TESTBED_SHIFTS
    standard: Literal["testbed", "timm"] = "testbed"
    second: Literal["imagenet_v2"] | None = None
    curved: bool = False


DEFAULT, CURVED = "default", "curved"

CHOICES = {
    DEFAULT: Choice(
        label="logit (Taori et al. 2020)",
        text="A least-squares line in logit space through the testbed's standard models.",
    ),
    CURVED: Choice(
        label="curved",
        text="The same, but two straight pieces that meet at a knee where the standard models "
        "support one, as they do on ImageNet-A alone.",
        curved=True,
    ),
    "timm": Choice(
        label="timm’s standard models",
        text="In logit space, through timm's models that learnt from ImageNet alone. They reach "
        "further and have newer recipes; nobody measured them on ObjectNet.",
        shifts=TIMM_SHIFTS,
        standard="timm",
    ),
    "with_v2": Choice(
        label="ImageNet and ImageNet-V2",
        text="A plane in logit space from both accuracies, as in Shi et al. (2023): ImageNet-V2 "
        "counts as a second in-distribution set and not as a shift.",
        shifts=tuple(shift for shift in TESTBED_SHIFTS if shift != "imagenet_v2"),
        second="imagenet_v2",
    ),
}
"""The choices by name, the default first."""
