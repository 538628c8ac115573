import os
import re

from page.vega import (
    csv_text,
    draw_svg,
    script_json,
    vega_script,
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


def test_coordinates_are_short_and_text_is_as_it_was():
    label = {"data": {"values": [{"x": 1.23456789, "said": "0.123456 px"}]}}
    mark = {"mark": "text", "encoding": {"x": {"field": "x", "type": "quantitative"}}}
    mark["encoding"]["text"] = {"field": "said"}
    svg = draw_svg(label | mark, "chart", "0.123456 in words")
    assert ">0.123456 px<" in svg and "0.123456 in words" in svg
    assert not re.search(r"(?:translate\(|d=\"[^\"]*)\d+\.\d{3}", svg)


def test_rows_are_short_csv_with_quotes_where_needed():
    rows = [{"label": 'a, "b"\nc', "value": 12.3456789, "none": None, "count": 1234567}]
    assert csv_text(rows) == 'label,value,none,count\n"a, ""b""\nc",12.346,,1234567\n'


def test_json_in_a_script_has_no_character_that_ends_it():
    assert script_json({"a": "</script>&\u2028\u2029"}) == (
        '{"a":"\\u003c/script\\u003e\\u0026\\u2028\\u2029"}'
    )


def test_the_script_of_vega_is_the_same_twice_and_sets_the_function():
    script = vega_script()
    assert script == vega_script() and "vegaEmbed" in script and len(script) > 500_000


def test_a_drawing_leaves_the_environment_as_it_was(monkeypatch):
    monkeypatch.delenv("FONTCONFIG_FILE", raising=False)
    draw_svg(POINTS, "chart", "a")
    assert "FONTCONFIG_FILE" not in os.environ
    monkeypatch.setenv("FONTCONFIG_FILE", "/etc/fonts/fonts.conf")
    draw_svg(POINTS, "chart", "a")
    assert os.environ["FONTCONFIG_FILE"] == "/etc/fonts/fonts.conf"
