"""The direction browser of one encoder: an index, pages of its directions, and their sprites.

Text and tables are in `templates/browser`, style in `browser.css`, the finder in `browser.js`. The
folder is a dependency of stage `browse` in dvc.yaml.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from interpreting_clip.datasets.broden.thumbnails import SIDE
from page.direction_entries import (
    MOST_LISTED,
    DirectionEntry,
    FeatureEntry,
    FoundConcept,
    ProbeResults,
)
from page.names import DATASETS, DIRECTIONS_PER_PAGE, feature_page, format_number
from page.rendering import template_environment
from page.sprites import TINY, sprite, tile, tiny

File = tuple[str, bytes]
"""The name and the content of a file in the browser's folder."""

PER_SPRITE = 20
"""Directions per sprite: about four million pixels, which even a phone can show."""

TINY_IMAGES, TINY_COLUMNS = 3, 48
"""Images per direction in the index, and images per row of its sprite."""

Entries = Sequence[DirectionEntry] | Sequence[FeatureEntry]

Places = dict[int, tuple[str, int]]


@dataclass(frozen=True, eq=False)
class Browser:
    """What an encoder's browser shows.

    `centred` says whether the head was taken minus its mean row. `features` were examined, `others`
    encode a concept. `concepts` are those that the finder lists, by name. `imagenet` is what the
    study calls ImageNet. `probe` is None without probe images, and `outliers` says how many
    outlier features the encoder has.
    """

    label: str
    centred: bool
    threshold: float
    directions: Sequence[DirectionEntry]
    features: Sequence[FeatureEntry]
    outliers: int
    concepts: Sequence[FoundConcept]
    others: Sequence[FeatureEntry] = ()
    imagenet: str = DATASETS["imagenet"]
    probe: ProbeResults | None = None

    @property
    def feature_pages(self) -> dict[str, list[FeatureEntry]]:
        """The features that encode a concept but were not examined, by the name of their page."""
        found: dict[str, list[FeatureEntry]] = {}
        for entry in self.others:
            found.setdefault(feature_page(entry.number), []).append(entry)
        return found

    @property
    def suffixes(self) -> bool:
        """Whether concepts have Broden's suffixes: -s for a scene, -c for a colour."""
        marked = ("scene", "-s"), ("color", "-c")
        return any(
            one.category == category and one.name.endswith(suffix)
            for one in self.concepts
            for category, suffix in marked
        )

    @property
    def features_title(self) -> str:
        """The title of the page of features: an encoder may have no outlier feature."""
        return "Outlier features" if self.outliers else "Extreme features"

    @property
    def negative_sides(self) -> bool:
        """Whether the negative side of any direction or feature counts."""
        bases = self.probe.found.bases.values() if self.probe else ()
        return any(basis.negative.any() for basis in bases)


def browser_files(browser: Browser) -> Iterator[File]:
    """Yield the files of an encoder's browser; the same results give the same bytes.

    Raises
    ------
    InputError
        A thumbnail is broken.
    """
    environment = template_environment("browser", {"signed": signed, "significant": significant})
    firsts = range(1, len(browser.directions) + 1, DIRECTIONS_PER_PAGE)
    pages = [
        (first, min(first + DIRECTIONS_PER_PAGE - 1, len(browser.directions))) for first in firsts
    ]
    shared = {
        "browser": browser,
        "pages": pages,
        "side": SIDE,
        "per_page": DIRECTIONS_PER_PAGE,
        "most": MOST_LISTED,
        "word": "direction",
    }

    def page(template: str, **own: Any) -> bytes:
        return environment.get_template(template).render(shared | own).encode()

    yield (
        "index.html",
        page(
            "browser_index.html.jinja",
            name="index",
            title="Privileged directions",
            tiny_position=tiny_position,
        ),
    )
    yield from index_sprite(browser)
    for first, last in pages:
        entries, name = browser.directions[first - 1 : last], f"directions_{first}"
        title = f"Directions {first} to {last}"
        places = sprite_places("directions", first, entries)
        own = {"name": name, "title": title, "basis": "directions", "places": places}
        yield f"{name}.html", page("browser_page.html.jinja", entries=entries, **own)
        yield from page_sprites(browser.probe, entries, places)
    entries = browser.features
    places = sprite_places("features", 1, entries)
    title = browser.features_title
    own = {
        "name": "features",
        "title": title,
        "basis": "features",
        "places": places,
        "word": "feature",
    }
    yield "features.html", page("browser_page.html.jinja", entries=entries, **own)
    yield from page_sprites(browser.probe, entries, places)
    for name, entries in browser.feature_pages.items():
        first = entries[0].number
        places = sprite_places("encoding", first, entries)
        title = f"Features {first} to {entries[-1].number} that encode a concept"
        own |= {"name": name, "title": title, "places": places}
        yield f"{name}.html", page("browser_page.html.jinja", entries=entries, **own)
        yield from page_sprites(browser.probe, entries, places)


def sprite_places(basis: str, first: int, entries: Entries) -> Places:
    """Return the sprite of each entry of a page, by number, and its row there in pixels."""
    found = {}
    for place, entry in enumerate(entries):
        sheet, row = divmod(place, PER_SPRITE)
        found[entry.number] = f"{basis}_{first + sheet * PER_SPRITE}.jpg", row * SIDE
    return found


def page_sprites(probe: ProbeResults | None, entries: Entries, places: Places) -> Iterator[File]:
    """Yield the sprites of a page: a row per entry, its top images and then its bottom ones."""
    if probe is None:
        return
    for file, group in groupby(entries, lambda entry: places[entry.number][0]):
        tiles, columns = [], 1
        for found in (entry.probed for entry in group if entry.probed):
            shown = [*found.top, *found.bottom]
            columns = len(shown)
            tiles += [
                tile(probe.thumbnails[one.image], probe.outline(one.image, found)) for one in shown
            ]
        yield file, sprite(tiles, columns)


def index_sprite(browser: Browser) -> Iterator[File]:
    """Yield the sprite of the index: the first images of every direction, tiny."""
    if browser.probe is None:
        return
    thumbnails = browser.probe.thumbnails
    shown = [
        shown.image
        for entry in browser.directions
        if entry.probed is not None
        for shown in (*entry.probed.top, *[entry.probed.top[-1]] * TINY_IMAGES)[:TINY_IMAGES]
    ]
    small = {image: tiny(thumbnails[image]) for image in dict.fromkeys(shown)}
    yield "index.jpg", sprite([small[image] for image in shown], TINY_COLUMNS)


def tiny_position(number: int) -> tuple[int, int]:
    """Return where the images of direction `number` start in the sprite of the index, in pixels."""
    row, column = divmod((number - 1) * TINY_IMAGES, TINY_COLUMNS)
    return column * TINY, row * TINY


def signed(value: float, digits: int = 1) -> str:
    """Return a number with a true minus or a plus; zero has no sign."""
    text = format_number(value, digits)
    return f"+{text}" if value > 0 and float(f"{value:.{digits}f}") else text


def significant(value: float, digits: int = 2) -> str:
    """Return a number above 0 with at least `digits` significant digits, without an exponent."""
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    return format_number(value, max(digits - 1 - exponent, 0))
