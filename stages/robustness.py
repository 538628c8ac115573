"""Stage `robustness`: accuracies, effective robustness, and how much of a head can be pruned."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from interpreting_clip.config.shifts import (
    TEST_SETS,
    TESTBED_SHIFTS,
    on_classes,
    own_shifts,
    result_name,
)
from interpreting_clip.errors import error_context
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.numbers import write_numbers
from interpreting_clip.formats.saved_activations import (
    Activations,
    read_not_given,
    read_test_sets,
)
from interpreting_clip.formats.saved_heads import read_head
from interpreting_clip.measures.accuracy import images_of_classes, map_classes, top1_accuracy
from interpreting_clip.measures.effective_robustness import (
    Accuracy,
    Result,
    Settings,
    ShiftResult,
    accuracy_interval,
    estimate_effective_robustness,
    robustness_curve,
)
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.logit_line import MIN_MODELS, LogitLine, ResampledLines
from interpreting_clip.measures.pruning import Result as PruningResult
from interpreting_clip.measures.pruning import prunable_fractions
from interpreting_clip.quantities import Percents
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs

MEANS = ("mean", "natural", "style")
"""Over all of the testbed's shifts that were measured, and over those of a kind."""


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s accuracies in percent and effective robustness in points.

    A shift whose dataset is absent is left out, and the mean is over the others of the testbed's.
    Those of the testbed's that a folder of activations does not have are in `not_given`, and then
    there is no mean. If a shift has no line or other classes than its line, its accuracy
    is written, with the reason why it has no effective robustness. `pruned` says how robustness
    changes as directions are pruned, and how many of them can be. `own` has the numbers of each
    shift of the study's own, and is left out if there is none.
    """
    settings = params.read("robustness", Settings)
    harmless = params.read("directions.harmless", Percents)
    folder = inputs[f"data/activations/{key}"]
    baseline = read_json(inputs["data/baseline"] / "baseline.json")
    directions = read_json(inputs[f"data/directions/{key}"] / "directions.json")
    tests = read_test_sets(folder)
    head = read_head(inputs[f"data/heads/{key}"], tests[TEST_SETS[0]].values.shape[1])
    measured = {name: measure(folder / name, test, head) for name, test in tests.items()}
    reasons = {
        shift: no_line(shift, baseline) or other_classes(tests, shift, baseline)
        for shift in tests
        if shift != TEST_SETS[0]
    }
    left_out = {shift: reason for shift, reason in reasons.items() if reason}
    own = own_shifts(reasons)
    with error_context(folder / TEST_SETS[0], ValueError):
        pairs = {
            shift: (imagenet_accuracy(tests, shift, head, measured, baseline), measured[shift])
            for shift in reasons
            if shift in own or shift not in left_out
        }
    with_line = {shift: pair for shift, pair in pairs.items() if shift not in left_out}
    of_mean = {shift: pair for shift, pair in with_line.items() if shift not in own}
    estimates = {
        shift: estimate({shift: with_line[shift]}, baseline, settings) if shift in with_line else {}
        for shift in own
    }
    not_given = [shift for shift in read_not_given(folder) if shift in TESTBED_SHIFTS]
    robustness = estimate(of_mean, baseline, settings)
    if not_given:
        robustness = without_mean(robustness)
    result = {
        "accuracy": {result_name(d): 100 * a.fraction for d, a in measured.items()},
        "images": {result_name(d): a.images for d, a in measured.items()},
        "classes": {result_name(d): len(test.class_indices) for d, test in tests.items()},
        "abscissa": {
            shift: {"accuracy": 100 * x.fraction, "images": x.images}
            for shift, (x, _) in pairs.items()
        },
        "left_out": left_out,
        "effective_robustness": robustness,
        "pruned": pruned(directions, [] if not_given else list(of_mean), baseline, harmless),
    }
    beside = {
        shift: on_shift(pairs[shift], len(tests[shift].class_indices), estimates[shift], settings)
        for shift in own
    }
    if own:
        result["own"] = {
            shift: {**asdict(beside[shift]), "extrapolated": bool(found.get("extrapolated"))}
            for shift, found in estimates.items()
        }
    out = outputs[f"data/robustness/{key}"]
    if not_given:
        result["not_given"] = not_given
    write_numbers(out, headline(result), prunable(result["pruned"]), by_subject=beside)
    write_json(out / "robustness.json", result)


def headline(result: Mapping[str, Any]) -> Result:
    """Return the numbers of accuracies and effective robustness that stand for an encoder."""
    accuracy, robustness = result["accuracy"], result["effective_robustness"]
    shifts = [accuracy[shift] for shift in TESTBED_SHIFTS if shift in robustness]
    comparable = "mean" in robustness
    means = {name: Estimate(**robustness[name]) if name in robustness else None for name in MEANS}
    return Result(
        imagenet=accuracy["imagenet"],
        shifts=fmean(shifts) if comparable else None,
        robustness=means["mean"],
        natural=means["natural"],
        style=means["style"],
        extrapolated=len(robustness.get("extrapolated", ())),
    )


def on_shift(
    pair: tuple[Accuracy, Accuracy], classes: int, found: Mapping[str, Any], settings: Settings
) -> ShiftResult:
    """Return the numbers of an encoder on a shift of the study's own.

    Parameters
    ----------
    pair : the accuracies on ImageNet and on the shift
    classes : how many the shift has
    found : what `estimate` returned for this shift alone; empty without a line
    """
    imagenet, shift = pair
    share = accuracy_interval(shift, settings.confidence)
    return ShiftResult(
        accuracy=Estimate(100 * share.value, 100 * share.low, 100 * share.high),
        imagenet=100 * imagenet.fraction,
        robustness=Estimate(**found["mean"]) if found else None,
        chance=100 / classes,
    )


def measure(source: Path, test: Activations, head: Head) -> Accuracy:
    """Return the accuracy on the test set in folder `source`, among its own classes."""
    with error_context(source, ValueError):
        class_map = map_classes(test.class_indices.tolist(), len(head.weight), test.aliases)
        fraction = top1_accuracy(test.values, test.classes, head, class_map)
    return Accuracy(fraction, len(test.classes))


def no_line(shift: str, baseline: dict) -> str:
    """Say why a shift has no line, or nothing: too few models are above chance, or none stated."""
    if shift in baseline.get("no_baseline", ()):
        return f"the study compares it with no standard models (`shifts.{shift}.baseline: none`)"
    at_chance = baseline["at_chance"].get(shift)
    if shift in baseline["lines"] or at_chance is None:
        return ""
    models = len(baseline.get("own_models", {}).get(shift, baseline["models"]))
    return (
        f"{len(at_chance)} of {models} standard models are not above chance on it, and a line "
        f"needs {MIN_MODELS} that are"
    )


def other_classes(tests: dict[str, Activations], shift: str, baseline: dict) -> str:
    """Say how the classes of a shift's line differ from those of the test sets, or nothing.

    Fewer classes are easier to tell apart, so accuracy among them is not comparable with a line
    over all classes. For ImageNet, the classes of the line's abscissa count.
    """
    if shift not in baseline["lines"]:
        return ""
    own, expected = (
        {*map(int, c)} for c in (tests[shift].class_indices, baseline["classes"][shift])
    )
    imagenet, needed = (
        {*tests[TEST_SETS[0]].class_indices.tolist()},
        {*baseline["classes"]["imagenet"]},
    )
    if baseline["abscissa"][shift] != "imagenet":
        at_abscissa = expected | {*tests[shift].aliases}
        imagenet, needed = imagenet & at_abscissa, needed & at_abscissa
    for name, held, of_line in ((shift, own, expected), (TEST_SETS[0], imagenet, needed)):
        if held != of_line:
            others = f" and {len(held - of_line):,} others" if held - of_line else ""
            return (
                f"{name} has images of {len(held & of_line):,} of the {len(of_line):,} classes "
                f"that the line's models were measured on{others}; fewer classes are easier to "
                "tell apart, so that this accuracy does not compare with the line"
            )
    return ""


def imagenet_accuracy(
    tests: dict[str, Activations],
    shift: str,
    head: Head,
    measured: dict[str, Accuracy],
    baseline: dict,
) -> Accuracy:
    """Return the ImageNet accuracy at which a shift's line is read: over its classes, or all.

    A class that the shift merges with another counts as that one for ImageNet's images too. A shift
    that is compared with no standard models stands beside the accuracy on its classes.
    """
    imagenet, test = tests[TEST_SETS[0]], tests[shift]
    same = np.array_equal(imagenet.class_indices, test.class_indices) and not test.aliases
    alone = shift in baseline.get("no_baseline", ())
    if same or (baseline["abscissa"].get(shift, "imagenet") == "imagenet" and not alone):
        return measured[TEST_SETS[0]]
    class_map = map_classes(test.class_indices.tolist(), len(head.weight), test.aliases)
    chosen, classes = images_of_classes(imagenet.classes, class_map)
    return Accuracy(top1_accuracy(imagenet.values[chosen], classes, head, class_map), len(classes))


def estimate(
    pairs: dict[str, tuple[Accuracy, Accuracy]], baseline: dict, settings: Settings
) -> dict[str, Any]:
    """Return effective robustness per measured shift and its mean; empty without a shift.

    `pairs` are the accuracies on ImageNet and on the shift, by shift.

    `extrapolated` lists the shifts whose line is extrapolated to this encoder.
    """
    if not pairs:
        return {}
    result = estimate_effective_robustness(
        {shift: imagenet for shift, (imagenet, _) in pairs.items()},
        {
            shift: pairs[shift][1] if shift in pairs else None
            # All of the testbed's, so that an absent one does not change the draws of the others.
            for shift in (*TESTBED_SHIFTS, *own_shifts(pairs))
        },
        {shift: LogitLine(**line) for shift, line in baseline["lines"].items()},
        {
            shift: ResampledLines(np.array(lines["slope"]), np.array(lines["intercept"]))
            for shift, lines in baseline["resampled"].items()
        },
        confidence=settings.confidence,
        seed=settings.seed,
    )
    shifts = {shift: asdict(estimate) for shift, estimate in result.shifts.items()}
    means = {name: asdict(mean) for name in MEANS if (mean := getattr(result, name))}
    return shifts | means | {"extrapolated": list(result.extrapolated)}


def without_mean(robustness: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the means over shifts: without those that were not given, none compares."""
    return {name: value for name, value in robustness.items() if name not in MEANS}


