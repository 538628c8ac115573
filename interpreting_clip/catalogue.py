"""The measures, each with its result, its needs and its parameters.

Whatever runs or explains all measures iterates over `MEASURES`: the library's names, the command,
stage `arrays` and the documentation. A stage of a single measure imports that measure's module.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from inspect import signature
from types import MappingProxyType
from typing import Any

import msgspec

from interpreting_clip.arrays.conversions import as_matrix
from interpreting_clip.formats.result import Result
from interpreting_clip.formats.result_tables import measure_title
from interpreting_clip.measures.accuracy import accuracy
from interpreting_clip.measures.accuracy_drop import accuracy_drop
from interpreting_clip.measures.cka import Settings as CkaSettings
from interpreting_clip.measures.cka import cka
from interpreting_clip.measures.concepts import Settings as ConceptsSettings
from interpreting_clip.measures.concepts import concepts
from interpreting_clip.measures.directions import Settings as DirectionsSettings
from interpreting_clip.measures.directions import directions
from interpreting_clip.measures.effective_robustness import effective_robustness
from interpreting_clip.measures.kurtosis import Settings as KurtosisSettings
from interpreting_clip.measures.kurtosis import kurtosis, outlier_features
from interpreting_clip.measures.layer_outliers import layer_outliers
from interpreting_clip.measures.massive_activations import massive_activations
from interpreting_clip.measures.modality_gap import Settings as ModalityGapSettings
from interpreting_clip.measures.modality_gap import modality_gap
from interpreting_clip.measures.mutual_neighbours import Settings as MutualNeighboursSettings
from interpreting_clip.measures.mutual_neighbours import mutual_neighbours
from interpreting_clip.measures.participation_ratio import Settings as ParticipationRatioSettings
from interpreting_clip.measures.participation_ratio import participation_ratio
from interpreting_clip.measures.privileged_basis import Settings as PrivilegedBasisSettings
from interpreting_clip.measures.privileged_basis import privileged_basis
from interpreting_clip.measures.pruning import pruning
from interpreting_clip.statistics.published_accuracies import Settings as PublishedSettings
from interpreting_clip.statistics.rectified import Representation, zero_share

ACTIVATIONS, HEAD, CLASSES = "activations", "head", "labels"
CONCEPTS, CAPTIONS, COMPARE, ACCURACIES = "concepts", "captions", "compare", "accuracies"
SHIFT, LAYERS = "shift", "layers"


@dataclass(frozen=True)
class Measure:
    """A measure of the library.

    Attributes
    ----------
    function : the measure
    needs : what gives its arguments: activations, a head, the classes of images, which image shows
        which concept, captions of the images, a second representation of the same images,
        activations of the same images after a change, accuracies, or the outputs of layers
    settings : the type of its section of params.yaml; None if it has none
    section : of params.yaml, if it has another name than the measure
    elsewhere : by keyword, the path in params.yaml of a value that is in another section
    within : the measure whose result contains this measure's result
    heading : in a report, if it is not the name
    """

    function: Callable[..., Result]
    needs: tuple[str, ...]
    settings: type[msgspec.Struct] | None = None
    section: str = ""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    within: str = ""
    heading: str = ""

    @property
    def name(self) -> str:
        """Its name in the library."""
        return self.function.__name__

    @property
    def title(self) -> str:
        """Its name as a heading."""
        return self.heading or measure_title(self.name)


MEASURES = {
    measure.name: measure
    for measure in (
        Measure(
            kurtosis, (ACTIVATIONS,), KurtosisSettings, heading="Kurtosis and outlier features"
        ),
        Measure(
            outlier_features,
            (ACTIVATIONS,),
            KurtosisSettings,
            section="kurtosis",
            within="kurtosis",
        ),
        Measure(
            massive_activations, (ACTIVATIONS,), elsewhere={"confidence": "kurtosis.confidence"}
        ),
        Measure(participation_ratio, (ACTIVATIONS,), ParticipationRatioSettings),
        Measure(
            privileged_basis,
            (ACTIVATIONS,),
            PrivilegedBasisSettings,
            elsewhere={
                "outlier_sigma": "kurtosis.outlier_sigma",
                "outlier_share": "kurtosis.outlier_share",
            },
        ),
        Measure(
            directions, (ACTIVATIONS, HEAD), DirectionsSettings, heading="Privileged directions"
        ),
        Measure(
            accuracy,
            (ACTIVATIONS, HEAD, CLASSES),
            elsewhere={"confidence": "robustness.confidence"},
        ),
        Measure(
            accuracy_drop,
            (ACTIVATIONS, HEAD, CLASSES, SHIFT),
            elsewhere={"confidence": "robustness.confidence"},
        ),
        Measure(
            pruning,
            (ACTIVATIONS, HEAD, CLASSES),
            DirectionsSettings,
            section="directions",
            elsewhere={"harmless": "prunable.harmless"},
        ),
        Measure(modality_gap, (ACTIVATIONS, CAPTIONS), ModalityGapSettings),
        Measure(effective_robustness, (ACCURACIES,), PublishedSettings, section="published"),
        Measure(cka, (ACTIVATIONS, COMPARE), CkaSettings),
        Measure(mutual_neighbours, (ACTIVATIONS, COMPARE), MutualNeighboursSettings),
        Measure(
            layer_outliers,
            (LAYERS,),
            elsewhere={
                name: f"kurtosis.{name}"
                for name in ("outlier_sigma", "outlier_share", "confidence")
            },
            heading="Outliers by layer",
        ),
        Measure(concepts, (CONCEPTS,), ConceptsSettings),
    )
}
"""The measures by name, in the order in which the command computes them."""

OF_ARRAYS = [
    one
    for one in MEASURES.values()
    if {*one.needs} <= {ACTIVATIONS, HEAD, CLASSES, CAPTIONS} and not one.within
]
"""The measures of activations, and of a head, classes and captions beside them."""

COMPARISONS = [one for one in MEASURES.values() if COMPARE in one.needs]
"""The measures of two representations of the same images."""

LONG = [one.name for one in MEASURES.values() if "progress" in signature(one.function).parameters]
"""The names of the measures that show how far they are."""

Keywords = Mapping[str, Mapping[str, Any]]
"""By the name of a measure, its settings and other keywords; a measure without any has defaults."""

Step = tuple[str, str, tuple[str, ...], Callable[[], Result]]
"""A measure's name, its title, what it needs, and the call."""


