"""Comparisons across encoders: correlations with robustness, and concepts."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from interpreting_clip.measures.rank_correlation import MIN_ENCODERS, Settings, rank_correlation
from page.families import families, shares_features
from page.names import direction_href, mark
from page.results import ENCODER_COLUMNS, StudyEncoder, over_encoders

CORRELATION_COLUMNS = (
    *ENCODER_COLUMNS,
    *("representation", "measure", "value", "effective_robustness", "extrapolated"),
)
"""Columns of `plots/correlation.csv`: a measure of an encoder beside its mean robustness."""


def correlation_table(encoders: Sequence[StudyEncoder]) -> pd.DataFrame:
    """Return kurtosis and concepts beside effective robustness, for each encoder that has both.

    Untrained encoders are left out: at chance, their effective robustness means nothing. So are the
    probes of zero-shot encoders, which would count their features twice.
    """
    found = {}
    for e in encoders:
        robustness, concepts = e.results.robustness, e.results.concepts
        if e.entry.training == "untrained" or shares_features(e, encoders):
            continue
        if robustness.robustness is None:
            continue
        measures = {"kurtosis": e.results.kurtosis.kurtosis.value}
        for basis, counts in (concepts.bases if concepts else {}).items():
            measures[f"concepts of {basis}"] = counts.unique.value
        values = pd.Series(measures, dtype=float, name="value").rename_axis("measure")
        found[e.number] = values.reset_index().assign(
            effective_robustness=robustness.robustness.value,
            extrapolated=mark(bool(robustness.extrapolated)),
        )
    return over_encoders(encoders, found).reindex(columns=CORRELATION_COLUMNS)


def correlations(table: pd.DataFrame, settings: Settings) -> list[dict[str, Any]]:
    """Correlate each measure of `correlation_table` with robustness, per kind of representation.

    `extrapolated` of the `encoders` have an extrapolated line. `correlation` is None if there are
    too few encoders, or if the measure is the same for all.
    """
    found = []
    by_representation = table.sort_values("representation", kind="stable")
    for (representation, measure), own in by_representation.groupby(
        ["representation", "measure"], sort=False
    ):
        pairs = own[["value", "effective_robustness"]]
        correlation = None
        if len(own) >= MIN_ENCODERS and (pairs.max() > pairs.min()).all():
            correlation = rank_correlation(
                own["value"].to_numpy(),
                own["effective_robustness"].to_numpy(),
                settings.resamples,
                settings.confidence,
                settings.seed,
            )
        found.append(
            {
                "representation": representation,
                "measure": measure,
                "encoders": len(own),
                "extrapolated": int((own["extrapolated"] != "").sum()),
                "correlation": correlation,
            }
        )
    return found


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
        examined = {axis.feature for axis in e.results.outlier_axes.axes}
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
