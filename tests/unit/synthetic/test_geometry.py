import dataclasses

import numpy as np

from stages.config.synthetic import Attributes
from stages.synthetic.shapes import image_grid, object_grid


def test_the_grid_starts_at_the_top_left():
    x, y = image_grid(4)
    np.testing.assert_array_equal(x[:4], np.array([-0.75, -0.25, 0.25, 0.75], np.float32))
    np.testing.assert_array_equal(y[::4], np.array([0.75, 0.25, -0.25, -0.75], np.float32))


def test_the_object_frame_moves_turns_and_scales(each_class: Attributes):
    one = each_class.take(np.array([0]))
    turned = dataclasses.replace(
        one,
        rotation=np.array([np.pi / 2], np.float32),
        scale=np.array([0.5], np.float32),
        x=np.array([0.25], np.float32),
        y=np.array([0], np.float32),
    )
    u, v = object_grid(turned, 4)
    x, y = image_grid(4)
    np.testing.assert_allclose(u[0], y / 0.5, atol=1e-6)
    np.testing.assert_allclose(v[0], -(x - 0.25) / 0.5, atol=1e-6)
