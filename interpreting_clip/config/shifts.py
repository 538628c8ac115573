"""The test sets: ImageNet's validation images, the testbed's shifts, and their names.

Separate from the measures' settings, so that a change of those does not re-run extractions. Further
shifts are a study's own (`interpreting_clip.study.dataset_entries`); from extraction on, the card
of an encoder's activations lists the shifts.
"""

from collections.abc import Iterable

SHIFT_NAMES = {
    "imagenet_v2": "ImageNet-V2",
    "imagenet_r": "ImageNet-R",
    "imagenet_sketch": "ImageNet-Sketch",
    "objectnet": "ObjectNet",
    "imagenet_a": "ImageNet-A",
}
"""The names of the testbed's shifts, as they were published."""

TESTBED_SHIFTS = tuple(SHIFT_NAMES)
"""The shifts of Crabbé et al. 2024, section 3, in the order of every table.

The testbed of Taori et al. (2020) has the accuracies of standard models on them. Mean effective
robustness is over these alone, in every study, so that it compares with the paper's and between
studies; a study's own shifts each have a number of their own. That choice is ours.
"""

TEST_SETS = ("imagenet_val", *TESTBED_SHIFTS)
"""The entries of `datasets:` that accuracy is measured on; results call the first `imagenet`."""


def own_shifts(names: Iterable[str]) -> list[str]:
    """Return those of some test sets that are a study's own shifts, in their order."""
    return [name for name in names if name not in (*TEST_SETS, result_name(TEST_SETS[0]))]


def on_classes(shift: str) -> str:
    """Return the name of ImageNet accuracy on a shift's classes, which the testbed has too."""
    return f"imagenet_on_{shift.removeprefix('imagenet_')}_classes"


def result_name(dataset: str) -> str:
    """Return a test set's name in results."""
    return "imagenet" if dataset == TEST_SETS[0] else dataset
