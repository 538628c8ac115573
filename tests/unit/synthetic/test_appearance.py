import numpy as np
import pytest

from interpreting_clip.synthetic.appearance import (
    PALETTE,
    backdrops,
    base_colours,
    darkness,
)
from interpreting_clip.synthetic.attributes import COLOURS, SCENES, TEXTURES
from interpreting_clip.synthetic.shapes import image_grid


def patterns(seed: int = 0) -> np.ndarray:
    x, y = image_grid(32)
    rows = np.arange(len(TEXTURES))
    grid = np.tile(x, (len(rows), 1)), np.tile(y, (len(rows), 1))
    return darkness(rows, *grid, np.random.default_rng(seed)).reshape(-1, 32, 32)


def test_darkness_is_a_fraction_that_tells_textures_apart():
    dark = patterns()
    assert dark.min() >= 0
    assert dark.max() <= 1
    assert dark.std(axis=(1, 2)).astype(bool).tolist() == [name != "solid" for name in TEXTURES]
    # Stripes run across, checks do not; neighbouring pixels tell grain from dots.
    assert dark[TEXTURES.index("striped")].std(axis=1).max() == 0
    assert dark[TEXTURES.index("checkered")].std(axis=1).min() > 0.4
    steps = np.abs(np.diff(dark, axis=2)).mean(axis=(1, 2))
    assert steps[TEXTURES.index("speckled")] > 1.5 * steps[TEXTURES.index("dotted")]


@pytest.mark.parametrize("colour", range(len(COLOURS)))
def test_a_drawn_colour_stays_nearest_to_its_own_palette_entry(colour: int):
    drawn = base_colours(np.full(200, colour), np.random.default_rng(1))[:, :, 0]
    nearest = np.linalg.norm(drawn[:, None] - PALETTE, axis=2).argmin(1)
    assert (nearest == colour).mean() > 0.98


def scenes(copies: int, seed: int) -> np.ndarray:
    scene = np.repeat(np.arange(len(SCENES)), copies)
    return backdrops(scene, 32, np.random.default_rng(seed))


def test_backdrops_are_colours_and_those_of_one_kind_differ():
    values = scenes(20, 0)
    assert values.min() >= 0
    assert values.max() <= 1 + 1e-6
    first, second = values.reshape(len(SCENES), 20, -1)[:, :2].swapaxes(0, 1)
    assert (np.abs(first - second).max(axis=1) > 0.05).all()


def test_the_mean_colour_tells_scenes_apart():
    centres = scenes(20, 0).mean(axis=2).reshape(len(SCENES), 20, 3).mean(axis=1)
    drawn = scenes(20, 1).mean(axis=2)
    nearest = np.linalg.norm(drawn[:, None] - centres, axis=2).argmin(1)
    assert (nearest == np.repeat(np.arange(len(SCENES)), 20)).mean() > 0.98
