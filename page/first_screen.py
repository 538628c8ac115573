"""What the real encoders of a study's published activations say about the paper's insights."""

from collections.abc import Sequence

from interpreting_clip.formats.result_tables import format_number
from page.array_sections import ArrayEntry, encodings
from page.labelled_sections import LabelledEntry
from page.names import format_percent


def real_encoders(
    arrays: Sequence[ArrayEntry], labelled: Sequence[LabelledEntry]
) -> tuple[str, str, str] | None:
    """Return a sentence or two for each of the paper's three insights, None without activations.

    Published activations come without shifts and without finetuned or supervised counterparts, so
    they show whether real encoders have outlier features and encode concepts, and no more.
    """
    measured = encodings(arrays)
    if not measured:
        return None
    return (
        " ".join(map(outlier_sentence, measured)),
        "These activations come without accuracies on shifts.",
        f"{concept_sentence(labelled)} No finetuned or supervised encoder to compare.",
    )


def outlier_sentence(entry: ArrayEntry) -> str:
    """Return how many outlier features an encoder has, and in how many images the first is."""
    outliers, label = entry.results.kurtosis.outliers, entry.entry.label
    if not outliers.outlier_features:
        return f"{label} has none."
    first, share = outliers.feature[0], format_percent(float(outliers.share[0]))
    images = f"{entry.results.images:,} images"
    many = "has one:" if outliers.outlier_features == 1 else f"has {outliers.outlier_features};"
    return f"{label} {many} feature {first}, extreme in {share} of {images}."


def concept_sentence(labelled: Sequence[LabelledEntry]) -> str:
    """Return how many concepts the directions of the first head encode, and by chance."""
    for e in labelled:
        counts, in_span = e.concepts.directions, e.concepts.in_span
        if counts:
            chance = in_span.random if in_span else counts.random
            by_chance = f", random ones {'in their span ' * bool(in_span)}"
            by_chance = f"{by_chance}{format_number(chance.value, 1)}" if chance else ""
            return (
                f"The directions of {e.entry.label} encode {format_number(counts.unique.value, 0)} "
                f"of {len(e.concepts.concepts)} concepts{by_chance}."
            )
    return "No concepts were counted."
