"""Which panel of its chart a row is in, and which ends the axes have that the panels share."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from page.names import DATASETS, set_names
from page.standard_lines import DRAWN_RANGE
from page.vega import Rows

Row = Mapping[str, Any]

Domains = dict[str, tuple[float, float]]
"""The ends of the axes that all panels share, by the field that is drawn along them."""

LEAST_SHARE = 1e-6
"""The lowest importance that is drawn, as a share of the encoder's largest."""


def one_panel(_row: Row) -> str:
    """Return the empty title, of a chart that has one panel."""
    return ""


def nothing_shared(_rows: Rows) -> Domains:
    """Return no ends: each panel has its own axes."""
    return {}


def by_accuracy_set(row: Row) -> str:
    """Return the panel of a row of pruning: a backbone on ImageNet, or on the shifts."""
    names = DATASETS["imagenet"], set_names(DATASETS)["imagenet"]
    over = row["dataset"] if row["dataset"] in names else "the shifts, mean"
    return f"Backbone {row['backbone']}: {over}"


def by_basis(row: Row) -> str:
    """Return the panel of a row of concepts."""
    return "directions" if row["basis"] == "directions" else "single features"


def same_logits(rows: Rows) -> Domains:
    """Return the ends of both accuracies as logits, with the line's."""
    x = [row["imagenet"] for row in rows]
    y = [row[name] for row in rows for name in ("accuracy", "baseline") if _is_known(row, name)]
    return {"x_logit": _ends(map(_logit, x)), "y_logit": _ends(map(_logit, y))}


def same_share(rows: Rows) -> Domains:
    """Return the ends of the importance as a share of the encoder's largest, in powers of ten."""
    by_encoder: dict[str, list[float]] = {}
    for row in rows:
        by_encoder.setdefault(row["label"], []).append(float(row["importance"]))
    shares = [max(v / max(values), LEAST_SHARE) for values in by_encoder.values() for v in values]
    return {"height": (math.log10(min(shares)), 0.0)}


def same_threshold_and_count(rows: Rows) -> Domains:
    """Return the ends of the threshold, and of the count of concepts from zero."""
    return {"threshold": _ends(r["threshold"] for r in rows), **same_count(rows)}


def same_count(rows: Rows) -> Domains:
    """Return the ends of a count of concepts from zero, with its interval and its null."""
    counts = [row[n] for row in rows for n in ("unique", "high", "random") if _is_known(row, n)]
    bars: dict[tuple[str, str], float] = {}
    for row in rows:
        if row.get("category", "all") != "all":
            bar = row["label"], row["basis"]
            bars[bar] = bars.get(bar, 0.0) + float(row["unique"])
    return {"unique": (0.0, max(_ends([*counts, *bars.values(), 1])[1], 1.0))}


def same_robustness(rows: Rows) -> Domains:
    """Return the ends of the effective robustness."""
    return {"effective_robustness": _ends(r["effective_robustness"] for r in rows)}


def _is_known(row: Row, name: str) -> bool:
    return row.get(name) not in (None, "")


def _ends(values: Iterable[Any]) -> tuple[float, float]:
    known = [float(value) for value in values]
    return round(min(known), 4), round(max(known), 4)


def _logit(percent: Any) -> float:
    low, high = DRAWN_RANGE
    share = min(max(float(percent), low), high) / 100
    return math.log(share / (1 - share))
