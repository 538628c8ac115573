"""The direction browser of one encoder: an index, pages of its directions, and their sprites.

Text and tables are in `templates/browser`, style in `browser.css`, the finder in `browser.js`. The
folder is a dependency of stage `browse` in dvc.yaml. A sprite is many small images in one file.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8

from interpreting_clip.datasets.broden.thumbnails import SIDE, Mask
from interpreting_clip.formats.result_tables import format_number
from page.direction_entries import (
    MOST_LISTED,
    DirectionEntry,
    FeatureEntry,
    FoundConcept,
    ProbeResults,
)
from page.names import DATASETS, DIRECTIONS_PER_PAGE
from page.rendering import template_environment

File = tuple[str, bytes]
"""The name and the content of a file in the browser's folder."""

PER_SPRITE = 20
"""Directions per sprite: about four million pixels, which even a phone can show."""

TINY, TINY_IMAGES, TINY_COLUMNS = 32, 3, 48
"""The index's sprite: a tile's side in pixels, images per direction, and images per row."""

GROUND = 128
"""The grey around an image that is not square."""

Places = dict[int, tuple[str, int]]
"""The sprite of each entry of a page, by number, and its row there in pixels."""

Pixels = UInt8[np.ndarray, "height width 3"]

Tile = UInt8[np.ndarray, "side side 3"]


@dataclass(frozen=True, eq=False)
class Browser:
    """What an encoder's browser shows.

    `centred`: whether the head's mean row was subtracted. `features`: the examined features.
    `concepts`: the concepts that the finder lists, by name, from `concept_set`. `imagenet`: the
    study's name for ImageNet. `probe`: None without probe images. `outliers`: the encoder's number
    of outlier features.
    """

    label: str
    centred: bool
    threshold: float
    directions: Sequence[DirectionEntry]
    features: Sequence[FeatureEntry]
    outliers: int
    concepts: Sequence[FoundConcept]
    imagenet: str = DATASETS["imagenet"]
    concept_set: str = "Broden"
    probe: ProbeResults | None = None

    @property
    def suffixes(self) -> bool:
        """Whether concepts have Broden's suffixes: -s for a scene, -c for a colour."""
        marked = {("scene", "-s"), ("color", "-c")}
        return any((c.category, c.name[-2:]) in marked for c in self.concepts)

    @property
    def features_title(self) -> str:
        """The title of the page of features: an encoder may have no outlier feature."""
        return "Outlier features" if self.outliers else "Extreme features"

    @property
    def negative_sides(self) -> bool:
        """Whether the negative side of any direction or feature counts."""
        bases = self.probe.found.bases.values() if self.probe else ()
        return any(basis.negative.any() for basis in bases)


class Page(NamedTuple):
    """A page of directions or features; its sprites are called `<basis>_<first>.jpg` and so on."""

    name: str
    title: str
    basis: str
    entries: Sequence[DirectionEntry] | Sequence[FeatureEntry]
    first: int


def browser_files(browser: Browser) -> Iterator[File]:
    """Yield the files of an encoder's browser; the same results give the same bytes."""
    filters = {"precision": precision, "signed": signed, "significant": significant}
    environment = template_environment("browser", filters)
    count = len(browser.directions)
    firsts = range(1, count + 1, DIRECTIONS_PER_PAGE)
    shared = {
        "browser": browser,
        "pages": [(first, min(first + DIRECTIONS_PER_PAGE - 1, count)) for first in firsts],
        "side": SIDE,
        "per_page": DIRECTIONS_PER_PAGE,
        "most": MOST_LISTED,
    }

    def render(template: str, **values: Any) -> bytes:
        return environment.get_template(template).render(shared | values).encode()

    index = {"name": "index", "title": "Privileged directions", "word": "direction"}
    yield "index.html", render("browser_index.html.jinja", **index, tiny_position=tiny_position)
    yield from index_sprite(browser)
    for page in entry_pages(browser):
        places = sprite_places(page)
        values = page._asdict() | {"word": page.basis.removesuffix("s"), "places": places}
        yield f"{page.name}.html", render("browser_page.html.jinja", **values)
        yield from page_sprites(browser.probe, page, places)


def entry_pages(browser: Browser) -> Iterator[Page]:
    """Yield the pages of directions, and the page of the examined features."""
    for start in range(0, len(browser.directions), DIRECTIONS_PER_PAGE):
        entries = browser.directions[start : start + DIRECTIONS_PER_PAGE]
        first, last = entries[0].number, entries[-1].number
        title = f"Directions {first} to {last}"
        yield Page(f"directions_{first}", title, "directions", entries, first)
    yield Page("features", browser.features_title, "features", browser.features, 1)


def sprite_places(page: Page) -> Places:
    """Return where the images of each entry of a page are."""
    places = {}
    for place, entry in enumerate(page.entries):
        sheet, row = divmod(place, PER_SPRITE)
        places[entry.number] = f"{page.basis}_{page.first + sheet * PER_SPRITE}.jpg", row * SIDE
    return places


