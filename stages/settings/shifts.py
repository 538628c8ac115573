"""The five natural distribution shifts of ImageNet, in the order of every table."""

SHIFTS = ("imagenet_v2", "imagenet_r", "imagenet_sketch", "objectnet", "imagenet_a")
"""The shifts of Crabbé et al. 2024, section 3."""

TEST_SETS = ("imagenet_val", *SHIFTS)
"""What accuracies are measured on; results call the first one `imagenet`."""


def result_name(dataset: str) -> str:
    """Return a test set's name in results."""
    return "imagenet" if dataset == TEST_SETS[0] else dataset
