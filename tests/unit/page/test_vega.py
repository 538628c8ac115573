import os
import re

from page.vega import csv_text, draw_svg, script_json


def test_a_drawing_says_what_it_shows_and_leaves_the_environment_as_it_was(monkeypatch):
    points = {
        "data": {"values": [{"x": 1, "y": 2}]},
        "mark": {"type": "point", "clip": True},
        "encoding": {"x": {"field": "x", "type": "quantitative"}},
    }
    for before in (None, "/etc/fonts/fonts.conf"):
        monkeypatch.delenv("FONTCONFIG_FILE", raising=False)
        if before:
            monkeypatch.setenv("FONTCONFIG_FILE", before)
        svg = draw_svg(points, "chart", 'less < "more"')
        assert os.environ.get("FONTCONFIG_FILE") == before
    assert svg.startswith('<svg role="img" aria-label=\'less &lt; "more"\' ')
    used = re.findall(r"url\(#([^)]+)\)", svg)
    assert used and set(used) <= set(re.findall(r'id="(chart-\d+)"', svg))


def test_rows_are_short_csv_with_quotes_and_json_cannot_end_its_script():
    rows = [{"label": 'a, "b"\nc', "value": 12.3456789, "none": None, "count": 1234567}]
    assert csv_text(rows) == 'label,value,none,count\n"a, ""b""\nc",12.346,,1234567\n'
    escaped = '{"a":"\\u003c/script\\u003e\\u0026\\u2028\\u2029"}'
    assert script_json({"a": "</script>&\u2028\u2029"}) == escaped
