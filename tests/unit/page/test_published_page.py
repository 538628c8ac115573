"""The page of published models without a browser: its numbers, its names and its bytes."""

import json
import re
from typing import Any

import pandas as pd
import pytest

from page.published_findings import finetuning_sentences, kind_sentences, scaling_sentences
from page.published_page import published_page
from page.published_results import model_table
from page.published_tables import kind_table, published_table
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
STANDARD = pd.DataFrame([model(name, x) for name, x in (("a", 40.0), ("b", 60.0), ("c", 80.0))])


def page_of(cards) -> str:
    return published_page(made(*cards), made_findings(), made_lines(), {}, STANDARD)


def numbers(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'id="published-numbers">(.*?)</script>', page)
    return json.loads(text)


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


@pytest.mark.usefixtures("undrawn")
def test_the_page_ranks_within_the_lines_and_has_them_at_full_precision():
    page = page_of(CARDS)
    rows = re.findall(r'<th scope="row">(\S+) <a.*?</th><td>(.*?)</td>', page)
    ranks = {name: rank for name, rank in rows if rank != "–"}
    assert ranks == {"low/openai": "1", "C/m": "2", "ViT-B-32/openai": "3"}
    # What lacks a shift follows, and what a line is extrapolated to comes last of its group.
    assert [name for name, _ in rows[3:6]] == ["B/greedy_soup", "high/openai", "b.clip_ft_in1k"]
    assert "<strong>low/openai</strong> leads the 3 ranked" in page
    lines = numbers(page)["lines"]
    for line in made_lines().to_dict("records"):
        drawn = lines[line["choice"]][""][line["shift"]]
        assert (drawn["slope"], drawn["intercept"]) == (line["slope"], line["intercept"])
        assert (drawn["second"], drawn["ranges"]) == (None, [[35.0, 98.0]])


@pytest.mark.usefixtures("undrawn")
def test_hostile_names_stay_text_and_a_claim_that_depends_on_the_line_is_marked():
    one = card(HOSTILE, "zero_shot", 60.0, 99.0, note=HOSTILE, aliases=[HOSTILE, "x"])
    one["robustness"]["linear"]["means"]["all"] = [-3.0, -4.0, -2.0]
    text = page_of([*CARDS, one])
    assert "<img" not in text and "Depends on the line" in text
    assert numbers(text)["models"][0][0] == HOSTILE


def test_rows_fit_the_columns_and_a_model_has_its_height_above_the_line():
    rows = published_table(STANDARD, model_table(made(*CARDS)), made_lines())
    models = rows[rows["kind"] == "encoder"]
    height = models["accuracy"] - models["baseline"]
    assert height.to_numpy() == pytest.approx(models["effective_robustness"], abs=1e-9)
    assert set(models["label"]) == {card["name"] for card in CARDS} - {"other.in1k"}
    assert set(models.loc[models["extrapolated"] == "‡", "label"]) == {"high/openai"}
    shifts = models.loc[models["label"] == "b.in1k", "shift"]
    assert len(shifts) == 4 and "ObjectNet" not in set(shifts)


def test_sentences_follow_the_numbers():
    findings = made_findings()
    _, finetuning = finetuning_sentences(findings)
    scaling, data = scaling_sentences(findings)
    assert "costs 4.0 [3.0, 5.0] points" in finetuning and "adds 3.0 [2.0, 4.0]" in scaling
    assert "no effect that shows (0.5 [−0.5, 1.5] points)" in scaling
    assert "LAION −3.0 [−4.0, −2.0] points" in data
    kinds = kind_table(model_table(made(*CARDS)))
    assert "4 zero-shot models is 8.5" in kind_sentences(kinds)[0]
