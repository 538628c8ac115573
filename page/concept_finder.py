"""Which directions and features of which encoders encode a concept: the page's concept finder."""

from collections.abc import Iterable, Sequence

import msgspec

from page.links import direction_href
from page.results import EncodedPair, StudyEncoder

LINKS = 3000
"""The most links in the finder, so that even a large study's page opens at once."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What encodes a concept in one encoder, the strongest first, each with its address.

    The direction browser has a page for each.
    """

    encoder: StudyEncoder
    pairs: list[tuple[EncodedPair, str]]


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
    pairs: dict[tuple[str, str], list[tuple[StudyEncoder, EncodedPair]]] = {
        concept: [] for concept in probed
    }
    for encoder in encoders:
        for pair in encoder.series.encoded:
            pairs.setdefault((pair.concept, pair.category), []).append((encoder, pair))
    most = max(1, links // max(1, sum(map(bool, pairs.values()))))
    return [
        ConceptFindings(
            name=name,
            category=category,
            findings=_by_encoder(strongest(found)[:most]),
            weaker=max(0, len(found) - most),
        )
        for (name, category), found in sorted(pairs.items())
    ]


def strongest(
    found: Iterable[tuple[StudyEncoder, EncodedPair]],
) -> list[tuple[StudyEncoder, EncodedPair]]:
    """Return pairs by descending precision; ties keep the order of the study."""
    return sorted(found, key=lambda pair: -pair[1].precision)


def _by_encoder(found: Sequence[tuple[StudyEncoder, EncodedPair]]) -> list[Finding]:
    grouped: dict[int, list[tuple[StudyEncoder, EncodedPair]]] = {}
    for encoder, pair in found:
        grouped.setdefault(encoder.number, []).append((encoder, pair))
    return [
        Finding(
            encoder=group[0][0],
            pairs=[(pair, _address(encoder, pair)) for encoder, pair in group],
        )
        for _, group in sorted(grouped.items())
    ]


def _address(encoder: StudyEncoder, pair: EncodedPair) -> str:
    examined = {axis.feature for axis in encoder.series.outliers.axes}
    return direction_href(encoder.key, pair.basis, pair.number, examined=pair.number in examined)
