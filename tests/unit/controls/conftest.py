"""The small inputs of every control, and the list of controls that failed."""

from collections.abc import Sequence

import numpy as np
import pytest

from interpreting_clip.controls.control import Control


@pytest.fixture
def activations() -> np.ndarray:
    """Return 300 images of 128 features; each image has a scale and an offset of its own."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal((300, 128)) + rng.standard_normal((300, 1))
    return (values * rng.lognormal(size=(300, 1))).astype(np.float32)


def wrong(controls: Sequence[Control]) -> list[str]:
    """Return the planted structure that was not found."""
    return [control.what for control in controls if not control.as_planted]