def pruned(
    directions: Mapping[str, Any],
    shifts: Sequence[str],
    baseline: Mapping[str, Any],
    harmless: float,
) -> dict[str, Any]:
    """Return mean effective robustness at every pruned fraction, and the prunable fractions.

    Of the head and of each random head in `directions.json`; `shifts` are those of the mean. A
    pruned encoder is less accurate, and a line may be extrapolated to it: `extrapolated` lists the
    fractions at which any is.
    """
    fractions = np.array(directions["fractions"])
    head = directions["heads"][directions["centre"]]["accuracy"]
    every = [head, *directions["random_heads"]["accuracy"]]
    lines = {shift: LogitLine(**baseline["lines"][shift]) for shift in shifts}
    at = [{shift: abscissas(curves, shift, baseline) for shift in shifts} for curves in every]
    robust = [
        robustness_curve(x, {shift: as_fractions(curves[shift]) for shift in shifts}, lines)
        for curves, x in zip(every, at, strict=True)
        if shifts
    ]
    found = [
        prunable_fractions(
            fractions, np.array(curves["imagenet"]), robust[i] if shifts else None, harmless
        )
        for i, curves in enumerate(every)
    ]
    outside = [
        any(line.is_extrapolated(float(at[0][shift][i])) for shift, line in lines.items())
        for i in range(len(fractions))
    ]
    return {
        "fractions": fractions,
        "robustness": robust[0] if shifts else None,
        "random_robustness": np.mean(robust[1:], axis=0) if shifts else None,
        "extrapolated": fractions[outside],
        "head": asdict(found[0]),
        "random_heads": [asdict(one) for one in found[1:]],
    }


def abscissas(
    curves: Mapping[str, Sequence[float]], shift: str, baseline: Mapping[str, Any]
) -> np.ndarray:
    """Return the ImageNet accuracies of a pruning curve at which a shift's line is read.

    On the same classes as in `imagenet_accuracy`.
    """
    whole = baseline["abscissa"].get(shift, "imagenet") == "imagenet"
    fewer = not whole and on_classes(shift) in curves
    return as_fractions(curves[on_classes(shift) if fewer else "imagenet"])


def as_fractions(percents: Sequence[float]) -> np.ndarray:
    """Return accuracies in percent as fractions."""
    return np.array(percents) / 100


def prunable(found: Mapping[str, Any]) -> PruningResult:
    """Return the prunable fractions of `pruned`, each with its mean over random heads."""
    random = found["random_heads"]
    robust = found["robustness"] is not None
    return PruningResult(
        **found["head"],
        chance=fmean(one["prunable"] for one in random) if robust else None,
        accuracy_chance=fmean(one["by_accuracy"] for one in random),
        robustness_chance=fmean(one["by_robustness"] for one in random) if robust else None,
    )
