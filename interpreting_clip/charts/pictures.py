"""Specifications of charts as SVG, and Vega for pages that draw them with tooltips."""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from xml.sax.saxutils import quoteattr

import pandas as pd

from interpreting_clip.charts.panels import PanelChart, Spec, whole_chart

VEGA_LITE = "6.4"
"""The Vega-Lite version that draws, which is Altair's."""


def vega_script() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script that sets `window.vegaEmbed`.

    The same bytes for the same version of vl-convert-python.
    """
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE)


def chart_svg(chart: PanelChart, table: pd.DataFrame, size: tuple[int, int] | None = None) -> str:
    """Draw all panels of a chart as one picture for a file; `size` is a panel's, in pixels.

    It has no title: the text around the file has it.
    """
    spec = whole_chart(chart, table, size)
    del spec["title"]
    return draw_svg(compiled(spec), chart.name, f"{chart.title}. {chart.caption}".strip())


def panel_pictures(chart: PanelChart, spec: Spec, values: Mapping[str, str]) -> dict[str, str]:
    """Draw each panel of a chart as SVG, by its title; panels differ in their rows only.

    Parameters
    ----------
    chart : of the panels
    spec, values : a panel without its rows, and the rows of each (`single_panels`)
    """
    vega = compiled(spec)
    data, drawn = {source["name"]: source for source in vega["data"]}, spec["data"]["name"]
    return {
        title: draw_svg(
            {**vega, "data": [*(data | {drawn: {**data[drawn], "values": rows}}).values()]},
            f"{chart.name}-{place}",
            f"{chart.title}. {title}".strip(),
        )
        for place, (title, rows) in enumerate(values.items())
    }


def compiled(spec: Spec) -> Spec:
    """Return a specification in Vega-Lite as one in Vega."""
    import vl_convert

    return vl_convert.vegalite_to_vega(spec, vl_version=VEGA_LITE)


def draw_svg(spec: Spec, name: str, alternative: str) -> str:
    """Draw a filled specification as one `<svg>` element that needs nothing from outside.

    Parameters
    ----------
    spec : Vega with its data inside
    name : prefix of the identifiers in the SVG, so that one page can hold several
    alternative : the picture's alternative text
    """
    import vl_convert

    with only_bundled_fonts():
        svg = vl_convert.vega_to_svg(spec, allowed_base_urls=[])
    # Vega numbers identifiers per process and repeats them per chart, but on a page they have to be
    # unique. Look for them in tags only: a label may hold the same words.
    old = dict.fromkeys(re.findall(r'<[^<>]*\bid="([^"]+)"', svg))
    new = {identifier: f"{name}-{index}" for index, identifier in enumerate(old)}
    svg = re.sub(r'(<[^<>]*\bid=")([^"]+)', lambda m: f"{m[1]}{new[m[2]]}", svg)
    svg = re.sub(r"(<[^<>]*\burl\(#)([^)]+)", lambda m: f"{m[1]}{new.get(m[2], m[2])}", svg)
    # Points that only answer a pointer are not needed in a picture.
    svg = re.sub(r'<path[^<>]* opacity="0"[^<>]*/>', "", svg)
    svg = re.sub(r"<[^<>]+>", _plain, svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label={quoteattr(alternative)} ', 1)


_ROLE = re.compile(r' (?:role|aria-[a-z]+)="[^"]*"')
_LONG = re.compile(r"\d+\.\d{3,}(?:e-?\d+)?")


def _plain(tag: re.Match[str]) -> str:
    """Return a tag without roles, since one text describes the picture, and with two decimals."""
    return _LONG.sub(lambda number: f"{float(number[0]):.2f}", _ROLE.sub("", tag[0]))


@contextmanager
def only_bundled_fonts() -> Iterator[None]:
    """Let vl-convert measure text with only its own fonts, where fontconfig finds the fonts.

    It reads all fonts when a process first draws, and prefers the machine's, so the widths of
    labels, and with them the layout, would depend on what is installed.
    """
    before = os.environ.get("FONTCONFIG_FILE")
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        # a configuration without any folder would make it look into the usual ones
        file.write("<fontconfig><dir>/nonexistent</dir></fontconfig>")
        file.flush()
        os.environ["FONTCONFIG_FILE"] = file.name
        try:
            yield
        finally:
            del os.environ["FONTCONFIG_FILE"]
            if before is not None:
                os.environ["FONTCONFIG_FILE"] = before
