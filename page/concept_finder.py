"""Which directions and features of which encoders encode a concept: the page's concept finder."""

from collections.abc import Iterable, Sequence
from typing import Any

from page.links import direction_href
from page.results import StudyEncoder

LINKS = 3000
"""The most links in the finder, so that even a large study's page opens at once."""


def concept_finder(
    encoders: Sequence[StudyEncoder],
    probed: Iterable[tuple[str, str]] = (),
    links: int = LINKS,
) -> list[dict[str, Any]]:
    """Return each concept that was probed, by name, with about `links` links at most.

    Each concept that any encoder encodes gets an equal share of the links, but at least one. A
    concept has its `pairs`, the strongest first: the encoder, the basis, what encodes it and its
    address in the direction browser, None for an encoder without pages. `weaker` counts the pairs
    that are left out.

    Parameters
    ----------
    encoders
        The study's encoders.
    probed
        Name and category of every concept that they were probed for.
    links
        The most links.
    """
    pairs: dict[tuple[str, str], list[dict[str, Any]]] = {concept: [] for concept in probed}
    for encoder in encoders:
        concepts = encoder.results.concepts
        examined = {axis.feature for axis in encoder.results.outlier_axes.axes}
        for basis, found in (concepts.bases if concepts else {}).items():
            for pair in found.encoded:
                number = pair.number
                href = None
                if encoder.browsable:
                    href = direction_href(encoder.key, basis, number, examined=number in examined)
                one = {"encoder": encoder, "basis": basis, "pair": pair, "href": href}
                pairs.setdefault((pair.concept, pair.category), []).append(one)
    most = max(1, links // max(1, sum(map(bool, pairs.values()))))
    return [
        {
            "name": name,
            "category": category,
            # The sort is stable: of equal precisions, the first of the study comes first.
            "pairs": sorted(found, key=lambda one: -one["pair"].precision)[:most],
            "weaker": max(0, len(found) - most),
        }
        for (name, category), found in sorted(pairs.items())
    ]
