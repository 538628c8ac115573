"""The page of published models without a browser: its numbers, its names and its bytes."""

import json
import re
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.published.line_choices import MEANS
from interpreting_clip.published.schema import PublishedModels, over
from interpreting_clip.statistics.published_accuracies import TESTBED, standard_models
from page.published_page import ROWS, backbone_names, published_page
from page.published_results import model_table, read_lines
from page.published_tables import finetuning_table, published_table
from tests.reads import ROOT
from tests.unit.page.conftest import PLOTS, Tags, undrawn

HOSTILE = "</script><img src=x onerror=alert(1)>\u2028&'\""
LINES = read_lines(PLOTS / "published_lines.csv")
STANDARD = pd.DataFrame(standard_models(ROOT / TESTBED))


@pytest.fixture(scope="module")
def published() -> PublishedModels:
    """Return the published models, the first with a hostile name and beyond one shift's line."""
    found = read_result(PLOTS / "published_models.json", PublishedModels)
    hostile = replace(found.models[0], name=HOSTILE, note=HOSTILE, aliases=[HOSTILE, "x"])
    hostile.robustness["default"].extrapolated.append("objectnet")
    return replace(found, models=[hostile, *found.models[1:]])


def page_of(published: PublishedModels) -> str:
    findings = read_json(PLOTS / "published.json")
    with undrawn():
        return published_page(published, findings, LINES, {}, STANDARD)


@pytest.fixture(scope="module")
def page(published) -> str:
    return page_of(published)


@pytest.fixture(scope="module")
def numbers(page) -> dict[str, Any]:
    (text,) = re.findall(r'id="published-numbers">(.*?)</script>', page)
    return json.loads(text)


def test_the_page_is_well_formed_links_to_its_parts_and_is_the_same_twice(published, page):
    found = Tags(page)
    assert (found.wrong, found.loads) == ([], []) and page == page_of(published)
    assert len(found.identifiers) == len(set(found.identifiers))
    within = {link[1:] for link in found.links if link.startswith("#")}
    assert within <= set(found.identifiers)
    for link in set(found.links) - {f"#{one}" for one in within}:
        assert link.startswith("https://github.com/") or (PLOTS / link.partition("#")[0]).exists()


def test_hostile_names_stay_text(page, numbers):
    assert "<img" not in page and HOSTILE in {model[0] for model in numbers["models"]}


def test_the_first_screen_has_the_numbers_of_the_result(published, page):
    """By hand, from the cards of the models and the choices of the line."""
    zero_shot = [m for m in published.models if m.training == "zero_shot"]
    ranked = [
        m
        for m in zero_shot
        if m.robustness["default"].means["all"] and not m.robustness["default"].extrapolated
    ]
    means = {m.name: m.robustness["default"].means["all"] for m in ranked}
    best = max(means, key=lambda name: means[name][0])
    leaders = published.choices["default"].leaders
    curved = published.choices["curved"].leaders[0]
    (text,) = re.findall(r'<p id="lead">(.*?)</p>', unescape(page), re.DOTALL)
    words = " ".join(re.sub("<[^>]+>", "", text).split())
    value, low, high = (format_number(number) for number in means[best])
    for said in (
        f"{best} leads the {len(ranked)} ranked zero-shot models",
        f"it is {value} points more accurate",
        f"(95 % interval {low} to {high})",
        f"separate it from {len(leaders) - 1} others",
        f"for {len(ranked) - 1} comparisons",
        f"On curved lines, {curved} leads.",
    ):
        assert said in words
    assert leaders[0] == best != curved


def test_the_page_ranks_within_the_lines_and_has_them_at_full_precision(published, page, numbers):
    models = model_table(published)
    zero_shot = models[(models["training"] == "zero_shot") & ~models["extrapolated"]]
    ranked = zero_shot.dropna(subset="mean_all").sort_values("mean_all", ascending=False)
    rows = re.findall(r'<th scope="row">(.+?) <a.*?</th><td>(\d+|–)</td>', unescape(page))
    found = [row for row in rows if row[1] != "–"]
    assert found == [(name, str(i + 1)) for i, name in enumerate(ranked["name"][: len(found)])]
    assert len(rows) == ROWS and len(found) > 40
    # What a line is extrapolated to follows the ranked models, however robust.
    order = [model[0] for model in numbers["models"]]
    assert order.index(HOSTILE) > order.index(ranked["name"].iloc[-1])
    for line in LINES.to_dict("records"):
        drawn = numbers["lines"][line["choice"]][line["shift"]]
        assert (drawn["slope"], drawn["intercept"]) == (line["slope"], line["intercept"])


def test_a_model_has_its_height_above_the_line_and_its_mark(published):
    rows = published_table(STANDARD, model_table(published), LINES)
    models = rows[rows["kind"] == "encoder"]
    height = models["accuracy"] - models["baseline"]
    assert height.to_numpy() == pytest.approx(models["effective_robustness"], abs=6e-4)
    marks = models.set_index(["label", "shift"])["extrapolated"].to_dict()
    expected = {
        (model.name, label): "‡" if shift in model.robustness["default"].extrapolated else ""
        for model in published.models
        for shift, label in published.shifts.items()
        if (model.name, label) in marks
    }
    assert marks == expected and set(marks.values()) == {"‡", ""}
    known = {m.name for m in published.models if m.training != "supervised" or m.counterpart_of}
    assert set(models["label"]) == known


@pytest.mark.parametrize(
    ("architecture", "names"),
    [
        ("xlm-roberta-large-ViT-H-14", ["ViT-H/14", "vit_huge_patch14"]),
        ("RN50x4", ["ResNet-50x4"]),
        ("EVA02-B-16", []),
    ],
)
def test_a_backbone_can_be_searched_by_its_names_in_papers_and_in_timm(architecture, names):
    assert backbone_names(architecture) == names


def test_a_limit_is_constant_on_straight_lines_and_rises_with_accuracy_on_curved_ones(published):
    models = {key: model_table(published, key) for key in ("default", "curved")}
    for mean, shifts in MEANS.items():
        assert np.ptp(models["default"][f"limit_{mean}"]) == 0
        curved = models["curved"].dropna(subset=[f"limit_{mean}"]).sort_values("imagenet")
        within = published.choices["curved"].limits[over(shifts)]
        assert curved["imagenet"].between(100 * within.low, 100 * within.high).all()
        assert curved[f"limit_{mean}"].is_monotonic_increasing
        at = (curved["imagenet"] / 100).map(within.at)
        assert curved[f"limit_{mean}"].to_numpy() == pytest.approx(at.to_numpy())


def test_the_chart_of_finetuning_has_the_models_that_were_regressed(published):
    rows = finetuning_table(model_table(published))
    finetuning = read_json(PLOTS / "published.json")["finetuning"]
    assert rows["kind"].value_counts().to_dict() == {"model": finetuning["models"], "start": 1}
    tuned = rows.loc[rows["kind"] == "model", "mean_all"]
    assert (tuned.min(), tuned.max()) == (finetuning["lowest"], finetuning["highest"])
