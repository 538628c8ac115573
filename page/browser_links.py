"""What leads from the report into the pages of directions: the concept finder, and the switch."""

from collections.abc import Iterable, Sequence
from typing import Any

from page.drawings import script_json
from page.names import DIRECTIONS_PER_PAGE, direction_href, feature_page
from page.results import StudyEncoder


def concept_finder(
    encoders: Sequence[StudyEncoder], probed: Iterable[tuple[str, str]] = (), links: int = 3000
) -> list[dict[str, Any]]:
    """Return each concept that was probed, by name, with its `pairs`, the strongest first.

    A pair is the encoder, the basis, what encodes the concept, and its address among the pages of
    directions, None for an encoder without pages. Each concept that any encoder encodes gets an
    equal share of the `links`, so that even a large study's page opens at once, but at least one;
    `weaker` counts the pairs that are left out.
    """
    pairs: dict[tuple[str, str], list[dict[str, Any]]] = {concept: [] for concept in probed}
    for e in encoders:
        examined = examined_features(e)
        for basis, found in (e.results.concepts.bases if e.results.concepts else {}).items():
            for pair in found.encoded:
                known = pair.number in examined
                href = direction_href(e.key, basis, pair.number, examined=known)
                one = {"encoder": e, "basis": basis, "pair": pair}
                one["href"] = href if e.browsable else None
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


def switch_script(encoders: Sequence[StudyEncoder]) -> str:
    """Return the script that lets a page of directions lead to the same place of other encoders.

    It lists each encoder with pages. These pages are made for one encoder and know no other, so
    that a new encoder makes no other's anew; the script is the report's, which knows all.
    """
    listed = []
    for e in (one for one in encoders if one.browsable):
        concepts = e.results.concepts
        named = {pair.number for pair in concepts.features.encoded} if concepts else set[int]()
        pages = dict.fromkeys(examined_features(e), "features")
        pages |= {f: feature_page(f) for f in sorted(named) if f not in pages}
        listed.append(
            {
                "key": e.key,
                "label": e.entry.label,
                "directions": e.results.directions.directions,
                "features": [list(one) for one in pages.items()],
            }
        )
    value = {"perPage": DIRECTIONS_PER_PAGE, "encoders": listed}
    return f"window.encoders = {script_json(value)};\n"


def examined_features(encoder: StudyEncoder) -> list[int]:
    """Return the features that stage `kurtosis` examined, which share a page."""
    return [axis.feature for axis in encoder.results.outlier_axes.axes]
