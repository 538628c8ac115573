"""A made-up study in the shape of the real results."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest

from stages.config.encoders import EncoderEntry
from stages.reporting.results import Comparison, Encoder, Line, Metrics, Published, Series
from tests.reads import ROOT

SHIFTS = ("imagenet_v2", "imagenet_r", "imagenet_sketch", "objectnet", "imagenet_a")
LINES = {
    "imagenet_v2": Line(slope=0.92, intercept=-0.55, r_squared=0.97, models=87),
    "imagenet_r": Line(slope=0.8, intercept=-1.6, r_squared=0.97, models=87),
    "imagenet_sketch": Line(slope=0.7, intercept=-2.4, r_squared=0.97, models=87),
    "objectnet": Line(slope=0.9, intercept=-2.1, r_squared=0.97, models=87),
    "imagenet_a": Line(slope=1.0, intercept=-1.6, r_squared=0.97, models=87),
}
# label, training, data, ImageNet accuracy, mean effective robustness, kurtosis
ENCODERS = {
    "rn_web_broad": ("RN zero-shot, web-broad", "zero_shot", "web_broad", 83, 28, 2.85),
    "rn_web_broad_finetuned": ("RN finetuned, web-broad", "finetuned", "web_broad", 93.5, 12, 2.8),
    "rn_supervised": ("RN supervised", "supervised", "imagenet_train", 95, 0.4, 2.6),
    "vit_web_broad": ("ViT zero-shot, web-broad", "zero_shot", "web_broad", 61, 2, 2.9),
    "vit_web_broad_finetuned": ("ViT finetuned, web-broad", "finetuned", "web_broad", 77, -1, 3),
    "vit_supervised": ("ViT supervised", "supervised", "imagenet_train", 88, -2, 2.8),
    "rn_web_narrow": ("RN zero-shot, web-narrow", "zero_shot", "web_narrow", 94, 4, 2.8),
    "rn_imagenet_captions": ("RN zero-shot, captions", "zero_shot", "captions", 92.5, 1, 2.8),
    "rn_web_broad_labels": ("RN supervised on web-broad", "supervised", "web_broad", 96, 37, 3.2),
    "rn_untrained": ("RN untrained", "untrained", "none", 8.2, -3, 2.7),
    "vit_untrained": ("ViT untrained", "untrained", "none", 8.5, -3, 2.95),
}
TEMPLATES = ROOT / ".dvc" / "plots"
CATEGORIES = ("object", "part", "scene", "texture", "color")


def logit(percent: float) -> float:
    return math.log(percent / (100 - percent))


def beta(shift: str, percent: float) -> float:
    line = LINES[shift]
    return 100 / (1 + math.exp(-(line.slope * logit(percent) + line.intercept)))


def interval(value: float, width: float, prefix: str = "") -> dict[str, float]:
    return {f"{prefix}low": value - width, f"{prefix}high": value + width}


def encoder_metrics(key: str, rng: np.random.Generator) -> dict[str, Any]:
    imagenet, mean, kurtosis = ENCODERS[key][3:]
    robustness = {s: mean + float(rng.normal(0, 4)) for s in SHIFTS}
    accuracy = {s: min(max(beta(s, imagenet) + robustness[s], 0.5), 98.0) for s in SHIFTS}
    robustness = {s: accuracy[s] - beta(s, imagenet) for s in SHIFTS}
    mean = sum(robustness.values()) / 5
    unique = int(18 - abs(imagenet - 85) / 6)
    return {
        "accuracy": {"imagenet": float(imagenet), **accuracy},
        "effective_robustness": {**robustness, "mean": mean, **interval(mean, 1.3, "mean_")},
        "kurtosis": {"mean": kurtosis, **interval(kurtosis, 0.02), "outlier_features": 0},
        "directions": {"count": 12, "prunable": 0.2, "importance_ratio": 3.1},
        "concepts": {
            "measured": 40,
            "unique_directions": unique,
            "polysemanticity_directions": 1.4,
            "unique_features": unique + 3,
            "polysemanticity_features": 1.2,
        },
    }


def encoder_series(key: str, rng: np.random.Generator) -> dict[str, Any]:
    training, imagenet = ENCODERS[key][1], ENCODERS[key][3]
    decay = np.exp(-np.arange(12) / 4)
    steps = () if training == "untrained" else range(0, 600, 10)
    fractions = [round(0.1 * i, 1) for i in range(10)]
    keep = {d: imagenet if d == "imagenet" else beta(d, imagenet) for d in ("imagenet", *SHIFTS)}
    models = [
        {"name": f"model {i}", "imagenet": x}
        | {s: beta(s, x) + float(rng.normal()) for s in SHIFTS}
        for i, x in enumerate(np.linspace(35, 98, 16).tolist())
    ]
    return {
        "representation": "linear",
        "importance": {"head": (0.5 * decay).tolist(), "random_head": [0.2] * 12},
        "pruning": [
            {"dataset": d, "fraction": p, "accuracy": a * (1 - p**6), "random_head_accuracy": a - p}
            for d, a in keep.items()
            for p in fractions
        ],
        "concepts": [
            {"basis": b, "category": c, "unique": 2 + (i + len(key)) % 4, "polysemanticity": 1.3}
            for b in ("directions", "features")
            for i, c in enumerate(CATEGORIES)
        ],
        "sweep": [
            {"basis": b, "threshold": t, "unique": int(40 * (1 - t) + k), "polysemanticity": 1.3}
            for k, b in enumerate(("directions", "features"))
            for t in (0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
        ],
        "training_curve": [
            {
                "step": step,
                "loss": 2.5 * math.exp(-step / 150) + 0.1 * float(rng.random()),
                "accuracy": 90 * (1 - math.exp(-step / 150)),
                "learning_rate": 1e-3,
            }
            for step in steps
        ],
        "robustness": {"models": models, "lines": msgspec.to_builtins(LINES)},
    }


def comparison(first: str, second: str) -> dict[str, Any]:
    layers = {
        "rn": ["stem", "layer1", "layer2", "layer3", "layer4", "pool"],
        "vit": ["patches", "block1", "block2", "block3", "embedding"],
    }
    one, two = (layers[key.partition("_")[0]] for key in (first, second))
    return {
        "first": first,
        "second": second,
        "first_layers": one,
        "second_layers": two,
        "cka": [[1 / (1 + abs(i - j)) for j in range(len(two))] for i in range(len(one))],
    }


@pytest.fixture
def study() -> dict[str, Any]:
    """Loaded JSONs of a whole study; each test may change its own copy."""
    return {
        "entries": {
            key: {
                **dict(zip(("label", "training", "data"), values[:3], strict=True)),
                "backbone": key.partition("_")[0],
                "head": "zero_shot",
            }
            for key, values in ENCODERS.items()
        },
        "metrics": {
            k: encoder_metrics(k, np.random.default_rng(i)) for i, k in enumerate(ENCODERS)
        },
        "series": {k: encoder_series(k, np.random.default_rng(0)) for k in ENCODERS},
        "comparisons": {
            "rn_finetuning": comparison("rn_web_broad", "rn_web_broad_finetuned"),
            "rn_supervision": comparison("rn_web_broad", "rn_supervised"),
            "backbones": comparison("rn_web_broad", "vit_web_broad"),
        },
        "published": {
            "lines": msgspec.to_builtins(LINES),
            "encoders": {
                "RN50/openai": {"mean": 22.8, "low": 22.1, "high": 23.4, "imagenet_v2": 1.0},
                "RN50/cc12m": {"mean": 11.0, "low": 10.1, "high": 12.0, "imagenet_v2": 1.0},
            },
        },
    }


def read(study: dict[str, Any]) -> list[Encoder]:
    """Check the encoders of a study that a test has changed."""
    return [
        Encoder(
            key=key,
            number=number,
            entry=msgspec.convert(entry, EncoderEntry),
            metrics=msgspec.convert(study["metrics"][key], Metrics),
            series=msgspec.convert(study["series"][key], Series),
        )
        for number, (key, entry) in enumerate(study["entries"].items(), 1)
    ]


@pytest.fixture
def encoders(study: dict[str, Any]) -> list[Encoder]:
    return read(study)


@pytest.fixture
def comparisons(study: dict[str, Any]) -> list[Comparison]:
    return msgspec.convert(list(study["comparisons"].values()), list[Comparison])


@pytest.fixture
def published(study: dict[str, Any]) -> Published:
    return msgspec.convert(study["published"], Published)


@pytest.fixture
def fewer(study: dict[str, Any]) -> dict[str, Any]:
    """The study without ObjectNet and ImageNet-A."""
    for metrics in study["metrics"].values():
        for name in ("objectnet", "imagenet_a"):
            metrics["accuracy"][name] = metrics["effective_robustness"][name] = None
        metrics["effective_robustness"]["shifts"] = list(SHIFTS[:3])
    return study


def model(name: str, imagenet: float, above: float) -> dict[str, Any]:
    """Make a model that lies some points above every line."""
    return {"name": name, "imagenet": imagenet, **{s: beta(s, imagenet) + above for s in SHIFTS}}
