"""The page of published models: it needs no network, and its table can be read without a script.

Its text is in `templates/published/page.html.jinja`, its script in `published.js` and the files
that it includes, and the parts that the study's page shares in `templates/shared`.
"""

import re
from typing import Any

import msgspec
import pandas as pd

from interpreting_clip.charts.panels import by_training
from interpreting_clip.formats.csv_tables import records
from interpreting_clip.published.line_choices import CURVED, DEFAULT
from interpreting_clip.published.schema import PublishedModels, SourceCard
from page.drawings import panel_drawing, script_json
from page.names import DATASETS, TESTBED_SHIFTS, line_spans
from page.published_charts import FINETUNING, PUBLISHED_ON_PAGE, SCALING, SOUPS
from page.published_claims import published_claims
from page.published_results import (
    PUBLISHED_TRAININGS,
    SHIFT_ORDER,
    TEST_SETS,
    Draws,
    by_robustness,
    interval,
    limit_at,
    model_table,
)
from page.published_tables import (
    PUBLISHED_FRAME,
    counterpart_cases,
    counterparts,
    default_lines,
    finetuning_table,
    limit_rows,
    published_table,
    scaling_table,
    soup_table,
)
from page.rendering import template_environment
from page.verdicts import case_drawing, case_table

LIMIT_AT = (60.0, 70.0, 75.0, 80.0, 84.0)
"""The ImageNet accuracies, in percent, at which the page states the limit."""

VIT_SIZES = {
    **{"Ti": "tiny", "S": "small", "M": "medium", "B": "base", "L": "large", "H": "huge"},
    **{"g": "giant", "bigG": "gigantic", "SO400M": "so400m"},
}
"""The sizes of vision transformers as papers name them, and as timm does."""


_OF_CHOICES = ("label", "text", "shifts", "standard", "second", "spread", "limits")
"""The fields of a choice's card that the script needs."""


def published_page(
    published: PublishedModels,
    findings: dict[str, Any],
    lines: pd.DataFrame,
    draws: Draws,
    standard: pd.DataFrame,
) -> str:
    """Return the whole page; the same results give the same bytes.

    All but the testbed's `standard` models are what stage `published` wrote; `findings` is
    `plots/published.json`.
    """
    tables = {choice: model_table(published, choice) for choice in published.choices}
    models, default = tables[DEFAULT], published.choices[DEFAULT]
    ordered = by_robustness(models)
    listed, backbones = ordered[ordered["listed"]], counterparts(tables[CURVED])
    points = published_table(standard, models, lines)
    panels = [TESTBED_SHIFTS[shift] for shift in SHIFT_ORDER]
    line_order = [*published.choices, *SHIFT_ORDER]
    numbers = _numbers(published, ordered, lines, draws, standard)
    view = {
        "published": published,
        "numbers": numbers,
        "numbers_json": script_json(numbers),
        "trainings": {
            k: name for k, name in PUBLISHED_TRAININGS.items() if k in set(models["training"])
        },
        # The script sets the rows of this chart, from `numbers`.
        "drawing": panel_drawing(
            PUBLISHED_ON_PAGE, _in_order(points, panels, "shift"), holds_rows=False
        ),
        "findings": findings,
        "figures": {
            chart.name: {"chart": chart, "drawing": panel_drawing(chart, table)}
            for chart, table in (
                (FINETUNING, finetuning_table(models)),
                (SOUPS, soup_table(models)),
                (SCALING, scaling_table(models)),
            )
        },
        "backbones": case_drawing(
            "counterparts",
            "mean effective robustness without ObjectNet (points)",
            case_table(counterpart_cases(backbones)),
            (by_training("shape"),),
        ),
        "claims": published_claims(published, tables),
        "models": records(listed),
        "limits": limit_rows(published),
        "limit_at": [(x, limit_at(published.choices[CURVED], "all", x)) for x in LIMIT_AT],
        "accurate": (standard["imagenet"] > published.limit_check.others[-1].low).sum(),
        "ranked": listed["rank"].max(),
        "leaders": records(
            ordered[ordered["rank"].notna() & ordered["name"].isin(default.leaders)]
        ),
        "data": sorted(set(listed["data"]) - {""}, key=str.casefold),
        "supervised": (models["training"] == "supervised").sum(),
        "counterparts": records(backbones),
        # The same models, in the same order, on the lines of each choice.
        "under": [records(table.loc[backbones.index]) for table in tables.values()],
        "lines": records(_in_order(lines, line_order, "choice", "shift")),
        "span": line_spans(default_lines(lines)),
        "counts": models["source"].value_counts(),
    }
    environment = template_environment("published", {"interval": interval})
    return environment.get_template("page.html.jinja").render(view)


