"""Fills the Vega-Lite templates of `.dvc/plots/` as DVC does, and draws them as SVG."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from stages.storage.errors import InputError

VEGA_LITE = "5.20"
"""The Vega-Lite version that draws; the templates declare version 5, as DVC's own do."""

_ANCHOR = re.compile(r"<DVC_METRIC_[A-Z_]+>")


def read_template(folder: Path, name: str) -> dict[str, Any]:
    """Read the template `name` from a folder of templates.

    Raises
    ------
    InputError
        The template is missing or is no JSON object.
    """
    file = folder / f"{name}.json"
    try:
        template = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{file}: no such plot template; `git restore {file}`") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{file}: not legal JSON ({error}); `git restore {file}`") from None
    if not isinstance(template, dict):
        raise InputError(f"{file}: expected a Vega-Lite object, got {type(template).__name__}")
    return template


def fill(template: Mapping[str, Any], anchors: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template with each anchor `<DVC_METRIC_NAME>` replaced by `anchors["name"]`.

    An anchor that is a whole string becomes the value, of any type; an anchor inside a longer
    string needs a string. So does DVC; but where DVC leaves an unknown anchor, this refuses.

    Raises
    ------
    InputError
        The template holds an anchor that `anchors` lacks.
    """
    by_anchor = {f"<DVC_METRIC_{name.upper()}>": value for name, value in anchors.items()}
    return {key: _filled(value, by_anchor) for key, value in template.items()}


def _filled(value: Any, anchors: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {k: _filled(v, anchors) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, anchors) for v in value]
    if not isinstance(value, str):
        return value
    if unknown := [a for a in _ANCHOR.findall(value) if a not in anchors]:
        raise InputError(f"plot template: no value for {unknown[0]}; known: {', '.join(anchors)}")
    if value in anchors:
        return anchors[value]
    return _ANCHOR.sub(lambda match: str(anchors[match.group()]), value)


def sized(spec: Mapping[str, Any], width: int, height: int) -> dict[str, Any]:
    """Return a faceted specification with panels of another size in pixels."""
    return {**spec, "spec": {**spec["spec"], "width": width, "height": height}}


def draw(spec: Mapping[str, Any], name: str, alternative: str) -> str:
    """Draw a filled specification as one `<svg>` element that needs nothing from outside.

    Parameters
    ----------
    spec
        Vega-Lite with its data inside.
    name
        Prefix of the identifiers in the SVG, so that several can stand in one page.
    alternative
        What the picture shows, for those who do not see it.
    """
    import vl_convert

    quiet = {**spec.get("config", {}), "aria": False}
    svg = vl_convert.vegalite_to_svg(
        {**spec, "config": quiet, "background": "white"}, vl_version=VEGA_LITE, allowed_base_urls=[]
    )
    return _described(_own_identifiers(svg, name), alternative)


def _own_identifiers(svg: str, name: str) -> str:
    """Number the identifiers anew: Vega counts them per process and repeats them per picture."""
    old = list(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)))
    new = {one: f"{name}-{index}" for index, one in enumerate(old)}
    svg = re.sub(r'\bid="([^"]+)"', lambda m: f'id="{new[m[1]]}"', svg)
    return re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{new.get(m[1], m[1])})", svg)


def _described(svg: str, alternative: str) -> str:
    return svg.replace("<svg ", f'<svg role="img" aria-label={quoteattr(alternative)} ', 1)
