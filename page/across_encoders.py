"""Comparisons across encoders: correlations with robustness, shared concepts, pretraining sets."""

from collections.abc import Sequence

import msgspec
import numpy as np

from interpreting_clip.measures.rank_correlation import MIN_ENCODERS, rank_correlation
from page.families import families, shares_features, trained
from page.names import REPRESENTATIONS, mark
from page.results import StudyEncoder
from page.robustness_tables import ENCODER_COLUMNS, encoder_cells
from page.standard_lines import Row

CORRELATION_COLUMNS = (
    *ENCODER_COLUMNS,
    *("representation", "measure", "value", "effective_robustness", "extrapolated"),
)
"""Columns of `plots/correlation.csv`: a measure of an encoder beside its mean robustness."""


class Correlation(msgspec.Struct, frozen=True, kw_only=True):
    """Rank correlation of a measure with effective robustness, over encoders of one kind.

    `extrapolated` of the `encoders` have an extrapolated line. `value` is None if there are too few
    encoders, or if the measure is the same for all.
    """

    representation: str
    measure: str
    encoders: int
    extrapolated: int
    value: float | None = None
    low: float | None = None
    high: float | None = None


class SharedConcepts(msgspec.Struct, frozen=True, kw_only=True):
    """How many concepts both of two encoders encode, and how many only one of them does.

    `by_chance` is how many both would encode if each chose its concepts at random.
    """

    basis: str
    first: StudyEncoder
    second: StudyEncoder
    both: int
    by_chance: float
    only_first: int
    only_second: int


def correlation_rows(encoders: Sequence[StudyEncoder]) -> list[Row]:
    """Return kurtosis and concepts beside effective robustness, for each encoder that has both.

    Untrained encoders are left out: at chance, their effective robustness means nothing. So are the
    probes of zero-shot encoders, which would count their features twice.
    """
    rows = []
    for e in encoders:
        if shares_features(e, encoders):
            continue
        robustness, concepts = e.results.robustness, e.results.concepts
        measures = {"kurtosis": e.results.kurtosis.kurtosis.value}
        for basis, found in (concepts.bases if concepts else {}).items():
            measures[f"concepts of {basis}"] = found.unique.value
        if e.entry.training != "untrained" and robustness.robustness is not None:
            rows += [
                encoder_cells(e)
                | {"representation": REPRESENTATIONS[e.representation]}
                | {"measure": measure, "value": value}
                | {"effective_robustness": robustness.robustness.value}
                | {"extrapolated": mark(bool(robustness.extrapolated))}
                for measure, value in measures.items()
            ]
    return rows


def correlations(
    rows: Sequence[Row], resamples: int, confidence: float, seed: int
) -> list[Correlation]:
    """Correlate each measure of `correlation_rows` with robustness, per kind of representation."""
    found = []
    groups = dict.fromkeys((row["representation"], row["measure"]) for row in rows)
    for representation, measure in sorted(groups, key=lambda group: group[0]):
        own = [r for r in rows if (r["representation"], r["measure"]) == (representation, measure)]
        pairs = [[float(r[name]) for r in own] for name in ("value", "effective_robustness")]
        estimate = {}
        if len(own) >= MIN_ENCODERS and all(len(set(values)) > 1 for values in pairs):
            first, second = map(np.array, pairs)
            one = rank_correlation(first, second, resamples, confidence, seed)
            estimate = {"value": one.value, "low": one.low, "high": one.high}
        found.append(
            Correlation(
                representation=representation,
                measure=measure,
                encoders=len(own),
                extrapolated=sum(bool(r["extrapolated"]) for r in own),
                **estimate,
            )
        )
    return found


def shared_concepts(encoders: Sequence[StudyEncoder]) -> list[SharedConcepts]:
    """Compare each zero-shot encoder's concepts with its finetuned and supervised counterpart's.

    A counterpart with another kind of representation, or without concepts, is left out. All
    encoders of a study are scored on the same negatives, so a concept is equally difficult for
    both.
    """
    found = []
    for family in families(encoders):
        first, concepts = family.zero_shot, family.zero_shot.results.concepts
        for second in (family.finetuned, family.supervised):
            others = second.results.concepts
            if not concepts or not others or not family.comparable(second):
                continue
            for basis, counts in concepts.bases.items():
                one, other = set(counts.names), set(others.bases[basis].names)
                found.append(
                    SharedConcepts(
                        basis=basis,
                        first=first,
                        second=second,
                        both=len(one & other),
                        by_chance=len(one) * len(other) / len(concepts.concepts),
                        only_first=len(one - other),
                        only_second=len(other - one),
                    )
                )
    return found


def by_pretraining(encoders: Sequence[StudyEncoder]) -> dict[str, dict[str, list[StudyEncoder]]]:
    """Return the zero-shot encoders by kind of representation and by pretraining set."""
    found: dict[str, dict[str, list[StudyEncoder]]] = {}
    for kind, name in REPRESENTATIONS.items():
        for e in trained(encoders, "zero_shot"):
            if e.representation == kind:
                found.setdefault(name, {}).setdefault(e.entry.data, []).append(e)
    return found
