"""The pages of an encoder's directions and outlier features, and the sprites of their images.

A sprite has an entry's images in one file. Text and tables are in `templates`, style in
`browser.css`, the search in `browser.js`.
"""

import io
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import UInt8

from interpreting_clip.browser.direction_entries import Browser, Entry
from interpreting_clip.browser.jinja_environment import TEMPLATES, jinja_environment
from interpreting_clip.datasets.broden.thumbnails import SIDE, Mask, Thumbnails

if TYPE_CHECKING:
    from PIL import Image

File = tuple[str, bytes]
"""The name and the content of a file in the folder of the pages."""

DIRECTIONS_PER_PAGE = 100


class Page(NamedTuple):
    """A page of directions or features."""

    file: str
    title: str
    basis: str
    entries: list[Entry]


class Home(NamedTuple):
    """The page that leads to the pages of directions.

    `images` are those on which importance is measured, `generator` is what wrote the pages.
    """

    href: str
    name: str
    images: str
    generator: str = ""


STUDY = Home("../../report.html", "The study", "ImageNet test images")


def browser_files(label: str, browser: Browser | None, home: Home = STUDY) -> Iterator[File]:
    """Yield the files of an encoder's pages; the same results give the same bytes.

    Without probe images (None), the index is the only page and says so.
    """
    environment = jinja_environment([TEMPLATES], {"href": href})
    index, template = (
        environment.get_template(f"browser_{name}.html.jinja") for name in ("index", "page")
    )
    title = "Outlier features" if browser and not browser.directions else "Privileged directions"
    heading = {"label": label, "file": "index.html", "title": title, "home": home}
    if browser is None:
        yield "index.html", index.render(heading, pages=[]).encode()
        return
    pages = list(entry_pages(browser))
    pairs = (pair for page in pages for entry in page.entries for pair in entry.concepts)
    shared = {
        "browser": browser,
        "pages": pages,
        "negative": any(pair.negative for pair in pairs),
        "categorized": any(pairs[0].category for pairs in browser.concepts),
        "basis": "directions" if browser.directions else "features",
    }
    yield "index.html", index.render(heading | shared).encode()
    for page in pages:
        yield page.file, template.render(heading | shared | page._asdict(), side=SIDE).encode()
        for entry in page.entries:
            yield f"{page.basis}_{entry.number}.jpg", sprite(browser.thumbnails, entry)


def direction_href(encoder: str, basis: str, number: int) -> str:
    """Return the address of a direction or feature, relative to `plots/`.

    `basis` is `directions`, numbered by importance from 1, or `features`, numbered from 0, of which
    only those that stage `kurtosis` examined are shown.
    """
    if basis == "features":
        return f"directions/{encoder}/features.html#feature-{number}"
    first = (number - 1) // DIRECTIONS_PER_PAGE * DIRECTIONS_PER_PAGE + 1
    return f"directions/{encoder}/directions_{first}.html#direction-{number}"


def href(number: int, basis: str) -> str:
    """Return the address of a direction or feature on another page of its encoder."""
    return Path(direction_href("", basis, number)).name


def entry_pages(browser: Browser) -> Iterator[Page]:
    """Yield the pages of directions, and the page of features."""
    by_file = groupby(browser.directions, lambda e: href(e.number, "directions").split("#")[0])
    for file, group in by_file:
        entries = list(group)
        title = f"Directions {entries[0].number} to {entries[-1].number}"
        yield Page(file, title, "directions", entries)
    title = "Outlier features" if browser.directions else "Images of each feature"
    yield Page("features.html", title, "features", browser.features)


def sprite(thumbnails: Thumbnails, entry: Entry) -> bytes:
    """Return an entry's images as JPEG: the highest values in the first row, then the lowest."""
    from PIL import Image

    columns = len(entry.images) // 2
    sheet = Image.new("RGB", (columns * SIDE, 2 * SIDE))
    for place, image in enumerate(entry.images):
        mask = thumbnails.mask(image, entry.outlined.concept) if entry.outlined else None
        row, column = divmod(place, columns)
        sheet.paste(tile(thumbnails[image], mask), (column * SIDE, row * SIDE))
    stream = io.BytesIO()
    sheet.save(stream, "JPEG", quality=80)
    return stream.getvalue()


def tile(pixels: UInt8[np.ndarray, "height width 3"], mask: Mask | None) -> "Image.Image":
    """Return an image in the middle of a grey square of `SIDE` pixels, with a mask's outline.

    A smaller image is enlarged without smoothing its pixels. The outline is a double stroke, white
    inside the mask and black around it, so that it is visible on any background.
    """
    from PIL import Image, ImageChops, ImageOps
    from PIL.ImageFilter import MaxFilter, MinFilter

    square = SIDE, SIDE
    image = ImageOps.contain(Image.fromarray(pixels), square, Image.Resampling.NEAREST)
    if mask is not None:
        grey = Image.fromarray(mask.astype(np.uint8) * 255)
        smooth = grey.resize(image.size, Image.Resampling.BILINEAR)
        inside = smooth.point([0] * 128 + [255] * 128)
        wider, narrower = inside.filter(MaxFilter(3)), inside.filter(MinFilter(3))
        image.paste("black", mask=ImageChops.subtract(wider, inside))
        image.paste("white", mask=ImageChops.subtract(inside, narrower))
    return ImageOps.pad(image, square, color="grey")
