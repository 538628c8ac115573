from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from interpreting_clip.loading.preprocess import (
    Preprocess,
    crop_and_resize,
    resize_and_crop,
    to_tower,
    whole_pixels,
)

SIZES = [(37, 53), (301, 224), (225, 225)]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def photograph(height: int, width: int) -> np.ndarray:
    """Return smooth shades with noise over them: what scaling treats least alike."""
    random = np.random.default_rng(height * width)
    rows, columns = np.mgrid[:height, :width] / 40
    shades = 127 + 90 * np.sin(rows[..., None] + columns[..., None] * [1, 2, 3])
    return np.clip(shades + random.normal(0, 25, (height, width, 3)), 0, 255).astype(np.uint8)


def torchvision_eval(preprocess: Preprocess) -> object:
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms._presets import ImageClassification

    mode = InterpolationMode(preprocess.interpolation)
    sizes = {"crop_size": preprocess.size, "resize_size": preprocess.resize}
    return ImageClassification(**sizes, mean=MEAN, std=STD, interpolation=mode)


def open_clip_eval(preprocess: Preprocess) -> object:
    from open_clip.transform import image_transform

    mode = {"crop": "shortest", "squash": "squash"}[preprocess.mode]
    return image_transform(
        preprocess.size, False, MEAN, STD, resize_mode=mode, interpolation=preprocess.interpolation
    )


def timm_eval(preprocess: Preprocess) -> object:
    from timm.data.transforms_factory import transforms_imagenet_eval

    mode = {"crop": "center", "squash": "squash"}[preprocess.mode]
    share = preprocess.size / (preprocess.resize or preprocess.size)
    how = {"crop_mode": mode, "interpolation": preprocess.interpolation, "crop_pct": share}
    return transforms_imagenet_eval(preprocess.size, mean=MEAN, std=STD, **how)


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize(
    ("library", "resize", "mode"),
    [
        (torchvision_eval, 256, "crop"),
        (torchvision_eval, 232, "crop"),
        (open_clip_eval, None, "crop"),
        (open_clip_eval, None, "squash"),
        (timm_eval, 235, "crop"),
        (timm_eval, 249, "squash"),
    ],
)
def test_pixels_are_those_of_the_libraries(library, resize, mode, interpolation, shape):
    how = {"resize": resize, "interpolation": interpolation, "mode": mode}
    preprocess = Preprocess(size=224, mean=MEAN, std=STD, **how)
    image = photograph(*shape)
    expected = library(preprocess)(Image.fromarray(image))
    ours = to_tower(resize_and_crop(image, preprocess)[None], preprocess)[0]
    torch.testing.assert_close(ours, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("shape", [(37, 53), (500, 333)])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 1.0, 1.0), (0.25, 0.1, 0.75, 1.0), (0.5, 0.9, 0.6, 1.0)]
)
def test_a_crop_is_torchvision_s_and_nearly_pillow_s(box, interpolation, shape):
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2.functional import resized_crop, resized_crop_image

    preprocess = Preprocess(size=224, mean=MEAN, std=STD, interpolation=interpolation)
    image = photograph(*shape)
    image.setflags(write=False)
    found = crop_and_resize(image, box, preprocess)
    left, right = whole_pixels(box[0], box[2], shape[1])
    top, bottom = whole_pixels(box[1], box[3], shape[0])
    part = (top, left, bottom - top, right - left)
    mode = InterpolationMode(interpolation)
    tensor = torch.tensor(image).permute(2, 0, 1)
    expected = resized_crop_image(tensor, *part, [224, 224], mode, antialias=True)
    np.testing.assert_array_equal(found, expected.permute(1, 2, 0))
    pillow: Any = Image.fromarray(image)
    difference = found.astype(int) - np.asarray(resized_crop(pillow, *part, [224, 224], mode))
    # Both round between the two axes, and cut what a bicubic filter leads beyond black and white.
    assert np.abs(difference).mean() < 0.5 and (np.abs(difference) > 1).mean() < 0.01


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 2000))
def test_a_part_of_a_side_is_at_least_a_pixel_and_inside_it(start, share, length):
    first, end = whole_pixels(start, start + share * (1 - start), length)
    assert 0 <= first < end <= length
    assert abs((end - first) - share * (1 - start) * length) <= 1
    assert abs(first - start * length) <= 1
