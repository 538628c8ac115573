"""What the command measured in words, the numbers beside their chance levels."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from math import prod

from interpreting_clip.measures.result import Result
from interpreting_clip.readable import table_row

SENTENCES = {
    "kurtosis": {
        "kurtosis": "The kurtosis of an image's features is {value} on average; after a random "
        "rotation, {chance} is expected.",
        "outliers.outlier_features": "Outlier features: {value}; after random rotations: "
        "{basis[rotated_outliers]}.",
    },
    "participation_ratio": {
        "dimensions": "The images use {value} of {own[features]} dimensions; as many images with "
        "independent features would use {chance}.",
    },
    "privileged_basis": {
        "kurtosis_p": "After random rotations, the features have a kurtosis of "
        "{own[rotated_kurtosis]}; two-sided p value of their own kurtosis: {value}.",
    },
    "directions": {
        "importance_ratio": "Directions that the head reads: {own[directions]}. The most important "
        "is {value} times as important as the median one; in random heads, {chance} times.",
    },
    "accuracy": {
        "accuracy": "The head is right on {value} of {own[images]} images, among {own[classes]} "
        "classes; guessing would be right on {chance}.",
    },
    "pruning": {
        "by_accuracy": "A fraction of {value} of the directions, the least important, can be "
        "pruned at almost no loss of accuracy; in random heads, {chance}.",
    },
    "effective_robustness": {
        "robustness": "The mean effective robustness is {value}; that of standard models is "
        "{chance}, with an SD of {own[spread.deviation]}. The prediction interval for one more "
        "standard model is ±{own[spread.limit]}.",
    },
    "cka": {"cka": "CKA is {value}; with permuted images, {chance} is expected."},
    "mutual_neighbours": {
        "alignment": "Both encoders share a fraction of {value} of an image's {own[k]} nearest "
        "neighbours; with permuted images, {chance} is expected.",
    },
    "concepts": {
        "directions.unique": "Concepts that the head's directions encode: {value}; for as many "
        "random directions: {chance}.",
        "features.unique": "Concepts that single features encode: {value}; for as many random "
        "directions: {chance}.",
    },
}
"""By the name of a measure and of a number, the sentence about it."""


def inputs_in_words(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Return how much was measured, from the shapes of the arrays by role."""
    words = {
        "activations": "{0:,} images × {1:,} features",
        "head": "a head of {0:,} classes",
        "concepts": "{1:,} concept{plural}",
        "compare": "{width:,} features of another encoder",
    }
    shift = "{0:,} images of {role}"
    parts = []
    for role, shape in shapes.items():
        if role != "labels":
            width = prod(shape[1:])
            more = {"role": role.removeprefix("shift "), "plural": "s"[: width != 1]}
            parts.append(words.get(role, shift).format(*shape, width=width, **more))
    return f"Measured: {', '.join(parts)}." if parts else "Measured from known accuracies."


def sentences(results: Mapping[str, Result]) -> Iterator[tuple[str, str]]:
    """Yield the names of measures, each with sentences about its most important numbers."""
    texts = {name: number_texts(result) for name, result in results.items()}
    values = {
        name: defaultdict(lambda: "–", {key: value for key, (value, _) in own.items()})
        for name, own in texts.items()
    }
    for name, own in texts.items():
        # None for a measure of somebody's own.
        templates = SENTENCES.get("accuracy" if name.startswith("accuracy_") else name, {})
        told = [
            template.format(
                value=own[key][0],
                chance=own[key][1],
                own=values[name],
                basis=values.get("privileged_basis"),
            )
            for key, template in templates.items()
            if key in own
        ]
        yield name, " ".join(told)


def number_texts(result: Result) -> dict[str, tuple[str, str]]:
    """Return by name the numbers that a result has, and their chance levels, as its table does.

    A number stands with its unit and its interval, which a line does not break.
    """
    rows = {one.name: table_row(one) for one in result.numbers if one.value is not None}
    return {
        name: (unbroken(value, unit, interval), unbroken(chance, unit))
        for name, (_, value, unit, interval, chance) in rows.items()
    }


def unbroken(*words: str) -> str:
    """Return the words that are not empty as one that a line does not break."""
    return " ".join(filter(None, words)).replace(" ", "\N{NO-BREAK SPACE}")