def page_sprites(probe: ProbeResults | None, page: Page, places: Places) -> Iterator[File]:
    """Yield the sprites of a page: a row per entry, its top images and then its bottom ones."""
    if probe is None:
        return
    for file, group in groupby(page.entries, lambda entry: places[entry.number][0]):
        tiles, columns = [], 1
        for probed in (entry.probed for entry in group if entry.probed):
            shown = [*probed.top, *probed.bottom]
            columns = len(shown)
            tiles += [
                tile(probe.thumbnails[s.image], probe.outline(s.image, probed)) for s in shown
            ]
        yield file, sprite(tiles, columns)


def index_sprite(browser: Browser) -> Iterator[File]:
    """Yield the sprite of the index: the first images of every direction, tiny."""
    if browser.probe is None:
        return
    thumbnails = browser.probe.thumbnails
    images = [
        shown.image
        for entry in browser.directions
        if entry.probed is not None
        for shown in (*entry.probed.top, *[entry.probed.top[-1]] * TINY_IMAGES)[:TINY_IMAGES]
    ]
    small = {image: tiny(thumbnails[image]) for image in dict.fromkeys(images)}
    yield "index.jpg", sprite([small[image] for image in images], TINY_COLUMNS)


def tiny_position(number: int) -> tuple[int, int]:
    """Return where the images of direction `number` start in the sprite of the index, in pixels."""
    row, column = divmod((number - 1) * TINY_IMAGES, TINY_COLUMNS)
    return column * TINY, row * TINY


def tile(image: Pixels, mask: Mask | None) -> Tile:
    """Return an image in the middle of a square of `SIDE` pixels, with the outline of a mask.

    A smaller image is enlarged without smoothing its pixels. The outline is a double stroke, white
    inside the mask and black around it, so that it is visible on any background.
    """
    from PIL import Image

    height, width, _ = image.shape
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    nearest = Image.Resampling.NEAREST
    fitted = np.array(Image.fromarray(image).resize(size, nearest) if scale > 1 else image)
    if mask is not None:
        bits = Image.fromarray(mask.astype(np.uint8) * 255)
        smooth = bits.resize(fitted.shape[1::-1], Image.Resampling.BILINEAR)
        draw_outline(fitted, np.asarray(smooth) >= 128)
    square = np.full((SIDE, SIDE, 3), GROUND, np.uint8)
    top, left = ((SIDE - length) // 2 for length in fitted.shape[:2])
    square[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return square


def draw_outline(pixels: Pixels, mask: Bool[np.ndarray, "height width"]) -> None:
    """Draw the double stroke into an image; at its edge, only the stroke inside the mask."""
    inner = mask & ~eroded(mask, edge=False)
    pixels[~mask & ~eroded(~mask, edge=True)] = 0
    pixels[inner] = 255


def eroded(mask: Bool[np.ndarray, "height width"], edge: bool) -> Bool[np.ndarray, "height width"]:
    """Return the pixels whose eight neighbours are all in a mask; outside, it counts as `edge`."""
    padded = np.pad(mask, 1, constant_values=edge)
    rows = padded[:-2] & padded[1:-1] & padded[2:]
    return rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]


def sprite(tiles: Sequence[Tile], columns: int) -> bytes:
    """Return tiles of one size as a JPEG, row by row, `columns` in each; the rest is grey."""
    from PIL import Image

    side, rows = len(tiles[0]), -(-len(tiles) // columns)
    sheet = np.full((rows * side, columns * side, 3), GROUND, np.uint8)
    for place, pixels in enumerate(tiles):
        top, left = side * (place // columns), side * (place % columns)
        sheet[top : top + side, left : left + side] = pixels
    stream = io.BytesIO()
    Image.fromarray(sheet).save(stream, "JPEG", quality=80)
    return stream.getvalue()


def tiny(image: Pixels) -> Tile:
    """Return an image in the middle of a square of `TINY` pixels, without an outline."""
    from PIL import Image

    whole = Image.fromarray(tile(image, None))
    return np.asarray(whole.resize((TINY, TINY), Image.Resampling.BOX))


def precision(value: float, threshold: float, encoded: bool, digits: int = 2) -> str:
    """Return an average precision with enough decimals to show whether it reaches the threshold.

    With two, 0.898 would be `0.90` and look encoded at 0.9.
    """
    value = max(value, threshold) if encoded else value  # a rounding error may leave it below
    while (float(f"{value:.{digits}f}") >= threshold) != encoded:
        digits += 1
    return f"{value:.{digits}f}"


def signed(value: float, digits: int = 1) -> str:
    """Return a number with a true minus or a plus; zero has no sign."""
    text = format_number(value, digits)
    return f"+{text}" if value > 0 and float(f"{value:.{digits}f}") else text


def significant(value: float, digits: int = 2) -> str:
    """Return a number above 0 with at least `digits` significant digits, without an exponent."""
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    return format_number(value, max(digits - 1 - exponent, 0))
