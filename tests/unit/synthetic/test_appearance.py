import numpy as np
import pytest

from stages.config.synthetic import COLOURS, TEXTURES
from stages.synthetic.appearance import PALETTE, SHADE, base_colours, darkness, paint
from stages.synthetic.shapes import image_grid


def patterns(seed: int = 0) -> np.ndarray:
    x, y = image_grid(32)
    rows = np.arange(len(TEXTURES))
    grid = np.tile(x, (len(rows), 1)), np.tile(y, (len(rows), 1))
    return darkness(rows, *grid, np.random.default_rng(seed)).reshape(-1, 32, 32)


def test_darkness_is_a_fraction_and_only_solid_has_none():
    dark = patterns()
    assert dark.min() >= 0
    assert dark.max() <= 1
    assert dark.std(axis=(1, 2)).astype(bool).tolist() == [name != "solid" for name in TEXTURES]


def test_stripes_run_across_and_checks_do_not():
    dark = patterns()
    assert dark[TEXTURES.index("striped")].std(axis=1).max() == 0
    assert dark[TEXTURES.index("checkered")].std(axis=1).min() > 0.4


def test_neighbouring_pixels_tell_grain_from_dots():
    dark = patterns()
    steps = np.abs(np.diff(dark, axis=2)).mean(axis=(1, 2))
    assert steps[TEXTURES.index("speckled")] > 1.5 * steps[TEXTURES.index("dotted")]


@pytest.mark.parametrize("colour", range(len(COLOURS)))
def test_a_drawn_colour_stays_nearest_to_its_own_palette_entry(colour: int):
    drawn = base_colours(np.full(200, colour), np.random.default_rng(1))[:, :, 0]
    nearest = np.linalg.norm(drawn[:, None] - PALETTE, axis=2).argmin(1)
    assert (nearest == colour).mean() > 0.98


def test_paint_shades_the_dark_pixels():
    flat = np.full((1, 3, 1), 0.5, np.float32)
    painted = paint(flat, np.array([[0, 1]], np.float32))
    np.testing.assert_allclose(painted[0, 0], [0.5, 0.5 * SHADE], rtol=1e-6)
