"""Concepts across encoders: how many two encoders share, and where each is encoded."""

from collections.abc import Iterable, Sequence
from typing import Any

from page.families import families
from page.names import direction_href
from page.study_results import StudyEncoder


def shared_concepts(encoders: Sequence[StudyEncoder]) -> list[dict[str, Any]]:
    """Count the concepts that a zero-shot encoder shares with a finetuned or supervised one.

    A counterpart with another kind of representation, or without concepts, is left out. All
    encoders of a study are scored on the same negatives, so a concept is equally difficult for
    both. `by_chance` is how many both would encode if each chose its concepts at random.
    """
    rows = []
    for family in families(encoders):
        concepts = family.zero_shot.results.concepts
        for second in (family.finetuned, family.supervised):
            others = second.results.concepts
            if not concepts or not others or not family.comparable(second):
                continue
            for basis, counts in concepts.bases.items():
                first, other = set(counts.names), set(others.bases[basis].names)
                rows.append(
                    {
                        "first": family.zero_shot.entry.label,
                        "second": second.entry.label,
                        "basis": basis,
                        "both": len(first & other),
                        "by_chance": len(first) * len(other) / len(concepts.concepts),
                        "only_first": len(first - other),
                        "only_second": len(other - first),
                    }
                )
    return rows


def concept_finder(
    encoders: Sequence[StudyEncoder], probed: Iterable[tuple[str, str]] = ()
) -> list[dict[str, Any]]:
    """Return each concept that was probed, by name, with its `pairs`, the strongest first.

    A pair has the encoder, the basis, the direction or feature that encodes the concept, and the
    address of its page, None if the encoder has no pages or the feature was not examined.
    """
    pairs: dict[tuple[str, str], list[dict[str, Any]]] = {concept: [] for concept in probed}
    for e in encoders:
        examined = {axis.feature for axis in e.results.outlier_axes.axes}
        for basis, counts in (e.results.concepts.bases if e.results.concepts else {}).items():
            for pair in counts.encoded:
                shown = e.browsable and (basis == "directions" or pair.number in examined)
                href = direction_href(e.key, basis, pair.number) if shown else None
                place = {"encoder": e, "basis": basis, "pair": pair, "href": href}
                pairs.setdefault((pair.concept, pair.category), []).append(place)
    return [
        {
            "name": name,
            "category": category,
            # The sort is stable: equal precisions keep the order of the study.
            "pairs": sorted(places, key=lambda place: -place["pair"].precision),
        }
        for (name, category), places in sorted(pairs.items())
    ]
