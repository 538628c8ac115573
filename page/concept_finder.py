"""Which directions and features of which encoders encode a concept: the page's concept finder."""

from collections.abc import Iterable, Sequence

import msgspec

from interpreting_clip.measures.concept_counts import EncodedPair
from page.links import direction_href
from page.results import StudyEncoder

Encoded = tuple[StudyEncoder, str, EncodedPair]
"""A pair with its encoder and its basis."""

LINKS = 3000
"""The most links in the finder, so that even a large study's page opens at once."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What encodes a concept in one encoder, the strongest first.

    Each pair has its basis, `directions` or `features`, and its address in the direction browser.
    """

    encoder: StudyEncoder
    pairs: list[tuple[str, EncodedPair, str]]


class ConceptFindings(msgspec.Struct, frozen=True, kw_only=True):
    """A concept, and what encodes it by encoder; `weaker` counts the pairs that are left out.

    Nothing encodes a concept without findings.
    """

    name: str
    category: str
    findings: list[Finding]
    weaker: int


def concept_finder(
    encoders: Sequence[StudyEncoder],
    probed: Iterable[tuple[str, str]] = (),
    links: int = LINKS,
) -> list[ConceptFindings]:
    """Return each concept that was probed, by name, with about `links` links at most.

    Each concept that any encoder encodes gets an equal share of the links, but at least one.

    Parameters
    ----------
    encoders
        The study's encoders.
    probed
        Name and category of every concept that they were probed for.
    links
        The most links.
    """
    pairs: dict[tuple[str, str], list[Encoded]] = {concept: [] for concept in probed}
    for encoder in encoders:
        concepts = encoder.results.concepts
        for basis, found in (concepts.bases if concepts else {}).items():
            for pair in found.encoded:
                pairs.setdefault((pair.concept, pair.category), []).append((encoder, basis, pair))
    most = max(1, links // max(1, sum(map(bool, pairs.values()))))
    return [
        ConceptFindings(
            name=name,
            category=category,
            # The sort is stable: of equal precisions, the first of the study comes first.
            findings=_by_encoder(sorted(found, key=lambda one: -one[2].precision)[:most]),
            weaker=max(0, len(found) - most),
        )
        for (name, category), found in sorted(pairs.items())
    ]


def _by_encoder(found: Sequence[Encoded]) -> list[Finding]:
    grouped: dict[int, Finding] = {}
    for encoder, basis, pair in found:
        finding = grouped.setdefault(encoder.number, Finding(encoder=encoder, pairs=[]))
        finding.pairs.append((basis, pair, _address(encoder, basis, pair.number)))
    return [finding for _, finding in sorted(grouped.items())]


def _address(encoder: StudyEncoder, basis: str, number: int) -> str:
    examined = {axis.feature for axis in encoder.results.outlier_axes.axes}
    return direction_href(encoder.key, basis, number, examined=number in examined)
