import numpy as np
import pytest

from interpreting_clip.synthetic.appearance import (
    PALETTE,
    base_colours,
)
from interpreting_clip.synthetic.attributes import COLOURS


@pytest.mark.parametrize("colour", range(len(COLOURS)))
def test_a_drawn_colour_stays_nearest_to_its_own_palette_entry(colour: int):
    drawn = base_colours(np.full(200, colour), np.random.default_rng(1))[:, :, 0]
    nearest = np.linalg.norm(drawn[:, None] - PALETTE, axis=2).argmin(1)
    assert (nearest == colour).mean() > 0.98
