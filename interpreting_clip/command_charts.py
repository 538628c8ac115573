"""The chart of a result as SVG: a histogram, curves, or values with intervals.

A page that `page/` draws uses Vega, which the library by itself does not install. Colours are those
of the page's style sheet, so that a chart follows it into the dark.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np
from jaxtyping import Float

from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.effective_robustness import EffectiveRobustness
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.kurtosis import Kurtosis, OutlierFeatures
from interpreting_clip.measures.pruning import Pruning
from interpreting_clip.measures.result import Result

WIDTH, HEIGHT = 560, 260
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 28, 46
ROW = 26
"""The height of a row of values with intervals, in pixels."""

NAMES = 190
"""The width of the names of such rows."""

TICKS = 5
BINS = 40

BARS = 50
"""The most features whose share of images is drawn."""

STYLES = ("own", "null")
"""Classes of the style sheet for the first line of a chart, and for what chance gives."""


@dataclass
class Frame:
    """A chart with two axes; its parts are added to `parts`.

    `x` and `y` are the ends of the axes in the units of the data.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    height: int = HEIGHT
    left: int = LEFT
    parts: list[str] = field(default_factory=list)

    def across(self, value: float | int) -> float:
        """Return the horizontal place of a value, in pixels."""
        low, high = self.x
        return self.left + (value - low) / (high - low) * (WIDTH - self.left - RIGHT)

    def down(self, value: float | int) -> float:
        """Return the vertical place of a value, in pixels."""
        low, high = self.y
        return self.height - BOTTOM - (value - low) / (high - low) * (self.height - TOP - BOTTOM)

    def text(
        self, x: float | int, y: float | int, words: str, anchor: str = "middle", extra: str = ""
    ) -> None:
        """Add a text, escaped."""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(words)}</text>'
        )

    def line(self, points: Sequence[tuple[float, float]], style: str) -> None:
        """Add a line through points in the units of the data."""
        places = " ".join(f"{self.across(x):.1f},{self.down(y):.1f}" for x, y in points)
        self.parts.append(f'<polyline class="{style}" points="{places}"/>')

    def axes(self, x_label: str, y_label: str = "") -> None:
        """Add ticks and labels; there is no scale of y without its label."""
        right, bottom = WIDTH - RIGHT, self.height - BOTTOM
        for value in ticks(*self.x):
            x = self.across(value)
            self.grid(x, TOP, x, bottom)
            self.text(x, bottom + 16, tick_text(value))
        self.text((self.left + right) / 2, self.height - 8, x_label)
        if not y_label:
            return
        for value in ticks(*self.y):
            y = self.down(value)
            self.grid(self.left, y, right, y)
            self.text(self.left - 6, y + 4, tick_text(value), "end")
        middle = (TOP + bottom) / 2
        self.text(14, middle, y_label, extra=f' transform="rotate(-90 14 {middle:.0f})"')

    def grid(self, *ends: float | int) -> None:
        """Add a line of the grid, between two places in pixels."""
        x1, y1, x2, y2 = (f"{end:.1f}" for end in ends)
        self.parts.append(f'<line class="grid" x1="{x1}" x2="{x2}" y1="{y1}" y2="{y2}"/>')

    def legend(self, names: Sequence[str], styles: Sequence[str]) -> None:
        """Add what each style stands for, above the chart."""
        x = float(self.left)
        for name, style in zip(names, styles, strict=True):
            self.parts.append(f'<polyline class="{style}" points="{x:.0f},12 {x + 20:.0f},12"/>')
            self.text(x + 25, 16, name, "start")
            x += 45 + 6.5 * len(name)

    def svg(self, alternative: str) -> str:
        """Return the chart as one element that needs nothing from outside."""
        label, box = escape(alternative), f"0 0 {WIDTH} {self.height}"
        drawn = "".join(self.parts)
        return f'<svg role="img" aria-label="{label}" viewBox="{box}">{drawn}</svg>'


