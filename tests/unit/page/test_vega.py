import os
import re

from page.vega import (
    csv_text,
    draw_svg,
    script_json,
)

POINTS = {
    "data": {"values": [{"x": 1, "y": 2}]},
    "mark": {"type": "point", "clip": True},
    "encoding": {"x": {"field": "x", "type": "quantitative"}},
}


def test_a_drawing_says_what_it_shows_and_owns_its_identifiers():
    svg = draw_svg(POINTS, "chart", 'less < "more"')
    assert svg.startswith('<svg role="img" aria-label=\'less &lt; "more"\' ')
    used = re.findall(r"url\(#([^)]+)\)", svg)
    assert used and set(used) <= set(re.findall(r'id="(chart-\d+)"', svg))


def test_rows_are_short_csv_with_quotes_where_needed():
    rows = [{"label": 'a, "b"\nc', "value": 12.3456789, "none": None, "count": 1234567}]
    assert csv_text(rows) == 'label,value,none,count\n"a, ""b""\nc",12.346,,1234567\n'


def test_json_in_a_script_has_no_character_that_ends_it():
    assert script_json({"a": "</script>&\u2028\u2029"}) == (
        '{"a":"\\u003c/script\\u003e\\u0026\\u2028\\u2029"}'
    )


def test_a_drawing_leaves_the_environment_as_it_was(monkeypatch):
    monkeypatch.delenv("FONTCONFIG_FILE", raising=False)
    draw_svg(POINTS, "chart", "a")
    assert "FONTCONFIG_FILE" not in os.environ
    monkeypatch.setenv("FONTCONFIG_FILE", "/etc/fonts/fonts.conf")
    draw_svg(POINTS, "chart", "a")
    assert os.environ["FONTCONFIG_FILE"] == "/etc/fonts/fonts.conf"
