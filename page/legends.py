"""The legend of a chart as HTML: it wraps, follows the page's colours, and names the encoders."""

from collections.abc import Iterator
from typing import Any

import msgspec

from page.vega import Rows
from page.vega_lite import Spec, themed_colour

SHAPES = {
    "circle": "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z",
    "square": "M-4,-4h8v8h-8Z",
    "diamond": "M0,-5.4L4.4,0L0,5.4L-4.4,0Z",
    "triangle-up": "M0,-5L5,4H-5Z",
    "triangle-down": "M0,5L5,-4H-5Z",
    "triangle-right": "M5,0L-4,5V-5Z",
    "cross": "M-1.6,-5h3.2v3.4h3.4v3.2h-3.4v3.4h-3.2v-3.4h-3.4v-3.2h3.4Z",
}
"""Vega's shapes, in a box of ten pixels around the origin."""

CHANNELS = {"color": "colour", "shape": "shape", "strokeDash": "dash"}


class LegendEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What one look stands for, and the encoders that have it: numbers, names.

    `path` is a shape's outline and `dash` a `stroke-dasharray`, each empty if the chart has none;
    `colour` is CSS.
    """

    text: str
    colour: str
    path: str
    scale: float
    dash: str
    opacity: float
    encoders: list[tuple[int, str]]


def legend_of(spec: Spec, rows: Rows) -> list[LegendEntry]:
    """Return the legends of a specification as one list, in the order of their domains.

    Where the chart marks encoders by number, each is named beside its kind of training.
    """
    looks: dict[tuple[str, str], dict[str, Any]] = {}
    for channel, encoding in _legends(spec):
        legend, domain = encoding["legend"], encoding["scale"].get("domain")
        if channel == "opacity":
            for value in legend["values"]:
                look = looks.setdefault(
                    (encoding["field"], f"{legend['title']} {value:g}"), {"opacity": value}
                )
                look |= {"colour": legend["symbolFillColor"], "shape": "square"}
            continue
        shown = legend.get("values") or domain or _drawn(encoding["field"], rows)
        by_name = dict(zip(domain or shown, encoding["scale"]["range"], strict=False))
        for name in shown:
            look = looks.setdefault((encoding["field"], name), {})
            look.setdefault(CHANNELS[channel], by_name[name])
            if square := legend.get("symbolType") == "square":
                look.setdefault("shape", "square" if square else "")
            if legend.get("symbolFillColor"):
                look.setdefault("colour", legend["symbolFillColor"])
    numbered = _numbered(spec)
    return [
        _entry(name, look, _encoders(rows, name) if numbered and field == "training" else [])
        for (field, name), look in looks.items()
    ]


def _entry(text: str, look: dict[str, Any], encoders: list[tuple[int, str]]) -> LegendEntry:
    shape, dash = str(look.get("shape", "")), look.get("dash")
    return LegendEntry(
        text=text,
        colour=themed_colour(look.get("colour", "#1f242b")),
        path=SHAPES.get(shape, shape),
        scale=1 if shape in SHAPES else 7,  # another shape is a path in a box of two
        dash="" if dash is None else " ".join(str(length) for length in dash),
        opacity=look.get("opacity", 1),
        encoders=encoders,
    )


def _legends(spec: Any) -> Iterator[tuple[str, Spec]]:
    """Yield the channel and the encoding of every legend in a specification."""
    if isinstance(spec, list):
        for one in spec:
            yield from _legends(one)
    elif isinstance(spec, dict):
        for channel, one in spec.items():
            if channel in (*CHANNELS, "opacity") and isinstance(one, dict) and one.get("legend"):
                yield channel, one
            yield from _legends(one)


def _numbered(spec: Any) -> bool:
    """Return whether a chart writes the numbers of encoders without their names."""
    if isinstance(spec, list):
        return any(map(_numbered, spec))
    if not isinstance(spec, dict):
        return False
    text = spec.get("text")
    if isinstance(text, dict) and text.get("field") == "number":
        return True
    return any(map(_numbered, spec.values()))


def _encoders(rows: Rows, training: str) -> list[tuple[int, str]]:
    found = {(int(r["number"]), r["label"]) for r in rows if r.get("training") == training}
    return sorted(found)


def _drawn(field: str, rows: Rows) -> list[str]:
    return list(dict.fromkeys(str(row[field]) for row in rows))
