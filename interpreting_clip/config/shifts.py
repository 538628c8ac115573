"""The test sets: ImageNet's validation images, the testbed's shifts, and their names.

Separate from the measures' settings, so that a change of those does not re-run extractions. Further
shifts are a study's own (`interpreting_clip.study.dataset_entries`), with stages of their own. The
card of an encoder's activations lists the testbed's shifts that it was measured on.
"""

from typing import NamedTuple


class Shift(NamedTuple):
    """A shift of the testbed: its name as published, and what the published set has.

    Of a set with fewer than ImageNet's classes, a column of its own in
    `data/reference/imagenet_classes.csv` marks them. `numbered`: the class folders are called by
    the classes' indices, not by their WordNet ids.
    """

    label: str
    images: int
    classes: int = 1000
    numbered: bool = False


SHIFTS = {
    "imagenet_v2": Shift("ImageNet-V2", 10_000, numbered=True),
    "imagenet_r": Shift("ImageNet-R", 30_000, classes=200),
    "imagenet_sketch": Shift("ImageNet-Sketch", 50_889),
    "objectnet": Shift("ObjectNet", 18_574, classes=113),
    "imagenet_a": Shift("ImageNet-A", 7_500, classes=200),
}
"""The testbed's shifts; for each, `datasets.entries` has a type of entry whose tag is its name."""

SHIFT_NAMES = {name: shift.label for name, shift in SHIFTS.items()}

TESTBED_SHIFTS = tuple(SHIFTS)
"""The shifts of Crabbé et al. 2024, section 3, in the order of every table.

The testbed of Taori et al. (2020) has the accuracies of standard models on them. Mean effective
robustness is only over these, in every study, so that it compares with the paper's and between
studies; a study's own shifts each have a number of their own. That choice is ours.
"""

TEST_SETS = ("imagenet_val", *TESTBED_SHIFTS)
"""The entries of `datasets:` that accuracy is measured on; results call the first `imagenet`."""


def on_classes(shift: str) -> str:
    """Return the name of ImageNet accuracy on a shift's classes, which the testbed has too."""
    return f"imagenet_on_{shift.removeprefix('imagenet_')}_classes"


def result_name(dataset: str) -> str:
    """Return a test set's name in results."""
    return "imagenet" if dataset == TEST_SETS[0] else dataset
