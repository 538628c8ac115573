"""A made-up study with the structure of real results."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest

from interpreting_clip.config.encoders import EncoderEntry
from interpreting_clip.measures.logit_line import LogitLine
from page.families import with_null
from page.names import INSTRUMENTS
from page.results import (
    Baseline,
    Controls,
    LayerComparison,
    Series,
    StudyEncoder,
    UntrainedNull,
)

SHIFTS = ("imagenet_v2", "imagenet_r", "imagenet_sketch", "objectnet", "imagenet_a")
LINES = {
    "imagenet_v2": LogitLine(0.92, -0.55, 0.97, 87, 0.35, 0.98),
    "imagenet_r": LogitLine(0.8, -1.6, 0.97, 87, 0.35, 0.98),
    "imagenet_sketch": LogitLine(0.7, -2.4, 0.97, 87, 0.35, 0.98),
    "objectnet": LogitLine(0.9, -2.1, 0.97, 87, 0.35, 0.98),
    "imagenet_a": LogitLine(1.0, -1.6, 0.97, 87, 0.35, 0.98),
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
BASES = ("directions", "features")
CHECKS = [
    {"score": "balanced", "check": "missing labels", "fell": {"0.01": 0.1}, "passes": False},
    {"score": "all images", "check": "missing labels", "fell": {"0.01": 1.0}, "passes": True},
]
CATEGORIES = ("object", "part", "scene", "texture", "color")


def logit(percent: float) -> float:
    return math.log(percent / (100 - percent))


def beta(shift: str, percent: float) -> float:
    line = LINES[shift]
    return 100 / (1 + math.exp(-(line.slope * logit(percent) + line.intercept)))


def interval(value: float, width: float, prefix: str = "") -> dict[str, float]:
    return {f"{prefix}low": value - width, f"{prefix}high": value + width}


def by_chance(unique: int) -> dict[str, Any]:
    """Return what stands beside a count of unique concepts."""
    return {
        **{"permuted": 0.25, "permuted_low": 0, "permuted_high": 1},
        **{"random": unique / 2, "random_low": unique // 4, "random_high": unique - 1},
        **{"over_all": unique // 3, "over_all_permuted": 0.0, "over_all_random": 0.5},
    }


def counted(unique: int) -> dict[str, Any]:
    counts = {"unique": unique, **interval(unique, 1), "polysemanticity": 1.3}
    return counts | by_chance(unique)


def direction_numbers() -> dict[str, Any]:
    head = {"spectrum": 6.5, "first_logit_variance": 0.31, "by_accuracy": 0.3}
    random = {"mean": 0.125, "low": 0.0, "high": 0.2}
    return {
        **{"centre": "classes", "count": 12, "importance_ratio": 3.1, "extrapolated": []},
        **{"prunable": 0.2, "by_accuracy": 0.3, "by_robustness": 0.2},
        "random_heads": dict.fromkeys(("prunable", "by_accuracy", "by_robustness"), random),
        "mean_row": {"energy": 0.604, "cosine": 0.9994},
        "heads": {
            "none": {**head, "count": 13, "importance_ratio": 41.5},
            "classes": {**head, "count": 12, "importance_ratio": 3.1},
        },
    }


def encoder_metrics(key: str, rng: np.random.Generator) -> dict[str, Any]:
    imagenet, mean, kurtosis = ENCODERS[key][3:]
    robustness = {s: mean + float(rng.normal(0, 4)) for s in SHIFTS}
    accuracy = {s: min(max(beta(s, imagenet) + robustness[s], 0.5), 98.0) for s in SHIFTS}
    robustness = {s: accuracy[s] - beta(s, imagenet) for s in SHIFTS}
    mean = sum(robustness.values()) / 5
    unique = int(18 - abs(imagenet - 85) / 6)
    return {
        "accuracy": {"imagenet": float(imagenet), **accuracy},
        "images": dict.fromkeys(("imagenet", *SHIFTS), 1500),
        "classes": dict.fromkeys(("imagenet", *SHIFTS), 12),
        "effective_robustness": {
            **robustness,
            "mean": mean,
            **interval(mean, 1.3, "mean_"),
            **{kind: {"value": mean, **interval(mean, 1.3)} for kind in ("natural", "style")},
            "extrapolated": list(SHIFTS) if imagenet < 35 else [],
        },
        "kurtosis": {
            **{"mean": kurtosis, **interval(kurtosis, 0.02)},
            **{"outlier_features": 0, "largest_share": 0.013},
        },
        "directions": direction_numbers(),
        "concepts": {
            **{"measured": 40, "minimum_images": 14, "left_out": 3, "null_draws": 5},
            "false_discovery_rate": 0.05,
            **{"chance_directions": by_chance(unique), "discovered_directions": 33},
            **{"chance_features": by_chance(unique + 3), "discovered_features": 35},
            "unique_directions": unique,
            **interval(unique, 1, "unique_directions_"),
            "polysemanticity_directions": 1.4,
            **interval(1.4, 0.1, "polysemanticity_directions_"),
            "unique_features": unique + 3,
            **interval(unique + 3, 2, "unique_features_"),
            "polysemanticity_features": 1.2,
            **interval(1.2, 0.1, "polysemanticity_features_"),
        },
    }


def study_baseline() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    models = [
        {"name": f"model {i}", "imagenet": x}
        | {s: beta(s, x) + float(rng.normal()) for s in SHIFTS}
        for i, x in enumerate(np.linspace(35, 98, 16).tolist())
    ]
    return {
        "models": models,
        "lines": msgspec.to_builtins(LINES),
        "abscissa": dict.fromkeys(SHIFTS, "imagenet"),
        "chance": {s: {"accuracy": 8.3, "above": 9.5} for s in SHIFTS},
        "at_chance": {s: [] for s in SHIFTS},
    }


def said(label: str, value: float, chance: float | None) -> dict[str, Any]:
    """Return a number of a measure."""
    found = {"name": label, "label": label, "unit": "", "digits": 1, "headline": "", "value": value}
    return found | {"low": value - 1, "high": value + 1, "chance": chance}


def basis_numbers() -> list[dict[str, Any]]:
    """Return the numbers of an encoder's features against random directions."""
    numbers = {
        "rotated_kurtosis": (2.93, 2.95),
        "kurtosis_p": (0.619, None),
        "rotated_outliers": (0.0, None),
        "max_to_median": (4.12, 4.18),
        "rms_kurtosis": (1.27, 1.33),
        "robust_outliers": (None, 0.25),
    }
    blank = {"unit": "", "digits": 1, "headline": "", "low": None, "high": None}
    return [
        {**blank, "name": name, "label": name, "value": value, "chance": chance}
        for name, (value, chance) in numbers.items()
    ]


