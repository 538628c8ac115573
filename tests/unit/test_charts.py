"""Charts are well-formed, stay inside their frame, and escape what they are given."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from interpreting_clip import charts
from interpreting_clip.measures.intervals import Estimate

RNG = np.random.default_rng(0)
HOSTILE = '</svg><script>alert("1")</script>&'


def drawn(text: str) -> ElementTree.Element:
    """Return a chart's root; every number in it is inside of its frame."""
    root = ElementTree.fromstring(text)  # noqa: S314 — our own
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for element in root.iter():
        for name, most in (("x", width), ("cx", width), ("y", height), ("cy", height)):
            assert 0 <= float(element.get(name, 0)) <= most
        for x, y in re.findall(r"([-\d.]+),([-\d.]+)", element.get("points", "")):
            assert 0 <= float(x) <= width and 0 <= float(y) <= height
    return root


def parts(root: ElementTree.Element, style: str) -> list[ElementTree.Element]:
    return [one for one in root.iter() if one.get("class") == style]


def ends(line: ElementTree.Element) -> list[list[float]]:
    return [[float(x) for x in point.split(",")] for point in line.attrib["points"].split()]


def test_a_histogram_counts_every_value():
    values = RNG.normal(3, 1, 500)
    root = drawn(charts.histogram(values, {"mean": 3.1, HOSTILE: 2.9}, "x", HOSTILE))
    heights = np.array([float(bar.get("height", 0)) for bar in parts(root, "bar")])
    counts, _ = np.histogram(values, charts.BINS, charts.widened(values.min(), values.max()))
    expected = counts[counts > 0] / counts.max()
    np.testing.assert_allclose(heights / heights.max(), expected, atol=0.01)
    assert HOSTILE in root.attrib["aria-label"]
    assert sum(one.text == HOSTILE for one in root.iter("text")) == 2


def test_curves_go_from_end_to_end_and_up_with_their_values():
    x = np.arange(1.0, 11)
    root = drawn(charts.curves(x, {"own": x, "chance": x / 2}, "rank", "value"))
    line, null = (ends(parts(root, style)[0]) for style in charts.STYLES)
    assert line[0][0] == charts.LEFT and line[-1][0] == charts.WIDTH - charts.RIGHT
    assert [y for _, y in line] == sorted((y for _, y in line), reverse=True)
    assert all(y > above for (_, y), (_, above) in zip(null, line, strict=True))


def test_intervals_have_a_dot_inside_of_each_line():
    rows = {"a": Estimate(1.0, -2.0, 3.0), HOSTILE: Estimate(-4.0, -5.0, -4.0)}
    root = drawn(charts.intervals(rows, 0.0, "points"))
    own = parts(root, "own")
    for line, dot in zip(own[::2], own[1::2], strict=True):
        (low, _), (high, _) = ends(line)
        assert low - 0.1 <= float(dot.attrib["cx"]) <= high + 0.1
    assert len(own) == 4 and len(parts(root, "null")) == 1


@pytest.mark.parametrize("value", [0.0, -3.0, 1e-9, 1e9])
def test_equal_values_have_an_axis_too(value):
    drawn(charts.histogram(np.full(5, value), {"mean": value}, "x", "y"))
    drawn(charts.curves(np.ones(1), {"a": np.full(1, abs(value))}, "x", "y"))
    drawn(charts.intervals({"a": Estimate(value)}, value, "x"))
