"""The measures that activations, a head, classes and a second representation allow, in order.

The command and the stage `arrays` both take their measures from here.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from inspect import signature
from types import MappingProxyType
from typing import Any

from interpreting_clip import api
from interpreting_clip.formats.result import Result
from interpreting_clip.formats.result_tables import measure_title
from interpreting_clip.measures.participation_ratio import Settings as Blocks

Step = tuple[str, str, tuple[str, ...], Callable[[], Result]]
"""A measure: its name, its title, what gives its arguments, and the call."""

Keywords = Mapping[str, Mapping[str, Any]]
"""By the name of a measure, its settings and other keywords; a measure without any has defaults."""

COMPARISONS: dict[str, Callable[..., Result]] = {
    name: getattr(api, name)
    for name in api.__all__
    if [*signature(getattr(api, name)).parameters][:2] == ["first", "second"]
}
"""The measures of two representations of the same images, by name."""


def measures_of_arrays(
    given: Mapping[str, Any], keywords: Keywords = MappingProxyType({})
) -> Iterator[Step]:
    """Yield every measure of activations and of a head on them, with what it needs.

    Parameters
    ----------
    given : `activations`; `head`, the keywords for a head; `labels`, the activations and their
        classes as keywords of `accuracy`. A measure can be called if all that it needs is here.
        Where there are too few images, its needs also name their number, such as `4 images`
    keywords : further ones
    """
    images, test, head = given.get("activations"), given.get("labels", {}), given.get("head", {})
    alone, with_head = ("activations",), ("activations", "head")
    with_labels = (*with_head, "labels")

    def call(name: str, *arrays: Any, **more: Any) -> Callable[[], Result]:
        return partial(getattr(api, name), *arrays, **{**keywords.get(name, {}), **more})

    yield "kurtosis", "Kurtosis and outlier features", alone, call("kurtosis", images)
    blocks = keywords.get("participation_ratio", {}).get("settings", Blocks()).blocks
    if images is not None:
        blocks = max(2, min(blocks, len(images) // 2))
    needs = (*alone, *too_few(images, Blocks(blocks=blocks)))
    dimensions = call("participation_ratio", images, blocks=blocks)
    yield "participation_ratio", "Participation ratio", needs, dimensions
    yield "privileged_basis", "Privileged basis", alone, call("privileged_basis", images)
    directions = call("directions", images, **head)
    yield "directions", "Privileged directions", with_head, directions
    yield "accuracy", "Accuracy", with_labels, call("accuracy", **test, **head)
    yield "pruning", "Pruning", with_labels, call("pruning", **test, **head)


def comparisons_of_arrays(
    given: Mapping[str, Any], keywords: Keywords = MappingProxyType({})
) -> Iterator[Step]:
    """Yield every measure of two representations: of `activations` and of `compare`."""
    both = ("activations", "compare")
    pair = [given.get(name) for name in both]
    for name, measure in COMPARISONS.items():
        more = keywords.get(name, {})
        settings = more.get("settings") or api.settings_kind(measure)()
        needs = (*both, *too_few(pair[0], settings))
        yield name, measure_title(name), needs, partial(measure, *pair, **more)


def too_few(images: Any, settings: Any) -> tuple[str, ...]:
    """Return how many images a measure needs, if there are fewer."""
    least = getattr(settings, "least_images", 0)
    return (f"{least:,} images",) if images is not None and len(images) < least else ()
