"""Results of a made-up encoder, as its measures would return them."""

from statistics import fmean
from typing import Any

import numpy as np

from interpreting_clip.charts.standard_lines import predicted_accuracy
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
from tests.drawn_directions import filled

CURVES = {
    "imagenet_v2": (0.92, -0.55),
    "imagenet_r": (0.8, -1.6),
    "imagenet_sketch": (0.7, -2.4),
    "objectnet": (0.9, -2.1),
    "imagenet_a": (1.0, -1.6),
}
LINES = {shift: LogitLine(*curve, 0.97, 87, 0.35, 0.98) for shift, curve in CURVES.items()}
SHIFTS = tuple(LINES)
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


def beta(shift: str, percent: float) -> float:
    return predicted_accuracy(LINES[shift], float(percent))


def estimate(value: float, width: float) -> Estimate:
    return Estimate(value, value - width, value + width)


def effective_robustness(key: str, rng: np.random.Generator) -> EffectiveRobustness:
    """Return accuracies about as far above every line as `ENCODERS` says."""
    imagenet, above = float(ENCODERS[key][3]), ENCODERS[key][4]
    known = {"images": 1500, "classes": 12, "imagenet_images": 2000, "imagenet": imagenet}
    shifts = {}
    for shift in SHIFTS:
        expected = beta(shift, imagenet)
        accuracy = min(max(expected + above + float(rng.normal(0, 4)), 0.5), 98.0)
        values = {"accuracy": Estimate(accuracy), "robustness": estimate(accuracy - expected, 2)}
        shifts[shift] = filled(OnShift, **values, **known, extrapolated=imagenet < 35)
    mean = estimate(fmean(one.robustness.value for one in shifts.values()), 1.3)
    return filled(
        EffectiveRobustness,
        **{"imagenet": imagenet, "imagenet_images": 1500, "imagenet_classes": 12},
        **dict.fromkeys(("robustness", "natural", "style"), mean),
        shift_accuracy=fmean(one.accuracy.value for one in shifts.values()),
        extrapolated=5 * (imagenet < 35),
        per_shift=shifts,
    )


def pruning(whole: float) -> Pruning:
    p = np.array(FRACTIONS)
    accuracies = {"accuracy": whole * (1 - p**6), "other_accuracy": whole * (1 - p**5)}
    random = np.array([whole - p, whole - 3 * p])
    alone = {"by_accuracy": 0.3, "other_by_accuracy": 0.4}
    return filled(Pruning, **alone, **accuracies, fractions=p, random_accuracy=random)


def kurtosis(mean: float) -> Kurtosis:
    sweep = [OutliersAt(share=s, outlier_features=n) for s, n in ((0.01, 2), (0.5, 0))]
    settings = {"features": 128, "outlier_sigma": 6.0, "outlier_share": 0.5}
    outliers = filled(OutlierFeatures, largest_share=0.013, hiding=4, sweep=sweep, **settings)
    known = {"kurtosis": estimate(mean, 0.02), "representation": "linear"}
    return filled(Kurtosis, **known, outliers=outliers)


def outlier_axes() -> OutlierAxes:
    costs = dict.fromkeys(("imagenet", *SHIFTS), estimate(0.4, 0.5))
    known = {"feature": 7, "share": 0.013, "within_top": [0.05, 0.25, 0.5]}
    return filled(OutlierAxes, axes=[filled(OutlierAxis, **known, costs=costs)], tops=[1, 3, 10])


def head(kind: Any, centre: str, ratio: float, importance: np.ndarray, **more: Any) -> Any:
    known = {"centre": centre, "importance_ratio": ratio, "importance": importance, **more}
    known |= {"directions": len(importance), "logit_variance": np.full(len(importance), 0.31)}
    return filled(kind, **known, spectrum=6.5)


def directions() -> PrivilegedDirections:
    decay = 0.5 * np.exp(-np.arange(12) / 4)
    other = head(HeadDirections, "none", 41.5, np.append(2, decay))
    more = {"mean_row": MeanRow(energy=0.604, cosine=0.9994), "other": other}
    more["random_importance"] = np.full(12, 0.2)
    return head(PrivilegedDirections, "classes", 3.1, decay, **more)


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
        filled(EncodedPair, number=n, concept=c, category="object", precision=p)
        for n, c, p in ((1, "star", 0.9301), (7, "star", 0.9502), (7, "disc", 0.9403))
    ]
    several = {c: counts(2 + (i + len(key)) % 4) for i, c in enumerate(CATEGORIES)}
    swept = {t: counts(int(40 - 40 * t)) for t in (0.7, 0.75, 0.8, 0.85, 0.9, 0.95)}
    return filled(
        BasisConcepts,
        **counts(unique),
        **{"discovered": 33, "encoded": encoded},
        categories={name: filled(ConceptCounts, **one) for name, one in several.items()},
        sweep=[filled(ThresholdCounts, **one, threshold=t) for t, one in swept.items()],
        names=[f"c{i} (object)" for i in range(len(key))],
    )


def encoder_results(key: str, seed: int = 0) -> EncoderResults:
    _, training, _, imagenet, _, mean_kurtosis = ENCODERS[key]
    unique = int(18 - abs(imagenet - 85) / 6)
    accuracies = {"imagenet": imagenet} | {s: beta(s, imagenet) for s in SHIFTS}
    prunable = filled(
        Prunable,
        **{"prunable": 0.2, "by_accuracy": 0.3, "by_robustness": 0.2},
        **{"chance": Estimate(0.125, 0.0, 0.2), "extrapolated": [0.8, 0.9]},
        **{"fractions": FRACTIONS, "robustness": [9 - 20 * p for p in FRACTIONS]},
    )
    concepts = filled(
        Concepts,
        **{"directions": basis(key, unique), "features": basis(key, unique + 3)},
        **{"concepts": ["c"] * 40, "left_out": ["a", "b", "c"], "null_draws": 5},
    )
    return filled(
        EncoderResults,
        robustness=effective_robustness(key, np.random.default_rng(seed)),
        prunable=prunable,
        kurtosis=kurtosis(float(mean_kurtosis)),
        outlier_axes=outlier_axes(),
        directions=directions(),
        pruning={dataset: pruning(whole) for dataset, whole in accuracies.items()},
        concepts=concepts,
        training=[
            TrainingStep(step=step, loss=3 - step / 300, accuracy=step / 10, learning_rate=1e-3)
            for step in range(0, 600 * (training != "untrained"), 10)
        ],
    )


def written_results(key: str, seed: int = 0) -> dict[str, Any]:
    """Return what `plots/encoders/<encoder>.json` holds, which a test may change."""
    return plain(encoder_results(key, seed), without_beside=True)


def comparison(first: str, second: str) -> LayerCka:
    layers = {"rn": ["stem", "layer1", "layer2", "layer3", "layer4", "pool"]}
    layers["vit"] = ["patches", "block1", "block2", "block3", "embedding"]
    one, two = (layers[key.partition("_")[0]] for key in (first, second))
    similar = 1 / (1 + np.abs(np.subtract.outer(np.arange(len(one)), np.arange(len(two)))))
    return LayerCka(
        **{"first": first, "first_layers": one, "first_outliers": [0] * len(one)},
        **{"second": second, "second_layers": two, "second_outliers": [0] * len(two)},
        cka=similar,
        without_outliers=similar.tolist(),
    )
