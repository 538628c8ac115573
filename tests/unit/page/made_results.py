"""Results of a made-up encoder, as its measures would return them."""

import math
from dataclasses import MISSING, fields, is_dataclass
from statistics import fmean
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from interpreting_clip.measures.cka import LayerCka
from interpreting_clip.measures.concept_counts import (
    BasisConcepts,
    ConceptCounts,
    EncodedPair,
    ThresholdCounts,
)
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.measures.directions import HeadDirections, MeanRow, PrivilegedDirections
from interpreting_clip.measures.effective_robustness import EffectiveRobustness, OnShift
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.kurtosis import Kurtosis, OutlierFeatures, OutliersAt
from interpreting_clip.measures.logit_line import LogitLine
from interpreting_clip.measures.outlier_axes import OutlierAxes, OutlierAxis
from interpreting_clip.measures.prunable import Prunable
from interpreting_clip.measures.pruning import Pruning
from interpreting_clip.measures.result import plain
from interpreting_clip.study.encoder_results import EncoderResults, TrainingStep

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
FRACTIONS = [round(0.1 * i, 1) for i in range(10)]
CATEGORIES = ("object", "part", "scene", "texture", "color")


def logit(percent: float) -> float:
    return math.log(percent / (100 - percent))


def beta(shift: str, percent: float) -> float:
    line = LINES[shift]
    return 100 / (1 + math.exp(-(line.slope * logit(percent) + line.intercept)))


def estimate(value: float, width: float) -> Estimate:
    return Estimate(value, value - width, value + width)


def made(kind: Any, **values: Any) -> Any:
    """Return a result with these values; all others are 0, empty or None by their type."""
    hints = get_type_hints(kind)
    needed = [one.name for one in fields(kind) if MISSING is one.default is one.default_factory]
    return kind(**{name: blank(hints[name]) for name in needed} | values)


def blank(kind: Any) -> Any:
    if kind in (int, float, str, bool, list, dict):
        return kind()
    if kind is Estimate:
        return Estimate(0.0)
    if is_dataclass(kind):
        return made(kind)
    if origin := get_origin(kind):
        one, *_ = get_args(kind)
        return one if origin is Literal else None if origin is UnionType else origin()
    return np.zeros((0,) * len(kind.dims), {"Int": int, "Float": float}[kind.dtype.__name__])


def effective_robustness(key: str, rng: np.random.Generator) -> EffectiveRobustness:
    """Return accuracies about as far above every line as `ENCODERS` says."""
    imagenet, above = float(ENCODERS[key][3]), ENCODERS[key][4]
    known = {"imagenet": imagenet, "images": 1500, "classes": 12, "imagenet_images": 2000}
    shifts = {}
    for shift in SHIFTS:
        expected = beta(shift, imagenet)
        accuracy = min(max(expected + above + float(rng.normal(0, 4)), 0.5), 98.0)
        values = {"accuracy": Estimate(accuracy), "robustness": estimate(accuracy - expected, 2)}
        shifts[shift] = made(OnShift, **values, **known, extrapolated=imagenet < 35)
    mean = estimate(fmean(one.robustness.value for one in shifts.values()), 1.3)
    return made(
        EffectiveRobustness,
        imagenet=imagenet,
        shift_accuracy=fmean(one.accuracy.value for one in shifts.values()),
        **dict.fromkeys(("robustness", "natural", "style"), mean),
        extrapolated=5 * (imagenet < 35),
        imagenet_images=1500,
        imagenet_classes=12,
        per_shift=shifts,
    )


def pruning(whole: float) -> Pruning:
    p = np.array(FRACTIONS)
    random = np.array([whole - p, whole - 3 * p])
    accuracies = {"accuracy": whole * (1 - p**6), "other_accuracy": whole * (1 - p**5)}
    alone = {"by_accuracy": 0.3, "other_by_accuracy": 0.3}
    return made(Pruning, **alone, **accuracies, fractions=p, random_accuracy=random)


def kurtosis(mean: float) -> Kurtosis:
    outliers = made(
        OutlierFeatures,
        largest_share=0.013,
        hiding=4,
        features=128,
        outlier_sigma=6.0,
        outlier_share=0.5,
        sweep=[OutliersAt(share=s, outlier_features=n) for s, n in ((0.01, 2), (0.5, 0))],
    )
    estimated = {"kurtosis": estimate(mean, 0.02), "representation": "linear"}
    return made(Kurtosis, **estimated, outliers=outliers)


