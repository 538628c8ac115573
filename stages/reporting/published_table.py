"""The rows of `plots/published.csv`: published accuracies against the baseline."""

from collections.abc import Mapping, Sequence
from typing import Any

from stages.reporting.names import SHIFTS
from stages.reporting.tables import on_line, segment

PUBLISHED_COLUMNS = (
    "kind",
    "label",
    "family",
    "shift",
    "imagenet",
    "accuracy",
    "baseline",
    "effective_robustness",
)
"""Columns of `plots/published.csv`; accuracies in percent, effective robustness in points."""

_FAMILIES = (
    ("openai", "OpenAI"),
    ("laion", "LAION"),
    ("commonpool", "DataComp"),
    ("datacomp", "DataComp"),
    ("yfcc", "YFCC, CC12M"),
    ("cc12m", "YFCC, CC12M"),
    ("webli", "WebLI"),
)


def family(weights: str) -> str:
    """Return the family of training images that a name of OpenCLIP weights starts with."""
    return next((name for start, name in _FAMILIES if weights.startswith(start)), "other")


def published_rows(
    standard: Sequence[Mapping[str, Any]],
    zoo: Sequence[Mapping[str, Any]],
    lines: Mapping[str, Mapping[str, float]],
) -> list[dict[str, Any]]:
    """Return the rows of the chart: standard models, each shift's line, and the CLIP models.

    Parameters
    ----------
    standard, zoo
        One mapping per model: `name`, `imagenet` and each shift, accuracies in percent, None where
        unpublished. A CLIP model's name is `architecture/weights`, as in `metrics/published.json`.
    lines
        Slope and intercept of each shift's baseline in logit space.
    """
    rows = []
    for shift, name in SHIFTS.items():
        slope, intercept = lines[shift]["slope"], lines[shift]["intercept"]
        known = [m for m in standard if _known(m, shift)]
        shown = [m for m in zoo if _known(m, shift)]
        rows += [_row("standard", m["name"], name, m["imagenet"], m[shift]) for m in known]
        for x, y in segment(slope, intercept, (m["imagenet"] for m in [*known, *shown])):
            rows.append(_row("line", "baseline", name, x, y))
        for m in shown:
            base = on_line(slope, intercept, m["imagenet"])
            rows.append(
                _row("encoder", m["name"], name, m["imagenet"], m[shift])
                | {
                    "family": family(m["name"].partition("/")[2]),
                    "baseline": base,
                    "effective_robustness": m[shift] - base,
                }
            )
    return rows


def _known(model: Mapping[str, Any], shift: str) -> bool:
    return model["imagenet"] is not None and model[shift] is not None


def _row(kind: str, label: str, shift: str, imagenet: float, accuracy: float) -> dict[str, Any]:
    blank = dict.fromkeys(PUBLISHED_COLUMNS)
    known = {"kind": kind, "label": label, "shift": shift}
    return blank | known | {"imagenet": imagenet, "accuracy": accuracy}
