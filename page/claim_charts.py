"""The small chart of a claim: a row per encoder, with a mark, its interval and what it is against.

Each row is one `<svg>` beside a name and a number in HTML, so that names wrap and a telephone shows
all of them; rows of one chart have the same axis.
"""

import math
from collections.abc import Iterator

import msgspec

from interpreting_clip.config.encoders import EncoderEntry
from interpreting_clip.measures.intervals import Estimate
from page.legends import SHAPES
from page.names import TRAININGS
from page.vega_lite import SHAPES as TRAINING_SHAPES
from page.vega_lite import TRAINING_COLOURS, themed_colour

TRACK, HEIGHT = 220, 20
"""The size of a row's picture in pixels."""

MARGIN = 8
"""Pixels at both ends of the axis that are free, for half a mark and half a number."""

TICKS = 4
"""About as many numbers stand along the axis."""


class DotRow(msgspec.Struct, frozen=True, kw_only=True):
    """A number with its intervals, as the claim compares it.

    Attributes
    ----------
    name, text : what stands beside it; `text` has the number and its interval
    training : the key of the kind of training, which colours the mark
    value, low, high : the number and the ends of its interval
    widest : the ends over replicas too, None without replicas
    null : the lowest and the highest value by chance, None if there is no such
    """

    name: str
    text: str
    training: str
    value: float | int
    low: float | int
    high: float | int
    widest: tuple[float, float] | None = None
    null: tuple[float, float] | None = None

    @property
    def path(self) -> str:
        """The outline of the mark, which has the shape that this kind of training has in charts."""
        return SHAPES[TRAINING_SHAPES[list(TRAININGS).index(self.training)]]

    @property
    def colour(self) -> str:
        """The colour of the mark, as CSS."""
        return themed_colour(TRAINING_COLOURS[TRAININGS[self.training]])


def dot_row(entry: EncoderEntry, estimate: Estimate, widest: Estimate | None, text: str) -> DotRow:
    """Return the row of an encoder; `widest` is its interval over replicas too."""
    low, high = estimate.ends
    return DotRow(
        name=entry.label,
        text=text,
        training=entry.training,
        value=estimate.value,
        low=low,
        high=high,
        widest=widest.ends if widest else None,
    )


class DotGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that are compared with each other; `name` is empty where each row stands for itself."""

    name: str
    rows: list[DotRow]


class Dots(msgspec.Struct, frozen=True, kw_only=True):
    """The chart of a claim: `axis` says what is drawn, `reference` is a line with its words."""

    axis: str
    groups: list[DotGroup]
    reference: tuple[float, str] | None = None

    @property
    def rows(self) -> list[DotRow]:
        """All rows."""
        return [row for group in self.groups for row in group.rows]

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends of the axis."""
        values = [one for row in self.rows for one in _numbers(row)]
        if self.reference:
            values.append(self.reference[0])
        low, high = min(values), max(values)
        return low, high

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Where numbers stand along the axis, in pixels, and the numbers."""
        low, high = self.ends
        return [(self.place(value), text) for value, text in _ticks(low, high)]

    def place(self, value: float | int) -> float:
        """Return where a value is along the axis, in pixels."""
        low, high = self.ends
        share = (value - low) / (high - low)
        return round(MARGIN + share * (TRACK - 2 * MARGIN), 1)


def _numbers(row: DotRow) -> Iterator[float]:
    ends = (*(row.widest or ()), *(row.null or ()))
    yield from map(float, (row.value, row.low, row.high, *ends))


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Return about `TICKS` round numbers between two ends, with their texts."""
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(m for m in (1, 2, 5, 10) if m * power >= rough)
    digits = max(0, -math.floor(math.log10(step)))
    values = [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return [(value, f"{value:.{digits}f}".replace("-", "−")) for value in values]


def informative(dots: Dots) -> Dots | None:
    """Return a chart, or None where it has no rows, or where all numbers are the same."""
    return dots if len({one for row in dots.rows for one in _numbers(row)}) > 1 else None