def measures_of_arrays(
    given: Mapping[str, Any], keywords: Keywords = MappingProxyType({})
) -> Iterator[Step]:
    """Yield every measure of activations, and of a head or captions, with what it needs.

    Parameters
    ----------
    given : `activations`; `head`, the keywords for a head; `labels`, the activations and their
        classes as keywords of `accuracy`; `captions`, a row for each image. A measure can be called
        if all that it needs is here. Where there are too few images, its needs also name their
        number, such as `4 images`
    keywords : further ones
    """
    images = given.get(ACTIVATIONS)
    head, labelled = given.get(HEAD, {}), given.get(CLASSES, {})
    for measure in OF_ARRAYS:
        more = {**keywords.get(measure.name, {})}
        if measure.function is participation_ratio and images is not None:
            blocks = more.get("blocks", ParticipationRatioSettings().blocks)
            more["blocks"] = max(2, min(blocks, len(images) // 2))
        arrays = labelled if CLASSES in measure.needs else {"activations": images}
        needs = (*measure.needs, *too_few(measure, images, more))
        of_head = head if HEAD in measure.needs else {}
        if CAPTIONS in measure.needs:
            more[CAPTIONS] = given.get(CAPTIONS)
        yield (
            measure.name,
            measure.title,
            needs,
            partial(measure.function, **arrays, **of_head, **more),
        )


def meaningful_steps(
    steps: Iterable[Step], activations: Any, representation: Representation | None
) -> Iterator[Step]:
    """Yield the measures, but `privileged_basis` of rectified features as one that lacks something.

    They differ from random directions by construction.

    Parameters
    ----------
    steps : the measures of these activations
    activations : one row per image; None if there are none
    representation : as recorded; None: the numbers decide (`zero_share`)
    """
    zeros = None
    if activations is not None:
        zeros = zero_share(as_matrix(activations, "activations"), representation)
    for name, title, needs, measure in steps:
        if name == privileged_basis.__name__ and zeros is not None:
            how = "as recorded" if representation else "by their numbers"
            lacking = (
                f"features that end in a linear layer; these are rectified ({how}: "
                f"{100 * zeros:.0f} % are exactly 0), so they differ from random directions by "
                "construction"
            )
            yield name, title, (lacking,), measure
        else:
            yield name, title, needs, measure


def comparisons_of_arrays(
    given: Mapping[str, Any], keywords: Keywords = MappingProxyType({})
) -> Iterator[Step]:
    """Yield every measure of two representations: of `activations` and of `compare`."""
    first, second = given.get(ACTIVATIONS), given.get(COMPARE)
    for measure in COMPARISONS:
        more = keywords.get(measure.name, {})
        needs = (*measure.needs, *too_few(measure, first, more))
        yield measure.name, measure.title, needs, partial(measure.function, first, second, **more)


def too_few(measure: Measure, images: Any, keywords: Mapping[str, Any]) -> tuple[str, ...]:
    """Return how many images a measure needs, if there are fewer."""
    if measure.settings is None or images is None:
        return ()
    fields = measure.settings.__struct_fields__
    settings = measure.settings(**{name: keywords[name] for name in fields if name in keywords})
    least = getattr(settings, "least_images", 0)
    return (f"{least:,} images",) if len(images) < least else ()
