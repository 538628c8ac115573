"""The main table of a study and the paper's own known figures, as HTML."""

from collections.abc import Sequence
from html import escape

import msgspec

from stages.reporting.names import DATASETS, SHIFTS, TRAININGS, percent, shown, with_interval
from stages.reporting.representations import WHY_APART, alike, by_representation
from stages.reporting.results import Encoder


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """A zero-shot encoder, its finetuned version and a supervised one of the same backbone."""

    zero_shot: Encoder
    finetuned: Encoder
    supervised: Encoder

    @property
    def name(self) -> str:
        """The zero-shot encoder's label stands for the family."""
        return self.zero_shot.series.label


def families(encoders: Sequence[Encoder]) -> list[Family]:
    """Return every complete family.

    Finetuned has the backbone and the data of its zero-shot encoder; supervised has the backbone,
    and data that no zero-shot encoder of the study learnt from.
    """
    captioned = {e.series.data for e in trained(encoders, "zero_shot")}
    found = []
    for z in trained(encoders, "zero_shot"):
        finetuned = [e for e in trained(encoders, "finetuned") if _twins(e, z)]
        supervised = [
            e
            for e in trained(encoders, "supervised")
            if e.series.backbone == z.series.backbone and e.series.data not in captioned
        ]
        if finetuned and supervised:
            found.append(Family(zero_shot=z, finetuned=finetuned[0], supervised=supervised[0]))
    return found


def controls(encoders: Sequence[Encoder]) -> list[tuple[Encoder, Encoder]]:
    """Return (control, zero-shot) pairs: the same images and backbone, labels for captions."""
    return [
        (c, z)
        for c in trained(encoders, "supervised")
        for z in trained(encoders, "zero_shot")
        if _twins(c, z)
    ]


def trained(encoders: Sequence[Encoder], training: str) -> list[Encoder]:
    """Return the encoders of one kind of training, in the study's order."""
    return [e for e in encoders if e.series.training == training]


def _twins(one: Encoder, other: Encoder) -> bool:
    return (one.series.backbone, one.series.data) == (other.series.backbone, other.series.data)


PAPER_CONCEPTS = (
    ("RN50", 507, 311, 418),
    ("RN101", 489, 323, 397),
    ("ViT-B/16", 702, 555, 635),
    ("ViT-B/32", 689, 557, 559),
)
"""Unique concepts of OpenAI's CLIP in the paper's first version: backbone, zero-shot, finetuned,
supervised."""

_TEXT = ' class="text"'

_NUMBER_AND_NAME = (("", ("No.", "Encoder")),)

_ACCURACY = (
    ("Top-1 accuracy (%)", tuple(DATASETS.values())),
    ("Effective robustness (points)", ("Mean [interval]",)),
)

_REPRESENTATION = (
    ("Kurtosis", ("Mean [interval]", "Outlier features")),
    ("Concepts of directions", ("Unique", "Polysemanticity")),
    ("Concepts of features", ("Unique", "Polysemanticity")),
    ("Directions", ("Prunable", "Largest / median")),
)

Headings = Sequence[tuple[str, Sequence[str]]]


def accuracy_table(encoders: Sequence[Encoder]) -> str:
    """Return the table of accuracies (percent) and mean effective robustness (points)."""
    rows = [_row(e, _accuracy_cells(e)) for e in encoders]
    return _table("Accuracy and effective robustness", _head(_ACCURACY), rows)


def representation_table(encoders: Sequence[Encoder]) -> str:
    """Return the table of kurtosis, concepts and directions: one per kind of representation.

    With two kinds, a sentence says why they stand apart.
    """
    groups = by_representation(encoders)
    several = len(groups) > 1
    tables = [
        _table(
            "The representation spaces" + (f": {kind}" if several else ""),
            _head(_REPRESENTATION),
            [_row(e, _representation_cells(e)) for e in members],
        )
        for kind, members in groups.items()
    ]
    return "\n".join([f'<p class="soft">{escape(WHY_APART)}</p>'] * several + tables)


