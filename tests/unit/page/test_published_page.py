"""The page of published models without a browser: its numbers, its names and its bytes."""

import json
import re
from html import unescape
from typing import Any

import pandas as pd
import pytest
from msgspec.structs import replace

from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.published.schema import PublishedModels
from interpreting_clip.statistics.published_accuracies import TESTBED, standard_models
from page.published_page import backbone_names, published_page
from page.published_results import model_table, read_lines
from page.published_tables import counterpart_cases, counterparts, limit_rows, published_table
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


def test_hostile_names_stay_text_and_a_claim_that_depends_on_the_line_is_marked(page, numbers):
    assert "<img" not in page and HOSTILE in {model[0] for model in numbers["models"]}
    assert "Depends on the line" in page


def test_the_page_ranks_within_the_lines_and_has_them_at_full_precision(published, page, numbers):
    models = model_table(published)
    zero_shot = models[(models["training"] == "zero_shot") & ~models["extrapolated"]]
    ranked = zero_shot.dropna(subset="mean_all").sort_values("mean_all", ascending=False)
    rows = re.findall(r'<th scope="row">(.+?) <a.*?</th><td>(\d+|–)</td>', unescape(page))
    found = [row for row in rows if row[1] != "–"]
    assert [int(rank) for _, rank in found] == list(range(1, len(ranked) + 1))
    best = list(ranked["name"][:9])
    assert [name for name, _ in found[:9]] == best
    # what a line is extrapolated to follows the ranked models, however robust
    assert rows.index((HOSTILE, "–")) > rows.index(found[-1])
    assert f"<strong>{best[0]}</strong> leads the {len(ranked)} ranked" in page
    for choice in published.choices.values():
        limit = choice.spread["without_objectnet"].limit
        assert (f"<small>±{format_number(limit)}</small>" in page) == (not choice.limits)
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
        (model.name, one.label): "‡" if shift in model.robustness["default"].extrapolated else ""
        for model in published.models
        for shift, one in published.shifts.items()
        if (model.name, one.label) in marks
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
    spread = published.choices["default"].spread
    for mean in ("all", "without_objectnet"):
        assert set(models["default"][f"limit_{mean}"]) == {spread[mean].limit}
        curved = models["curved"].dropna(subset=[f"limit_{mean}"]).sort_values("imagenet")
        within = published.choices["curved"].limits[mean]
        assert curved["imagenet"].between(100 * within.low, 100 * within.high).all()
        assert curved[f"limit_{mean}"].is_monotonic_increasing
    assert models["curved"]["limit_natural"].isna().all()


def test_the_limits_table_and_bands_hold_the_limit_at_each_accuracy(published, page):
    limit = published.choices["curved"].limits["without_objectnet"]
    for row in limit_rows(published):
        ends = (row["others"].low / 100, row["others"].high / 100)
        assert row["ends"] == [limit.at(end) for end in ends]
        cells = f"{format_number(row['ends'][0])} to {format_number(row['ends'][1])}"
        assert f"<td>{cells}</td><td>{row['others'].models}</td>" in page
    models = counterparts(model_table(published, "curved"))
    for case in counterpart_cases(models):
        (imagenet,) = models.loc[models["name"] == case.name, "imagenet"].unique()
        known = limit.at(imagenet / 100)
        assert case.null == (known and pytest.approx((-known, known)))
