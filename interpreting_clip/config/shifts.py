"""ImageNet's test sets: its validation images, and the five natural distribution shifts.

Separate from the measures' settings, so that a change of those does not re-run extractions.
"""

SHIFTS = ("imagenet_v2", "imagenet_r", "imagenet_sketch", "objectnet", "imagenet_a")
"""The shifts of Crabbé et al. 2024, section 3, in the order of every table."""

TEST_SETS = ("imagenet_val", *SHIFTS)
"""The sets that accuracy is measured on; results call the first one `imagenet`."""


def on_classes(shift: str) -> str:
    """Return the name of ImageNet accuracy on a shift's classes, which the testbed has too."""
    return f"imagenet_on_{shift.removeprefix('imagenet_')}_classes"


def result_name(dataset: str) -> str:
    """Return a test set's name in results."""
    return "imagenet" if dataset == TEST_SETS[0] else dataset