def _in_order(table: pd.DataFrame, order: list[str], *columns: str) -> pd.DataFrame:
    return table.sort_values([*columns], key=lambda column: column.map(order.index), kind="stable")


def web_address(source: SourceCard) -> str:
    """Return the address of a source, at its commit if it is on GitHub."""
    on_github = source.url.startswith("https://github.com/")
    return f"{source.url}/tree/{source.commit}" if on_github else source.url


def backbone_names(architecture: str) -> list[str]:
    """Return a backbone's names in papers and in timm, which a reader may search for.

    A ViT-B-32 is a ViT-B/32 and a `vit_base_patch32`, an RN50 a ResNet-50.
    """
    if resnet := re.match(r"RN(\d+(x\d+)?)", architecture):
        return [f"ResNet-{resnet[1]}"]
    for paper, timm in VIT_SIZES.items():
        vit = rf"(?<![a-z])vit[-_]({paper}[-_]|{timm}_patch)(\d+)"
        if match := re.search(vit, architecture, re.IGNORECASE):
            return [f"ViT-{paper}/{match[2]}", f"vit_{timm}_patch{match[2]}"]
    return []


def _numbers(
    published: PublishedModels,
    models: pd.DataFrame,
    lines: pd.DataFrame,
    draws: Draws,
    standard: pd.DataFrame,
) -> dict[str, Any]:
    """Return the numbers that the script computes everything else from, each once."""
    sets = list(TEST_SETS)
    cards = msgspec.to_builtins(published)
    fits: dict[str, dict[str, Any]] = {}
    for line in records(lines):
        ranges = [[line[f"lowest_{x}"], line[f"highest_{x}"]] for x in ("imagenet", "second")]
        fits.setdefault(line["choice"], {})[line["shift"]] = {
            "slope": line["slope"],
            "second": line["second_slope"],
            "intercept": line["intercept"],
            "knee": line["knee"],
            "bend": line["bend"],
            "ranges": [ends for ends in ranges if ends[0] is not None],
        }
    return {
        "confidence": published.confidence,
        "accuracies": sets,
        "labels": DATASETS,
        "shifts": {key: cards["shifts"][key] for key in SHIFT_ORDER},
        "trainings": PUBLISHED_TRAININGS,
        "sources": {
            key: {"title": source.title, "url": web_address(source)}
            for key, source in published.sources.items()
        },
        "choices": {
            key: {name: choice[name] for name in _OF_CHOICES}
            for key, choice in cards["choices"].items()
        },
        "lines": fits,
        "draws": draws,
        "frame": PUBLISHED_FRAME["imagenet"],
        "standard": [list(m.values()) for m in records(standard.reindex(columns=["name", *sets]))],
        "models": [
            [
                *(m["name"], m["source"], m["training"], m["data"]),
                [m[name] for name in sets],
                *(int(m["listed"]), m["image_size"], *m["aliases"]),
                *(other.name for other in m["also"]),
                *filter(None, [m["counterpart_of"]]),
                *backbone_names(m["architecture"]),
            ]
            for m in records(models)
        ],
    }
