"""Vega for the page: its script, its data, and drawings as short SVG."""

import csv
import io
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from xml.sax.saxutils import quoteattr

VEGA_LITE = "5.20"
"""The Vega-Lite version that draws; specifications declare version 5, as DVC's own do."""

Rows = Sequence[Mapping[str, Any]]

DIGITS = 5
"""Significant digits of the numbers in a chart, which resolve a ten-thousandth of an axis."""


def vega_script() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script that sets `window.vegaEmbed`.

    The same bytes for the same version of vl-convert-python.
    """
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE)


def csv_text(rows: Rows) -> str:
    """Return rows as CSV, which names each column once, with `DIGITS` significant digits.

    DVC reads the same columns from files; either way, a chart sees text and `parse`s numbers.
    Without rows, the text has no columns either.
    """
    if not rows:
        return "\n"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows([_short(value) for value in row.values()] for row in rows)
    return text.getvalue()


def script_json(value: Any) -> str:
    """Return a value as JSON that is safe inside `<script>`, whatever text it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def draw_svg(spec: Mapping[str, Any], name: str, alternative: str) -> str:
    """Draw a filled specification as one `<svg>` element that needs nothing from outside.

    Parameters
    ----------
    spec
        Vega-Lite with its data inside.
    name
        Prefix of the identifiers in the SVG, so that one page can hold several.
    alternative
        The picture's alternative text.
    """
    import vl_convert

    quiet = {**spec.get("config", {}), "aria": False}
    whole = {**spec, "config": quiet}
    with only_bundled_fonts():
        svg = vl_convert.vegalite_to_svg(whole, vl_version=VEGA_LITE, allowed_base_urls=[])
    # Vega numbers identifiers per process and repeats them per chart, but on a page they have to be
    # unique. Look for them in tags only: a label may hold the same words.
    old = dict.fromkeys(re.findall(r'<[^<>]*\bid="([^"]+)"', svg))
    new = {one: f"{name}-{index}" for index, one in enumerate(old)}
    svg = re.sub(r'(<[^<>]*\bid=")([^"]+)', lambda m: f"{m[1]}{new[m[2]]}", svg)
    svg = re.sub(r"(<[^<>]*\burl\(#)([^)]+)", lambda m: f"{m[1]}{new.get(m[2], m[2])}", svg)
    svg = re.sub(r"<[^<>]+>", _shortened, svg)
    svg = _once(svg, name)
    if len(fonts := set(_FONT.findall(svg))) == 1:
        svg = _FONT.sub("", svg).replace("<svg", f"<svg{fonts.pop()}", 1)
    return svg.replace("<svg ", f'<svg role="img" aria-label={quoteattr(alternative)} ', 1)


@contextmanager
def only_bundled_fonts() -> Iterator[None]:
    """Let vl-convert measure text with its own fonts alone, where fonts are found by fontconfig.

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


_FONT = re.compile(r' font-family="[^"]*"')

_IDLE = re.compile(
    r' (?:class|role|aria-[a-z]+|pointer-events)="[^"]*"'
    r'| (?:opacity="1"|stroke-miterlimit="10"|[xy]2="0")'
)
"""Attributes that Vega writes but that change nothing in a picture: they state the default."""

_INVISIBLE = re.compile(
    r'<path(?= )(?=[^<>]* (?:display="none"|opacity="0"|d="(?:M0,0h0v0h0Z)?"))[^<>]*/>'
)

_PLACED = re.compile(r'<path transform="translate\(([^(),]+),([^(),]+)\)"( [^<>]{40,})/>')

_TENTHS = re.compile(r"(?<=[\s\"(,A-Za-z-])\d*\.\d{2,}(?:e-?\d+)?")
"""Numbers in a tag with more decimals than a tenth of a pixel needs."""


def _shortened(tag: re.Match[str]) -> str:
    """Return a tag without what is not drawn, its numbers rounded to a tenth of a pixel."""
    if _INVISIBLE.fullmatch(tag[0]):
        return ""
    return _TENTHS.sub(_tenth, _IDLE.sub("", tag[0]))


def _once(svg: str, name: str) -> str:
    """Define each shape that occurs four times or more once, and `<use>` it."""
    shapes = Counter(shape for _, _, shape in _PLACED.findall(svg))
    often = [shape for shape, places in shapes.items() if places > 3]
    names = {shape: f"{name}-shape-{number}" for number, shape in enumerate(often)}

    def used(match: re.Match[str]) -> str:
        x, y, shape = match.groups()
        known = names.get(shape)
        return f'<use href="#{known}" x="{x}" y="{y}"/>' if known else match[0]

    defined = "".join(f'<path id="{one}"{shape}/>' for shape, one in names.items())
    svg = _PLACED.sub(used, svg)
    return svg.replace("<g", f"<defs>{defined}</defs><g", 1) if defined else svg


def _tenth(number: re.Match[str]) -> str:
    value = float(number[0])
    # Small numbers are opacities and line widths, which need two decimals; positions are larger.
    return f"{round(value, 1 if value >= 2 else 2):g}"


def _short(value: object) -> object:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