def _head(headings: Headings) -> str:
    both = (*_NUMBER_AND_NAME, *headings)
    groups = "".join(
        f'<th colspan="{len(names)}" scope="colgroup">{escape(group)}</th>'
        if group
        else f'<td colspan="{len(names)}"></td>'
        for group, names in both
    )
    names = "".join(f'<th scope="col">{escape(n)}</th>' for _, names in both for n in names)
    return f'<tr class="groups">{groups}</tr><tr class="names">{names}</tr>'


def _row(encoder: Encoder, values: Sequence[str]) -> str:
    series = encoder.series
    cells = "".join(f"<td>{escape(value)}</td>" for value in values)
    return (
        f'<tr><td class="number"><span class="{series.training}">{encoder.number}</span></td>'
        f'<th scope="row">{escape(series.label)}</th>{cells}</tr>'
    )


def _accuracy_cells(encoder: Encoder) -> list[str]:
    accuracy, robustness = encoder.metrics.accuracy, encoder.metrics.effective_robustness
    return [
        *(shown(getattr(accuracy, dataset)) for dataset in DATASETS),
        with_interval(robustness.mean, robustness.mean_low, robustness.mean_high),
    ]


def _representation_cells(encoder: Encoder) -> list[str]:
    m = encoder.metrics
    kurtosis, concepts = m.kurtosis, m.concepts
    return [
        with_interval(kurtosis.mean, kurtosis.low, kurtosis.high, 2),
        shown(kurtosis.outlier_features, 0),
        shown(concepts.unique_directions, 0),
        shown(concepts.polysemanticity_directions, 2),
        shown(concepts.unique_features, 0),
        shown(concepts.polysemanticity_features, 2),
        percent(m.directions.prunable),
        shown(m.directions.importance_ratio, 1),
    ]


def robustness_table(encoders: Sequence[Encoder]) -> str:
    """Return the table of effective robustness per shift, in percentage points."""
    head = _head((("Effective robustness (points)", (*SHIFTS.values(), "Mean")),))
    rows = [
        _row(e, [shown(getattr(e.metrics.effective_robustness, s)) for s in (*SHIFTS, "mean")])
        for e in encoders
    ]
    return _table("Effective robustness per shift", head, rows)


def paper_table(encoders: Sequence[Encoder]) -> str:
    """Return the paper's known unique concepts with those of this study's families beneath.

    A dagger marks the count of an encoder whose kind of representation is not its CLIP's.
    """
    kinds = [TRAININGS[k] for k in ("zero_shot", "finetuned", "supervised")]
    headings = "".join(
        f'<th scope="col"{kind}>{name}</th>'
        for name, kind in (("Encoder", _TEXT), *((k, "") for k in kinds), ("Source", _TEXT))
    )
    rows = [
        _paper_row(name, [shown(n, 0) for n in counts], "paper, first version")
        for name, *counts in PAPER_CONCEPTS
    ]
    for family in families(encoders):
        members = (family.zero_shot, family.finetuned, family.supervised)
        counts = [
            shown(e.metrics.concepts.unique_directions, 0)
            + ("" if alike(e, family.zero_shot) else "†")
            for e in members
        ]
        rows.append(_paper_row(family.name, counts, "this study"))
    table = _table("Unique Broden concepts of directions", f"<tr>{headings}</tr>", rows)
    return f'{table}\n<p class="soft">† {escape(WHY_APART)}</p>' if "†" in table else table


def _paper_row(name: str, counts: Sequence[str], source: str) -> str:
    cells = "".join(f"<td>{count}</td>" for count in counts)
    return f'<tr><th scope="row">{escape(name)}</th>{cells}<td class="text">{source}</td></tr>'


def _table(caption: str, head: str, rows: Sequence[str]) -> str:
    body = "\n".join(rows)
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>\n'
        f"<thead>{head}</thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )
