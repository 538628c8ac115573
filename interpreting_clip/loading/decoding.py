"""Decodes images for towers: JPEG with torchvision, everything else with Pillow."""

import numpy as np
import torch
from jaxtyping import UInt8

from interpreting_clip.datasets.images import decode_image, image_extension


def decode_fast(data: bytes, name: str) -> UInt8[np.ndarray, "height width 3"]:
    """Return what `decode_image` returns, from a JPEG in two thirds of the time.

    torchvision and Pillow both decode with libjpeg-turbo and give the same pixels. Only Pillow
    converts them row by row through a copy of its own. `fetch` decodes every image with Pillow
    before it stores it, so what Pillow refuses does not come here.
    """
    if image_extension(data) == "jpg":
        from torchvision.io import ImageReadMode, decode_jpeg

        try:
            # A copy, since torch warns of memory that it must not write.
            pixels = decode_jpeg(
                torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB
            )
        except RuntimeError:
            pass  # Pillow says what is wrong
        else:
            return pixels.permute(1, 2, 0).numpy()  # pyright: ignore[reportAttributeAccessIssue]
    return decode_image(data, name)
