"""Concepts across encoders: how many two encoders share, and where each is encoded."""

from collections.abc import Iterable, Sequence
from typing import Any

from page.families import families
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
    """Return each concept that was probed, by name, with the encoders that encode it.

    `encoders` are pairs of an encoder and its `directions` and `features` by number, the strongest
    first. `cut`: whether the result of some encoder does not list all of its pairs.
    """
    found: dict[tuple[str, str], list[tuple[StudyEncoder, dict[str, list[int]]]]]
    found = {concept: [] for concept in probed}
    cut = False
    for e in encoders:
        numbers: dict[tuple[str, str], dict[str, list[int]]] = {}
        for basis, counts in (e.results.concepts.bases if e.results.concepts else {}).items():
            cut = cut or len(counts.encoded) < counts.pairs
            for pair in sorted(counts.encoded, key=lambda pair: -pair.precision):
                known = numbers.setdefault(
                    (pair.concept, pair.category), {"directions": [], "features": []}
                )
                known[basis].append(pair.number)
        for concept, known in numbers.items():
            found.setdefault(concept, []).append((e, known))
    return [
        {"name": name, "category": category, "encoders": members, "cut": cut}
        for (name, category), members in sorted(found.items(), key=lambda item: item[0])
    ]
