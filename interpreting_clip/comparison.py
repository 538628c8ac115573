"""Several encoders on the same images: each one's measures, their differences and similarities."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import combinations
from types import MappingProxyType
from typing import Any

from interpreting_clip.arrays.conversions import (
    MAX_QUOTED,
    ArrayLike,
    HeadLike,
    as_mapping,
    as_matrix,
    as_progress,
)
from interpreting_clip.catalogue import (
    LONG,
    comparisons_of_arrays,
    meaningful_steps,
    measures_of_arrays,
)
from interpreting_clip.errors import one_line
from interpreting_clip.formats.result import Result
from interpreting_clip.measures.concepts import concepts
from interpreting_clip.measures.encoder_comparison import (
    ON_SHIFTS,
    Comparison,
    Similarity,
    paired_differences,
)
from interpreting_clip.statistics.nulls import Progress


def compare(
    activations: Mapping[str, ArrayLike],
    *,
    head: HeadLike | Mapping[str, HeadLike] | None = None,
    bias: ArrayLike | Mapping[str, ArrayLike] | None = None,
    normalize_features: bool | Mapping[str, bool] = False,
    classes: ArrayLike | None = None,
    among: ArrayLike | None = None,
    labels: ArrayLike | Mapping[str, ArrayLike] | None = None,
    names: Sequence[str] | None = None,
    captions: ArrayLike | Mapping[str, ArrayLike] | None = None,
    progress: Progress = iter,
) -> Comparison:
    """Compare encoders on the same images: every measure of each that the arguments allow.

    A difference of two encoders has an interval of its own: what both share, such as images that
    are hard for both, cancels. So it may be known well where the intervals of both overlap. The
    kurtosis and the accuracy are subtracted image by image, before the images are resampled; counts
    of concepts draw by draw, on the same resampled images; dimensions block by block, of the
    jackknife; and, in the command, effective robustness draw by draw, on the same resampled lines.
    Intervals are of one difference each, not corrected for their number. Other numbers have no
    draws that encoders share, so that their differences have no interval.

    Parameters
    ----------
    activations : by the name of each encoder, one row per image, the same images in the same order,
        before L2 normalisation
    head, bias, normalize_features : as in `accuracy`, one for all encoders, or by their names; an
        encoder that is left out has none
    classes, among : the class of each image, and those to choose from, as in `accuracy`
    labels, names : which image shows which concept, and what these are called, as in `concepts`
    captions : as in `modality_gap`, one for all encoders, or by their names
    progress : goes through the draws of long measures, such as `tqdm`

    Raises
    ------
    TypeError, ValueError
        There are fewer than two encoders, their numbers of images differ, or a name is none of
        theirs; or as the measures, with the name of the encoder.
    """
    encoders = {str(name): one for name, one in as_mapping(activations, "activations").items()}
    if len(encoders) < 2:
        raise ValueError(
            "activations: expected those of two encoders or more by their names, "
            f"{{'a': …, 'b': …}}, got {len(encoders)}"
        )
    progress = as_progress(progress)
    given: dict[str, dict[str, Any]] = {}
    heads, biases, unit, texts = (
        by_encoder(value, name, encoders)
        for name, value in (
            ("head", head),
            ("bias", bias),
            ("normalize_features", normalize_features),
            ("captions", captions),
        )
    )
    for name, value in encoders.items():
        with encoder_context(name):
            images = as_matrix(value, "activations")
        given[name] = {"activations": images}
        if heads.get(name) is not None:
            given[name]["head"] = {
                "head": heads[name],
                "bias": biases.get(name),
                "normalize_features": unit.get(name, False),
            }
        if classes is not None:
            given[name]["labels"] = {"activations": images, "classes": classes, "among": among}
        if labels is not None:
            given[name]["concepts"] = {"activations": images, "labels": labels, "names": names}
        if texts.get(name) is not None:
            given[name]["captions"] = texts[name]
    first, *others = given
    for other in others:
        counts = [len(given[name]["activations"]) for name in (first, other)]
        if counts[0] != counts[1]:
            raise ValueError(
                f"activations: {first} has {counts[0]:,} images and {other} {counts[1]:,}; "
                "expected the same images in the same order"
            )
    results: dict[str, dict[str, Result]] = {}
    for name, one in given.items():
        with encoder_context(name):
            results[name] = measure_encoder(one, progress)
    return compare_results(results, {name: one["activations"] for name, one in given.items()})


def by_encoder(value: Any, name: str, encoders: Mapping[str, Any]) -> dict[str, Any]:
    """Return an argument by the name of each encoder, also if it is one for all."""
    if not isinstance(value, Mapping):
        return dict.fromkeys(encoders, value)
    if unknown := [one_line(str(key))[:MAX_QUOTED] for key in value if str(key) not in encoders]:
        raise ValueError(
            f"{name}: {unknown[0]} is not one of the encoders; expected some of "
            f"{', '.join(encoders)}"
        )
    return {str(key): one for key, one in value.items()}


@contextmanager
def encoder_context(name: str) -> Iterator[None]:
    """Put the encoder in front of an error of a measure."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from error


def measure_encoder(given: Mapping[str, Any], progress: Progress) -> dict[str, Result]:
    """Return the results of every measure of an encoder's arrays by its name, concepts last."""
    long: dict[str, dict[str, Any]] = {name: {"progress": progress} for name in LONG}
    steps = meaningful_steps(measures_of_arrays(given, long), given["activations"], None)
    results = {name: measure() for name, _, needs, measure in steps if given.keys() >= {*needs}}
    if "concepts" in given:
        directions = results.get("directions")
        results["concepts"] = concepts(
            **given["concepts"], directions=directions, **long["concepts"]
        )
    return results


def compare_results(
    results: dict[str, dict[str, Result]],
    activations: Mapping[str, Any],
    other_images: Mapping[tuple[str, str, str], str] = MappingProxyType({}),
) -> Comparison:
    """Return the comparison of encoders whose measures are known.

    Parameters
    ----------
    results : by encoder and measure
    activations : of each encoder
    other_images : why two encoders are not on the same images, by their names and that of a shift;
        it is empty for the activations themselves
    """
    pairs = [pair for pair in combinations(results, 2) if (*pair, "") not in other_images]
    not_compared = [
        f"{first} and {second}{f' on {shift}' if shift else ''}: {reason}"
        for (first, second, shift), reason in other_images.items()
    ]
    similarities = []
    for first, second in pairs:
        given = {"activations": activations[first], "compare": activations[second]}
        found: dict[str, Result] = {}
        for name, title, needs, measure in comparisons_of_arrays(given):
            if lacking := [need for need in needs if need not in given]:
                not_compared += [f"{first} and {second} by {title}: needs {', '.join(lacking)}"]
            else:
                found[name] = measure()
        if found:
            similarities.append(Similarity(first=first, second=second, results=found))
    left_out = {
        (first, second, f"{start}{shift}")
        for first, second, shift in other_images
        if shift
        for start in ON_SHIFTS
    }
    return Comparison(
        results=results,
        differences=[
            one
            for one in paired_differences(results, pairs)
            if (one.first, one.second, one.number.name) not in left_out
        ],
        similarities=similarities,
        not_compared=not_compared,
    )
