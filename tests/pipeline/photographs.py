"""Photographs that nobody took, in every form in which ImageNet's and its shifts' files occur."""

import io
import zlib

import numpy as np
from PIL import Image


def photograph(name: str, class_: int, size: tuple[int, int] = (75, 100)) -> Image.Image:
    """Return a picture that its name and class decide: a few broad waves of colour, and grain."""
    rng = np.random.default_rng([zlib.crc32(name.encode()), class_])
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width] / 40
    phases, directions = rng.uniform(0, 6, 3), rng.uniform(-2, 2, (3, 2))
    waves = np.stack(
        [np.sin(a * rows + b * columns + c) for (a, b), c in zip(directions, phases, strict=True)]
    )
    grain = rng.normal(0, 12, (height, width, 3))
    tint = np.random.default_rng(class_).uniform(60, 200, 3)
    pixels = 60 * waves.transpose(1, 2, 0) + grain + tint
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def jpeg(image: Image.Image, **options: object) -> bytes:
    """Return a picture as JPEG."""
    return saved(image, "JPEG", quality=90, **options)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    """Return a picture as a file of a form."""
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def turned(image: Image.Image) -> bytes:
    """Return a JPEG whose EXIF says that it is to be turned by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(image, exif=exif)


def deep(image: Image.Image) -> bytes:
    """Return a grey PNG of 16 bits."""
    return saved(Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 257), "PNG")


ODD = {
    "cmyk": lambda image: jpeg(image.convert("CMYK")),
    "grey": lambda image: jpeg(image.convert("L")),
    "png": lambda image: saved(image, "PNG"),
    "turned": turned,
    "sixteen_bits": deep,
    "palette": lambda image: saved(image.convert("P", palette=Image.Palette.ADAPTIVE), "PNG"),
    "webp": lambda image: saved(image, "WEBP"),
}
"""What files named .JPEG really are, now and then."""


def odd_files(class_: int) -> dict[str, bytes]:
    """Return one file of each odd form, by name; all are named as JPEGs are."""
    return {f"{name}.JPEG": make(photograph(name, class_)) for name, make in ODD.items()}
