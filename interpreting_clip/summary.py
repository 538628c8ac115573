"""What the command measured in words, the numbers beside their chance levels."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from interpreting_clip.measures.result import Number, Result
from interpreting_clip.readable import table_row

SENTENCES = {
    "kurtosis": {
        "kurtosis": "The features of an image have a kurtosis of {value} on average; after a "
        "random rotation {chance} is expected.",
        "outliers.outlier_features": "Number of outlier features: {value}; after random rotations "
        "{basis[rotated_outliers]}.",
    },
    "participation_ratio": {
        "dimensions": "The images use {value} dimensions of {own[features]}; as many images of "
        "independent features would use {chance}.",
    },
    "privileged_basis": {
        "max_to_median": "The largest feature of an image is {value} times the median one; after "
        "random rotations {chance} times.",
        "kurtosis_p": "Random rotations have a kurtosis of {own[rotated_kurtosis]}; the two-sided "
        "p of the features' among them is {value}.",
    },
    "directions": {
        "importance_ratio": "The head reads {own[directions]} directions. The most important has "
        "{value} times the importance of the median one; in random heads {chance} times.",
    },
    "accuracy": {
        "accuracy": "The head is right on {value} of {own[images]} images, among {own[classes]} "
        "classes; guessing, on {chance}.",
    },
    "pruning": {
        "by_accuracy": "A share of {value} of the directions can be pruned; in random heads "
        "{chance}.",
    },
    "effective_robustness": {
        "robustness": "The mean effective robustness is {value}. Standard models have {chance} on "
        "average, with an SD of {own[spread.deviation]}; one more of them would lie within "
        "±{own[spread.limit]}.",
    },
    "cka": {"cka": "CKA is {value}; with permuted images {chance} is expected."},
    "mutual_neighbours": {
        "alignment": "Both encoders share {value} of the {own[k]} nearest neighbours of an image; "
        "with permuted images {chance} is expected.",
    },
    "concepts": {
        "directions.unique": "The head's directions encode {value} concepts; with permuted images "
        "{chance}, and as many random directions {own[directions.random]}.",
        "features.unique": "The features encode {value} concepts; with permuted images {chance}, "
        "and as many random directions {own[features.random]}.",
    },
}
"""By the name of a measure and of a number, the sentence about it."""


def inputs_in_words(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Return how much was measured, from the shapes of the arrays by role."""
    words = {
        "activations": "{0:,} images × {1:,} features",
        "head": "a head of {0:,} classes",
        "concepts": "{1:,} concepts",
        "compare": "{1:,} features of another encoder",
    }
    shift = "{0:,} images of {role}"
    parts = [
        words.get(role, shift).format(*shape, role=role.removeprefix("shift "))
        for role, shape in shapes.items()
        if role != "labels"
    ]
    return f"Measured: {', '.join(parts)}." if parts else "Measured from known accuracies."


def sentences(results: Mapping[str, Result]) -> Iterator[tuple[str, str]]:
    """Yield the names of measures, each with sentences about its most important numbers."""
    numbers = {name: known_numbers(result) for name, result in results.items()}
    texts = {
        name: defaultdict(lambda: "–", {key: value_text(one) for key, one in own.items()})
        for name, own in numbers.items()
    }
    for name, own in numbers.items():
        templates = SENTENCES["accuracy" if name.startswith("accuracy_") else name]
        told = [
            template.format(
                value=value_text(own[key]),
                chance=value_text(replace(own[key], value=own[key].chance, low=None, high=None)),
                own=texts[name],
                basis=texts.get("privileged_basis"),
            )
            for key, template in templates.items()
            if key in own
        ]
        yield name, " ".join(told)


def known_numbers(result: Result) -> dict[str, Number]:
    """Return the numbers that a result has, by name."""
    return {one.name: one for one in result.numbers if one.value is not None}


def value_text(number: Number) -> str:
    """Return a number with its unit and its interval, which a line does not break."""
    _, value, unit, interval, _ = table_row(number)
    return " ".join(filter(None, (value, unit, interval))).replace(" ", "\N{NO-BREAK SPACE}")
