"""The two kinds of lines through the standard models, and the means over shifts.

Both are fitted in logit space by least squares (Taori et al. 2020), as `ic.effective_robustness`
fits them.
"""

import msgspec

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.statistics.published_accuracies import TIMM_SHIFTS

MEANS = {"all": TESTBED_SHIFTS, "without_objectnet": TIMM_SHIFTS}
"""The means over shifts; timm's models were not measured on ObjectNet."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of line: its name on the page, and what it does."""

    label: str
    text: str


DEFAULT, CURVED = "default", "curved"

CHOICES = {
    DEFAULT: Choice(
        label="straight (Taori et al. 2020)",
        text="A least-squares line in logit space through the testbed’s standard models.",
    ),
    CURVED: Choice(
        label="curved",
        text="The same, but two straight pieces that meet at a knee where the standard models "
        "support one, as they do on ImageNet-A only.",
    ),
}
"""The kinds of lines by name, the default first."""
