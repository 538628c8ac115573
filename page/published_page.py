"""The page of published models: it needs no network, and its table can be read without a script.

Its text is in `templates/published/page.html.jinja`, its script in `published.js` and the files
that it includes, and the parts that the study's page shares in `templates/shared`.
"""

import re
from typing import Any

import msgspec
import pandas as pd

from interpreting_clip.formats.csv_tables import records
from interpreting_clip.published.line_choices import CURVED, DEFAULT
from interpreting_clip.published.schema import PublishedModels, SourceCard
from page.drawings import panel_drawing, script_json
from page.names import DATASETS, TESTBED_SHIFTS, line_spans
from page.published_charts import FINETUNING, PUBLISHED_ON_PAGE
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
    default_lines,
    finetuning_table,
    published_table,
)
from page.rendering import template_environment

ROWS = 50
"""The rows of the table until a reader asks for all; the script has the same number."""

LIMIT_AT = (60.0, 70.0, 80.0)
"""The ImageNet accuracies, in percent, at which the page states the limit."""

VIT_SIZES = {
    **{"Ti": "tiny", "S": "small", "M": "medium", "B": "base", "L": "large", "H": "huge"},
    **{"g": "giant", "bigG": "gigantic", "SO400M": "so400m"},
}
"""The sizes of vision transformers as papers name them, and as timm does."""


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
    models = tables[DEFAULT]
    default, curved = (published.choices[key] for key in (DEFAULT, CURVED))
    ordered = by_robustness(models)
    listed = ordered[ordered["listed"]]
    leading = ordered["rank"].notna() & ordered["name"].isin(default.leaders)
    points = published_table(standard, models, lines)
    panels = [TESTBED_SHIFTS[shift] for shift in SHIFT_ORDER]
    numbers = _numbers(published, ordered, lines, draws, standard)
    view = {
        "published": published,
        "curved": curved,
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
        "finetuning": FINETUNING,
        "finetuning_drawing": panel_drawing(FINETUNING, finetuning_table(models)),
        "claims": published_claims(published, tables),
        "models": records(listed[:ROWS]),
        "limit_at": {x: limit_at(curved, "all", x) for x in LIMIT_AT},
        "ranked": listed["rank"].max(),
        "leaders": records(ordered[leading]),
        "data": sorted(set(listed["data"]) - {""}, key=str.casefold),
        "listed": len(listed),
        "supervised": (models["training"] == "supervised").sum(),
        "lines": records(_in_order(lines, [*published.choices, *SHIFT_ORDER], "choice", "shift")),
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
    fits: dict[str, dict[str, Any]] = {}
    for line in records(lines):
        kept = ("slope", "intercept", "knee", "bend", "lowest_imagenet", "highest_imagenet")
        fits.setdefault(line["choice"], {})[line["shift"]] = {name: line[name] for name in kept}
    return {
        "confidence": published.confidence,
        "rows": ROWS,
        "accuracies": sets,
        "labels": DATASETS,
        "trainings": PUBLISHED_TRAININGS,
        "sources": {
            key: {"title": source.title, "url": web_address(source)}
            for key, source in published.sources.items()
        },
        "choices": {
            key: {"label": one.label, "text": one.text, "limits": msgspec.to_builtins(one.limits)}
            for key, one in published.choices.items()
        },
        "lines": fits,
        "draws": draws,
        "frame": PUBLISHED_FRAME,
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