def untrained_null(lowest: float, highest: float) -> dict[str, Any]:
    """Return twenty untrained encoders whose kurtosis is spread evenly."""
    kurtosis = np.linspace(lowest, highest, 20).tolist()
    numbers = {
        **{"kurtosis": kurtosis, "outlier_features": [0] * 20, "robust_outliers": [0] * 20},
        **{"max_to_median": kurtosis, "rms_kurtosis": kurtosis, "dimensions": kurtosis},
    }
    return {"representation": "linear", "images": 500, "numbers": numbers}


def encoder_series(key: str, rng: np.random.Generator) -> dict[str, Any]:
    training, imagenet = ENCODERS[key][1], ENCODERS[key][3]
    decay = np.exp(-np.arange(12) / 4)
    steps = () if training == "untrained" else range(0, 600, 10)
    fractions = [round(0.1 * i, 1) for i in range(10)]
    keep = {d: imagenet if d == "imagenet" else beta(d, imagenet) for d in ("imagenet", *SHIFTS)}
    return {
        "representation": "linear",
        "numbers": {
            "kurtosis": [said("kurtosis", 3.1, None)],
            "privileged_basis": basis_numbers(),
            "participation_ratio": [
                said("dimensions used", 21.4, 90.1),
                said("features", 128, None),
            ],
        },
        "outliers": {
            **{"features": 128, "outlier_sigma": 6.0, "outlier_share": 0.5, "hiding_outliers": 4},
            "sweep": [{"share": s, "outlier_features": n} for s, n in ((0.01, 2), (0.5, 0))],
            **{"typical_cosine": 0.21, "typical_logit_variance": 0.008, "tops": [1, 3, 10]},
            "axes": [
                {
                    **{"feature": 7, "share": 0.013, "outlier": False, "cosine": 0.43, "rank": 3},
                    **{"within": 0.625, "within_top": [0.05, 0.25, 0.5], "logit_variance": 0.012},
                    "costs": {d: {"value": 0.4, "low": -0.1, "high": 0.9} for d in keep},
                }
            ],
        },
        "importance": {
            "head": (0.5 * decay).tolist(),
            "other": [2.0, *(0.5 * decay).tolist()],
            "random_head": [0.2] * 12,
        },
        "logit_variance": (decay / decay.sum()).tolist(),
        "pruning": [
            {"dataset": d, "fraction": p, "accuracy": a * (1 - p**6)}
            | {"other_accuracy": a * (1 - p**5), "random_head_accuracy": a - p}
            for d, a in keep.items()
            for p in fractions
        ],
        "pruned_robustness": [
            {"fraction": p, "robustness": 9 - 20 * p, "random_head_robustness": 9 - 40 * p}
            | {"extrapolated": p > 0.7}
            for p in fractions
        ],
        "concepts": [
            {"basis": b, "category": c, **counted(2 + (i + len(key)) % 4 + 9 * (c == "all"))}
            for b in ("directions", "features")
            for i, c in enumerate(("all", *CATEGORIES))
        ],
        "encoded": [
            {"basis": b, "number": n, "side": "positive", "category": "object", **pair}
            for b in ("directions", "features")
            for n, pair in (
                (1, {"concept": "star", "precision": 0.9301}),
                (7, {"concept": "star", "precision": 0.9502}),
                (7, {"concept": "disc", "precision": 0.9403}),
            )
        ],
        "pairs": {"directions": 3, "features": 3},
        "sweep": [
            {"basis": b, "threshold": t, **counted(int(40 * (1 - t) + k))}
            for k, b in enumerate(("directions", "features"))
            for t in (0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
        ],
        "concept_names": {b: [f"c{i} (object)" for i in range(len(key))] for b in BASES},
        "training_curve": [
            {
                "step": step,
                "loss": 2.5 * math.exp(-step / 150) + 0.1 * float(rng.random()),
                "accuracy": 90 * (1 - math.exp(-step / 150)),
                "learning_rate": 1e-3,
            }
            for step in steps
        ],
        "abscissa": {s: {"accuracy": float(imagenet), "images": 2000} for s in SHIFTS},
        "left_out": {},
    }


def control(name: str) -> dict[str, Any]:
    known = {"planted": 3.0, "found": 2.98, "tolerance": 0.05, "as_planted": True}
    return {"what": f"what was planted for {name}", **known}


def comparison(first: str, second: str) -> dict[str, Any]:
    layers = {
        "rn": ["stem", "layer1", "layer2", "layer3", "layer4", "pool"],
        "vit": ["patches", "block1", "block2", "block3", "embedding"],
    }
    one, two = (layers[key.partition("_")[0]] for key in (first, second))
    similar = [[1 / (1 + abs(i - j)) for j in range(len(two))] for i in range(len(one))]
    return {
        "first": first,
        "second": second,
        "first_layers": one,
        "second_layers": two,
        "first_outliers": [0] * len(one),
        "second_outliers": [0] * len(two),
        **dict.fromkeys(("cka", "without_outliers"), similar),
    }


@pytest.fixture
def study() -> dict[str, Any]:
    return made_up_study()


def made_up_study() -> dict[str, Any]:
    """Return the loaded JSONs of a whole study; each test may change its own copy."""
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
        "nulls": {"rn": untrained_null(2.3, 3.4), "vit": untrained_null(2.5, 4.1)},
        "comparisons": {
            "rn_finetuning": comparison("rn_web_broad", "rn_web_broad_finetuned"),
            "rn_supervision": comparison("rn_web_broad", "rn_supervised"),
            "backbones": comparison("rn_web_broad", "vit_web_broad"),
        },
        "baseline": study_baseline(),
        "controls": {
            **{name: {"controls": [control(name)]} for name in INSTRUMENTS},
            "concepts": {"controls": [control("concepts")], "checks": CHECKS},
            "outlier_features": {
                "controls": [control("outlier_features")],
                "curve": [
                    {"axes": k, "size": a, "found": a / (40 * k), "arithmetic": a / (40 * k)}
                    for k in (1, 3, 4)
                    for a in (4.0, 6.0, 8.0, 12.0, 20.0, 30.0)
                ],
                "limits": [
                    {"axes": 3, "highest": 6.45, "raised_by": 16.7},
                    {"axes": 4, "highest": 5.57, "raised_by": None},
                ],
            },
        },
    }