def outlier_axes() -> OutlierAxes:
    axis = made(
        OutlierAxis,
        feature=7,
        share=0.013,
        within_top=[0.05, 0.25, 0.5],
        costs=dict.fromkeys(("imagenet", *SHIFTS), estimate(0.4, 0.5)),
    )
    return made(OutlierAxes, axes=[axis], tops=[1, 3, 10])


def directions() -> PrivilegedDirections:
    decay = 0.5 * np.exp(-np.arange(12) / 4)
    own, other = (
        {
            "centre": centre,
            "directions": len(importance),
            "importance_ratio": ratio,
            "spectrum": 6.5,
            "importance": importance,
            "logit_variance": np.full(len(importance), 0.31),
        }
        for centre, ratio, importance in (
            ("classes", 3.1, decay),
            ("none", 41.5, np.append(2, decay)),
        )
    )
    return made(
        PrivilegedDirections,
        **own,
        mean_row=MeanRow(energy=0.604, cosine=0.9994),
        random_importance=np.full(12, 0.2),
        other=HeadDirections(**other),
    )


def counts(unique: int) -> dict[str, Any]:
    return {
        "unique": estimate(unique, 1),
        "random": Estimate(unique / 2, unique // 4, unique - 1),
        "over_all": unique // 3,
        "permuted": Estimate(0.25, 0, 1),
        "over_all_permuted": Estimate(0.0),
        "over_all_random": Estimate(0.5),
        "polysemanticity": estimate(1.4, 0.1),
    }


def basis(key: str, unique: int) -> BasisConcepts:
    encoded = [
        made(EncodedPair, number=n, concept=c, category="object", precision=p)
        for n, c, p in ((1, "star", 0.9301), (7, "star", 0.9502), (7, "disc", 0.9403))
    ]
    thresholds = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
    several = {c: counts(2 + (i + len(key)) % 4) for i, c in enumerate(CATEGORIES)}
    return made(
        BasisConcepts,
        **counts(unique),
        discovered=33,
        categories={name: made(ConceptCounts, **one) for name, one in several.items()},
        sweep=[made(ThresholdCounts, **counts(int(40 - 40 * t)), threshold=t) for t in thresholds],
        pairs=len(encoded),
        encoded=encoded,
        names=[f"c{i} (object)" for i in range(len(key))],
    )


def written_results(key: str, seed: int = 0) -> dict[str, Any]:
    """Return what `plots/encoders/<encoder>.json` holds, which a test may change."""
    return plain(encoder_results(key, np.random.default_rng(seed)), without_beside=True)


def encoder_results(key: str, rng: np.random.Generator) -> EncoderResults:
    _, training, _, imagenet, _, mean_kurtosis = ENCODERS[key]
    unique = int(18 - abs(imagenet - 85) / 6)
    accuracies = {"imagenet": imagenet} | {s: beta(s, imagenet) for s in SHIFTS}
    chance = dict.fromkeys(("chance", "accuracy_chance"), Estimate(0.125, 0.0, 0.2))
    steps = () if training == "untrained" else range(0, 600, 10)
    courses = [(step, math.exp(-step / 150)) for step in steps]
    return made(
        EncoderResults,
        robustness=effective_robustness(key, rng),
        prunable=made(
            Prunable,
            **{"prunable": 0.2, "by_accuracy": 0.3, "by_robustness": 0.2, **chance},
            fractions=FRACTIONS,
            robustness=[9 - 20 * p for p in FRACTIONS],
            extrapolated=[0.8, 0.9],
        ),
        kurtosis=kurtosis(float(mean_kurtosis)),
        outlier_axes=outlier_axes(),
        directions=directions(),
        pruning={dataset: pruning(whole) for dataset, whole in accuracies.items()},
        concepts=made(
            Concepts,
            directions=basis(key, unique),
            features=basis(key, unique + 3),
            concepts=["c"] * 40,
            left_out=["a", "b", "c"],
            null_draws=5,
        ),
        training=[
            TrainingStep(step=step, loss=0.1 + 2.5 * x, accuracy=90 * (1 - x), learning_rate=1e-3)
            for step, x in courses
        ],
    )


def comparison(first: str, second: str) -> LayerCka:
    layers = {
        "rn": ["stem", "layer1", "layer2", "layer3", "layer4", "pool"],
        "vit": ["patches", "block1", "block2", "block3", "embedding"],
    }
    one, two = (layers[key.partition("_")[0]] for key in (first, second))
    similar = 1 / (1 + np.abs(np.subtract.outer(np.arange(len(one)), np.arange(len(two)))))
    return LayerCka(
        first=first,
        second=second,
        first_layers=one,
        second_layers=two,
        first_outliers=[0] * len(one),
        second_outliers=[0] * len(two),
        cka=similar,
        without_outliers=similar.tolist(),
    )
