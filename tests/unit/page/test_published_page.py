"""The page of published models without a browser: its numbers, its names and its bytes."""

import json
import re
from copy import deepcopy

import pytest

from interpreting_clip.errors import InputError
from page.published_findings import finetuning_sentences, kind_sentences, scaling_sentences
from page.published_page import published_page, published_view
from page.published_results import LINE_COLUMNS, read_draws, read_lines
from page.published_tables import PUBLISHED_COLUMNS, published_rows
from tests.unit.page.made_published import (
    card,
    made,
    made_draws,
    made_findings,
    made_lines,
    made_standard,
)
from tests.unit.page.test_report_page import Nesting

HOSTILE = "</script><img src=x onerror=alert(1)>\u2028&'\""
RECIPE = {"learning_rate": "1e-5", "epochs": "8", "augmentation": "rand-m9-n2"}
CARDS = (
    card("low/openai", "zero_shot", 60.0, 9.0, aliases=["low-quickgelu/openai"]),
    card("high/openai", "zero_shot", 20.0, 30.0),
    card("ViT-B-32/openai", "zero_shot", 63.0, 7.0),
    card("b.clip_ft_in1k", "finetuned", 80.0, 5.0),
    card("b.in1k", "supervised", 80.0, 1.0, counterpart_of="ViT-B/32"),
    card("other.in1k", "supervised", 70.0, 0.5),
    card("B/model_1", "finetuned", 75.0, 3.0, source="zoo", recipe=RECIPE),
    card("B/greedy_soup", "soup", 81.0, 6.0),
    card(
        *("C/m", "zero_shot", 66.0, 8.0),
        data="LAION-2B",
        recipe={"samples_seen": "3B", "gmacs_total": "2e10"},
    ),
)


def view(*cards, **more):
    return published_view(
        made(*(cards or CARDS), **more),
        *(made_findings(), made_lines(), made_draws(), made_standard()),
    )


def page(*cards, **more):
    return published_page(
        made(*(cards or CARDS), **more),
        *(made_findings(), made_lines(), made_draws(), made_standard()),
    )


def numbers(found) -> dict:
    return json.loads(found.numbers)


def test_the_page_is_whole_links_to_its_parts_and_is_the_same_twice():
    text = page()
    nesting = Nesting(text)
    assert (nesting.open, nesting.wrong) == ([], [])
    assert not re.search(r"<script[^>]*src|@import|<link|<iframe|<img", text) and text == page()
    identifiers = re.findall(r'\bid="([^"]+)"', text)
    assert len(identifiers) == len(set(identifiers))
    links = set(re.findall(r'href="([^"#]*)(?:#([^"]+))?"', text))
    assert {inner for outer, inner in links if not outer} <= set(identifiers)
    assert {outer for outer, _ in links if outer} == {
        *("report.html", "published_models.csv", "published_models.json", "published.csv"),
        *("published_models.schema.json", "published_lines.csv", "https://example.org/zoo"),
        "../README.md",
    }


def test_models_beyond_the_line_are_not_ranked():
    found = view()
    assert found.ranks == {"low/openai": 1, "C/m": 2, "ViT-B-32/openai": 3}
    assert [m.name for m in found.leaders] == ["low/openai"]


def test_the_script_has_the_lines_at_full_precision():
    lines = numbers(view())["lines"]
    for line in made_lines():
        found = lines[line.choice][""][line.shift]
        assert (found["slope"], found["intercept"]) == (line.slope, line.intercept)
        assert found["ranges"] == [[35.0, 98.0]]


def test_hostile_names_stay_text():
    cards = (card(HOSTILE, "zero_shot", 60.0, 9.0, note=HOSTILE, aliases=[HOSTILE, "x"]),)
    text = page(*cards)
    assert "<img" not in text and numbers(view(*cards))["models"][0][0] == HOSTILE


def test_a_claim_that_depends_on_the_line_carries_a_mark():
    cards = deepcopy(CARDS)
    assert "Depends on the line" not in page(*cards)
    for one in cards:
        if means := one["robustness"]["linear"]["means"]["all"]:
            means[:] = [-3.0, -4.0, -2.0]
    assert "Depends on the line.</strong> It is not seen under “linear”" in page(*cards)


def test_rows_fit_the_columns_and_a_model_has_its_height_above_the_line():
    rows = published_rows(made_standard(), made(*CARDS), made_lines())
    assert all(row.keys() <= set(PUBLISHED_COLUMNS) for row in rows)
    models = [row for row in rows if row["kind"] == "encoder"]
    for row in models:
        height = row["accuracy"] - row["baseline"]
        assert height == pytest.approx(row["effective_robustness"], abs=1e-9)
    names = {row["label"] for row in models}
    assert "b.in1k" in names and "other.in1k" not in names
    marks = {row["label"]: row["extrapolated"] for row in models}
    assert (marks["high/openai"], marks["low/openai"]) == ("‡", "")
    shifts = [row["shift"] for row in models if row["label"] == "b.in1k"]
    assert len(shifts) == 4 and "ObjectNet" not in shifts


def test_sentences_follow_the_numbers():
    findings = made_findings()
    first, second = finetuning_sentences(findings)
    assert "26.6 points before" in first and "3.1 to 16.1 (median 11.8)" in first
    assert "costs 4.0 [3.0, 5.0] points" in second and "R² 0.50" in second
    first, second = scaling_sentences(findings)
    assert "seen adds 3.0 [2.0, 4.0]" in first and "cannot" not in first
    assert "per sample has no effect that shows (0.5 [−0.5, 1.5] points)" in first
    assert "LAION −3.0 [−4.0, −2.0] points" in second
    assert kind_sentences(made(CARDS[0])) == []
    assert "4 zero-shot models is 8.5" in kind_sentences(made(*CARDS))[0]


def test_lines_and_draws_are_read_or_refused(tmp_path):
    row = dict.fromkeys(LINE_COLUMNS, "1") | {"left_out": "", "second_slope": ""}
    (line,) = read_lines([row])
    assert (line.second_slope, line.slope, line.left_out) == (None, 1, "")
    with pytest.raises(InputError, match=r"published_lines\.csv: row 1: .*slope"):
        read_lines([row | {"slope": "steep"}])
    (tmp_path / "draws.json").write_text('{"default": {"imagenet_r": 3}}')
    with pytest.raises(InputError, match=r"draws\.json: .*object"):
        read_draws(tmp_path / "draws.json")