def read(study: dict[str, Any]) -> list[StudyEncoder]:
    """Check the encoders of a study that a test has changed."""
    nulls = msgspec.convert(study["nulls"], dict[str, UntrainedNull])
    return [
        with_null(
            StudyEncoder(
                key=key,
                number=number,
                entry=msgspec.convert(entry, EncoderEntry),
                series=msgspec.convert(
                    study["series"][key] | {"measures": study["metrics"][key]}, Series
                ),
                replicas=study.get("replicas", {}).get(key, {}),
            ),
            nulls,
        )
        for number, (key, entry) in enumerate(study["entries"].items(), 1)
    ]


def read_baseline(study: dict[str, Any]) -> Baseline:
    """Check the baseline of a study that a test has changed."""
    return msgspec.convert(study["baseline"], Baseline)


@pytest.fixture
def encoders(study: dict[str, Any]) -> list[StudyEncoder]:
    return read(study)


@pytest.fixture
def baseline(study: dict[str, Any]) -> Baseline:
    return read_baseline(study)


@pytest.fixture
def comparisons(study: dict[str, Any]) -> list[LayerComparison]:
    return msgspec.convert(list(study["comparisons"].values()), list[LayerComparison])


@pytest.fixture
def controls(study: dict[str, Any]) -> Controls:
    return msgspec.convert(study["controls"], Controls)


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
