"""The paper's three insights, as the first screen of the study's page has them.

They are those of its published abstract (Crabbé et al., TMLR, November 2024).
"""

from collections.abc import Sequence

import msgspec

from interpreting_clip.formats.result_tables import format_number
from page.array_sections import ArrayEntry, encodings
from page.labelled_sections import LabelledEntry
from page.names import format_percent
from page.verdicts import Claim

INSIGHTS = (
    ("Robust zero-shot CLIPs have outlier features.", {"robust-have-outliers": ""}),
    (
        "Only robust encoders have outlier features, so these indicate robustness.",
        {"outliers-indicate-robustness": ""},
    ),
    (
        "Zero-shot CLIPs encode more unique concepts than finetuned and supervised ones of their "
        "backbone; this does not indicate robustness.",
        {
            "concept-order": "zero-shot minus others",
            "concepts-and-robustness": "less robust minus more robust",
        },
    ),
)
"""Each insight with the keys of the claims that judge it, and what part of it they judge."""


class Insight(msgspec.Struct, frozen=True, kw_only=True):
    """An insight, its claims with the part that each judges, and what real encoders say."""

    text: str
    claims: list[tuple[str, Claim]]
    real: str


def insights(
    claims: Sequence[Claim],
    arrays: Sequence[ArrayEntry] = (),
    labelled: Sequence[LabelledEntry] = (),
) -> list[Insight]:
    """Return the insights that at least one of the claims judges, in the paper's order.

    `real` is empty without published activations.
    """
    known = {claim.key: claim for claim in claims}
    found = [
        Insight(
            text=text,
            claims=[(part, known[key]) for key, part in parts.items() if key in known],
            real=real,
        )
        for (text, parts), real in zip(INSIGHTS, real_encoders(arrays, labelled), strict=True)
    ]
    return [insight for insight in found if insight.claims]


def real_encoders(
    arrays: Sequence[ArrayEntry], labelled: Sequence[LabelledEntry]
) -> tuple[str, str, str]:
    """Return what published activations say about each insight, nothing without any.

    They come without shifts and without finetuned or supervised counterparts, so they show whether
    real encoders have outlier features and encode concepts, and no more.
    """
    measured = encodings(arrays)
    if not measured:
        return "", "", ""
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
            random = f"random directions{' in their span' * bool(in_span)} encode"
            by_chance = f"; {random} {format_number(chance.value, 1)}" if chance else ""
            return (
                f"The directions of {e.entry.label} encode {format_number(counts.unique.value, 0)} "
                f"of {len(e.concepts.concepts)} concepts{by_chance}."
            )
    return "No concepts were counted."
