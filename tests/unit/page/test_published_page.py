"""The page of published models without a browser: its numbers, its names and its bytes."""

import json
import re

import msgspec
import pytest
import vl_convert

from interpreting_clip.errors import InputError
from page.names import TESTBED_SHIFTS
from page.published_page import published_page, published_view
from page.results import PublishedResults
from page.vega import VEGA_LITE
from tests.unit.page.conftest import LINES, published_model, published_tables

HOSTILE = "</script><img src=x onerror=alert(1)>\u2028&'\""


@pytest.fixture
def tables():
    return published_tables(
        published_model("low/openai", "zero_shot", 60.0, 9.0),
        published_model("high/openai", "zero_shot", 20.0, 30.0),
        published_model("b.clip_ft_in1k", "finetuned", 80.0, 5.0),
        published_model("b.in1k", "supervised", 80.0, 1.0, "ViT-B/32"),
        published_model("other.in1k", "supervised", 70.0, 0.5),
    )


def numbers(view) -> dict:
    return json.loads(view.numbers)


def test_the_table_has_counterparts_alone_and_the_script_every_model(published, tables):
    view = published_view(published, tables)
    listed = ["low/openai", "high/openai", "b.clip_ft_in1k", "b.in1k"]
    assert [m.name for m in view.models] == listed
    assert [m[0] for m in numbers(view)["models"]] == [*listed, "other.in1k"]
    assert (view.clips, view.supervised) == (2, 2)


def test_the_most_robust_that_are_known_and_the_highest_of_all_are_told_apart(study, tables):
    study["published"]["leaders"] = ["low/openai"]
    published = msgspec.convert(study["published"], PublishedResults)
    view = published_view(published, tables)
    assert view.ranks == {"low/openai": 1}
    assert view.first and view.first.name == "high/openai" and view.first.extrapolated
    assert [m.name for m in view.leaders] == ["low/openai"]


def test_the_script_has_the_testbeds_lines_at_full_precision(published, tables):
    lines = numbers(published_view(published, tables))["lines"]
    assert lines.keys() == LINES.keys()
    for shift, line in LINES.items():
        known = {key: getattr(line, key) for key in ("slope", "intercept", "low", "high")}
        assert lines[shift] == pytest.approx(known, abs=1e-12)


def test_other_names_of_the_same_weights_can_be_found(study, tables):
    study["published"]["joined"] = {"low/openai": ["low-quickgelu/openai"]}
    published = msgspec.convert(study["published"], PublishedResults)
    models = {m[0]: m for m in numbers(published_view(published, tables))["models"]}
    assert models["low/openai"][-1] == "low-quickgelu/openai"


def test_hostile_names_stay_text_in_scripts(published):
    tables = published_tables(published_model(HOSTILE, "zero_shot", 60.0, 9.0))
    view = published_view(published, tables)
    for text in (view.numbers, view.drawing.spec):
        assert not re.search("[<>&\u2028]", text)
    assert numbers(view)["models"][0][0] == HOSTILE and "<img" not in view.drawing.panels[0].svg


def test_a_slope_that_is_no_number_is_refused(published, tables):
    tables["published_lines"][0]["slope"] = "steep"
    with pytest.raises(InputError, match=r"published_lines\.csv: expected numbers"):
        published_view(published, tables)


def test_the_specification_waits_for_the_rows_that_the_script_makes(published, tables):
    spec, panels = json.loads(published_view(published, tables).drawing.spec).values()
    assert [one["title"] for one in panels] == list(TESTBED_SHIFTS.values())
    assert all(one["values"] == "" for one in panels)
    assert {one["name"] for one in spec["params"]} == {"chosen", "hidden"}
    assert vl_convert.vegalite_to_vega(spec, vl_version=VEGA_LITE)["signals"]


def test_published_counterparts_stand_side_by_side_on_both_lines(study, tables):
    models = study["published"]["counterparts"]["ViT-B/32"]
    models["augreg_in1k"]["note"] = "another patch size"
    models["augreg_in1k"]["testbed"] = models["sam_in1k"]["testbed"] | {
        "extrapolated": ["objectnet"]
    }
    text = published_page(msgspec.convert(study["published"], PublishedResults), tables)
    rows = text.partition("<caption>Effective robustness of published models by backbone")[2]
    rows = rows.partition("</table>")[0].split("<tr>")[2:]
    found = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows]
    assert [row[:2] for row in found] == [
        ["zero-shot", "OpenAI"],
        ["finetuned", "OpenAI"],
        ["supervised", "ImageNet"],
        ["supervised", "ImageNet"],
    ]
    assert found[2][2:] == [
        *("augreg_in1k", "224", "80.0", "50.0"),
        *("1.0 [0.5, 1.5]‡", "2.0 [1.5, 2.5]", "another patch size"),
    ]


def test_names_of_one_set_of_weights_are_said(published, tables):
    joined = msgspec.structs.replace(published, joined={"RN50/a": ["RN50-x/a"]})
    assert "RN50/a = RN50-x/a." in published_page(joined, tables)
