"""The colours of all charts, on a light and on a dark ground."""

from collections.abc import Mapping
from typing import Any

LIGHT = {
    "ink": "#1f242b",
    "soft-ink": "#3c434c",
    "ground": "#ffffff",
    "frame": "#d0d4da",
    "grid": "#eceef1",
    "axis": "#8a929c",
    "grey": "#9aa1ab",
    "purple": "#4a1f82",
    "zero-shot": "#0072B2",
    "finetuned": "#D55E00",
    "supervised": "#009E73",
    "linear-probe": "#7A4A12",
    "untrained": "#6B7280",
}
"""Colours by name, in which charts are written; trainings have Okabe and Ito's, and brown."""

DARK = {
    "ink": "#e8eaed",
    "soft-ink": "#b3bac3",
    "ground": "#16191d",
    "frame": "#3d444d",
    "grid": "#2a3037",
    "axis": "#7d858f",
    "grey": "#7f8791",
    "purple": "#c4b0ff",
    "zero-shot": "#4ba6e6",
    "finetuned": "#f18a45",
    "supervised": "#3cc79a",
    "linear-probe": "#cda06a",
    "untrained": "#a2a9b3",
}
"""The same on a dark ground."""

VARIABLES = {name: f"var(--chart-{name})" for name in LIGHT}
"""The colours as variables of a style sheet, with which a chart follows its page into the dark."""


def css() -> str:
    """Return the variables of a style sheet, for light pages and for dark ones."""

    def variables(colours: Mapping[str, str]) -> str:
        return " ".join(f"--chart-{name}: {colour};" for name, colour in colours.items())

    dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}"
    return f":root {{ {variables(LIGHT)} }}\n{dark}"


def recoloured(value: Any, colours: Mapping[str, str]) -> Any:
    """Return a specification, or a colour, with `LIGHT`'s colours replaced by others by name."""
    if isinstance(value, dict):
        return {key: recoloured(item, colours) for key, item in value.items()}
    if isinstance(value, list):
        return [recoloured(item, colours) for item in value]
    name = _NAMES.get(value) if isinstance(value, str) else None
    return colours[name] if name else value


_NAMES = {colour: name for name, colour in LIGHT.items()}
