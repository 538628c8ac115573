"""Concepts across encoders: those that two share, and where each is encoded."""

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
    found = []
    for family in families(encoders):
        concepts = family.zero_shot.results.concepts
        for second in (family.finetuned, family.supervised):
            others = second.results.concepts
            if not concepts or not others or not family.comparable(second):
                continue
            for basis, counts in concepts.bases.items():
                one, other = set(counts.names), set(others.bases[basis].names)
                found.append(
                    {
                        "first": family.zero_shot.entry.label,
                        "second": second.entry.label,
                        "basis": basis,
                        "both": len(one & other),
                        "by_chance": len(one) * len(other) / len(concepts.concepts),
                        "only_first": len(one - other),
                        "only_second": len(other - one),
                    }
                )
    return found


def concept_finder(
    encoders: Sequence[StudyEncoder], probed: Iterable[tuple[str, str]] = ()
) -> list[dict[str, Any]]:
    """Return each concept that was probed, by name, with its `pairs`, the strongest first.

    A pair is the encoder, the basis, what encodes the concept, and its address among the pages of
    directions, None for an encoder without pages and for a feature that was not examined.
    """
    pairs: dict[tuple[str, str], list[dict[str, Any]]] = {concept: [] for concept in probed}
    for e in encoders:
        examined = {axis.feature for axis in e.results.outlier_axes.axes}
        for basis, found in (e.results.concepts.bases if e.results.concepts else {}).items():
            for pair in found.encoded:
                shown = e.browsable and (basis == "directions" or pair.number in examined)
                href = direction_href(e.key, basis, pair.number) if shown else None
                one = {"encoder": e, "basis": basis, "pair": pair, "href": href}
                pairs.setdefault((pair.concept, pair.category), []).append(one)
    return [
        {
            "name": name,
            "category": category,
            # The sort is stable: of equal precisions, the first of the study comes first.
            "pairs": sorted(found, key=lambda one: -one["pair"].precision),
        }
        for (name, category), found in sorted(pairs.items())
    ]
