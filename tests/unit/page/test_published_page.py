"""The page of published models without a browser: its numbers, its names and its bytes."""

import json

import pytest

from interpreting_clip.errors import InputError
from page.published_findings import finetuning_sentences, kind_sentences, scaling_sentences
from page.published_page import published_page, published_view
from page.published_results import LINE_COLUMNS, read_draws, read_lines
from page.published_tables import PUBLISHED_COLUMNS, published_rows
from tests.unit.page.conftest import model
from tests.unit.page.made_published import card, made, made_findings, made_lines
from tests.unit.page.nesting import Nesting

HOSTILE = "</script><img src=x onerror=alert(1)>\u2028&'\""
RECIPE = {"learning_rate": "1e-5", "epochs": "8", "augmentation": "rand-m9-n2"}
COMPUTE = {"samples_seen": "3B", "gmacs_total": "2e10"}
CARDS = (
    card("low/openai", "zero_shot", 60.0, 9.0, aliases=["low-quickgelu/openai"]),
    card("high/openai", "zero_shot", 20.0, 30.0),
    card("ViT-B-32/openai", "zero_shot", 63.0, 7.0),
    card("b.clip_ft_in1k", "finetuned", 80.0, 5.0),
    card("b.in1k", "supervised", 80.0, 1.0, counterpart_of="ViT-B/32"),
    card("other.in1k", "supervised", 70.0, 0.5),
    card("B/model_1", "finetuned", 75.0, 3.0, recipe=RECIPE),
    card("B/greedy_soup", "soup", 81.0, 6.0),
    card("C/m", "zero_shot", 66.0, 8.0, data="LAION-2B", recipe=COMPUTE),
)
STANDARD = [model(name, x) for name, x in (("a", 40.0), ("b", 60.0), ("c", 80.0))]


def page_of(cards, write=published_page):
    return write(made(*cards), made_findings(), made_lines(), {}, STANDARD)


def test_the_page_is_whole_links_to_its_parts_and_is_the_same_twice():
    text = page_of(CARDS)
    page = Nesting(text)
    assert (page.open, page.wrong, page.loads) == ([], [], []) and text == page_of(CARDS)
    assert "Depends on the line" not in text
    assert len(page.identifiers) == len(set(page.identifiers))
    links = [href.partition("#") for href in page.links]
    assert {inner for outer, _, inner in links if not outer} <= set(page.identifiers)
    assert {outer for outer, *_ in links if outer} == {
        *("report.html", "published_models.csv", "published_models.json", "published.csv"),
        *("published_models.schema.json", "published_lines.csv", "https://example.org/zoo"),
        "../README.md",
    }


def test_the_view_ranks_within_the_lines_and_has_them_at_full_precision():
    found = page_of(CARDS, published_view)
    assert found.ranks == {"low/openai": 1, "C/m": 2, "ViT-B-32/openai": 3}
    assert [m.name for m in found.leaders] == ["low/openai"]
    lines = json.loads(found.numbers)["lines"]
    for line in made_lines():
        drawn = lines[line.choice][""][line.shift]
        assert (drawn["slope"], drawn["intercept"]) == (line.slope, line.intercept)
        assert drawn["ranges"] == [[35.0, 98.0]]


def test_hostile_names_stay_text_and_a_claim_that_depends_on_the_line_is_marked():
    one = card(HOSTILE, "zero_shot", 60.0, 9.0, note=HOSTILE, aliases=[HOSTILE, "x"])
    one["robustness"]["linear"]["means"]["all"] = [-3.0, -4.0, -2.0]
    text = page_of([one])
    assert "<img" not in text and "Depends on the line" in text
    assert json.loads(page_of([one], published_view).numbers)["models"][0][0] == HOSTILE


def test_rows_fit_the_columns_and_a_model_has_its_height_above_the_line():
    rows = published_rows(STANDARD, made(*CARDS), made_lines())
    assert all(row.keys() <= set(PUBLISHED_COLUMNS) for row in rows)
    models = [row for row in rows if row["kind"] == "encoder"]
    for row in models:
        height = row["accuracy"] - row["baseline"]
        assert height == pytest.approx(row["effective_robustness"], abs=1e-9)
    marks = {row["label"]: row["extrapolated"] for row in models}
    assert marks == {card["name"]: "" for card in CARDS if card["name"] != "other.in1k"} | {
        "high/openai": "‡"
    }
    shifts = [row["shift"] for row in models if row["label"] == "b.in1k"]
    assert len(shifts) == 4 and "ObjectNet" not in shifts


def test_sentences_follow_the_numbers():
    findings = made_findings()
    _, finetuning = finetuning_sentences(findings)
    scaling, data = scaling_sentences(findings)
    assert "costs 4.0 [3.0, 5.0] points" in finetuning and "adds 3.0 [2.0, 4.0]" in scaling
    assert "no effect that shows (0.5 [−0.5, 1.5] points)" in scaling
    assert "LAION −3.0 [−4.0, −2.0] points" in data
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