def chart(result: Result) -> str:
    """Draw a result as SVG; nothing if there is no chart of its kind."""
    drawn = ""
    match result:
        case Kurtosis():
            marks = {"mean": result.kurtosis.value, "after a random rotation": result.isotropic}
            labels = "kurtosis of an image's features", "images"
            drawn = histogram(result.per_image, marks, *labels) + chart(result.outliers)
        case OutlierFeatures():
            shares = np.flip(np.sort(result.share_of_every_feature))[:BARS]
            lines = {
                "features, the most extreme first": shares,
                "what an outlier feature has": np.full(len(shares), result.outlier_share),
            }
            label = f"share of images beyond {result.outlier_sigma:g} σ"
            ranks = np.arange(1.0, len(shares) + 1)
            drawn = curves(ranks, lines, "rank of the feature", label)
        case PrivilegedDirections():
            own, random = result.importance, result.random_importance
            lines = {"this head": own, "random heads": random}
            ranks = np.arange(1.0, len(own) + 1)
            drawn = curves(ranks, lines, "rank of the direction", "importance")
        case Pruning():
            random = result.random_accuracy.mean(axis=0)
            lines = {"this head": result.accuracy, "random heads": random}
            labels = "share of the directions that are pruned", "accuracy, %"
            drawn = curves(result.fractions, lines, *labels)
        case EffectiveRobustness():
            rows = {name: one.robustness for name, one in result.per_shift.items()}
            known = {k: v for k, v in {**rows, "mean": result.robustness}.items() if v is not None}
            drawn = intervals(known, 0.0, "effective robustness, points") if known else ""
        case Concepts():
            basis, best = next(iter(result.bases.items()))
            label = f"highest average precision of any of the {basis}"
            marks = {"threshold": result.threshold}
            drawn = histogram(best.precisions.max(axis=0), marks, label, "concepts")
    return drawn


def histogram(
    values: Float[np.ndarray, " value"], marks: Mapping[str, float], x_label: str, y_label: str
) -> str:
    """Draw how often values occur, with vertical lines at `marks`, the last of them chance's."""
    ends = [*marks.values(), float(values.min()), float(values.max())]
    low, high = widened(min(ends), max(ends))
    counts, edges = np.histogram(values, BINS, (low, high))
    frame = Frame((low, high), (0.0, float(counts.max()) * 1.05))
    frame.axes(x_label, y_label)
    for count, begin, end in zip(counts.tolist(), edges[:-1], edges[1:], strict=True):
        if count:
            x, y = frame.across(begin), frame.down(count)
            size = f'width="{frame.across(end) - x:.1f}" height="{frame.down(0) - y:.1f}"'
            frame.parts.append(f'<rect class="bar" x="{x:.1f}" y="{y:.1f}" {size}/>')
    styles = [STYLES[0]] * (len(marks) - 1) + [STYLES[1]]
    for value, style in zip(marks.values(), styles, strict=True):
        frame.line([(value, end) for end in frame.y], style)
    frame.legend(list(marks), styles)
    return frame.svg(f"{y_label} by {x_label}")


def curves(
    x: Float[np.ndarray, " point"],
    lines: Mapping[str, Float[np.ndarray, " point"]],
    x_label: str,
    y_label: str,
) -> str:
    """Draw lines, the second of them what chance gives; y starts at 0."""
    top = max(float(y.max()) for y in lines.values())
    frame = Frame(widened(float(x.min()), float(x.max()), margin=0.0), (0.0, 1.05 * top or 1.0))
    frame.axes(x_label, y_label)
    styles = STYLES[: len(lines)]
    for y, style in zip(lines.values(), styles, strict=True):
        frame.line(list(zip(x.tolist(), y.tolist(), strict=True)), style)
    frame.legend(list(lines), styles)
    return frame.svg(f"{y_label} by {x_label}")


def intervals(rows: Mapping[str, Estimate], chance: float, x_label: str) -> str:
    """Draw a value with its interval in each row, and a vertical line at what chance gives."""
    ends = [chance, *(end for one in rows.values() for end in one.ends)]
    height = TOP + BOTTOM + ROW * len(rows)
    frame = Frame(widened(min(ends), max(ends)), (0.0, float(len(rows))), height, NAMES)
    frame.axes(x_label)
    frame.line([(chance, end) for end in frame.y], STYLES[1])
    for place, (name, one) in enumerate(rows.items()):
        y = len(rows) - place - 0.5
        frame.text(NAMES - 8, frame.down(y) + 4, name, "end")
        frame.line([(end, y) for end in one.ends], STYLES[0])
        cx, cy = frame.across(one.value), frame.down(y)
        frame.parts.append(f'<circle class="own" cx="{cx:.1f}" cy="{cy:.1f}" r="4"/>')
    return frame.svg(f"{x_label}: {', '.join(rows)}")


def widened(low: float, high: float, margin: float = 0.04) -> tuple[float, float]:
    """Return the ends of an axis, a little outside of the data; never equal."""
    reach = margin * (high - low) if high > low else abs(low) / 2 or 0.5
    return low - reach, high + reach


def ticks(low: float, high: float) -> list[float]:
    """Return about `TICKS` round numbers between the ends of an axis."""
    power = 10.0 ** math.floor(math.log10((high - low) / TICKS))
    step = next(s * power for s in (1, 2, 5, 10) if s * power * TICKS >= high - low)
    first = math.ceil(low / step - 1e-9)
    return [place * step for place in range(first, math.floor(high / step + 1e-9) + 1)]


def tick_text(value: float) -> str:
    """Return the text of a tick, with a true minus."""
    return f"{value + 0.0:.6g}".replace("-", "−")
