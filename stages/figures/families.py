"""Which encoders of a study belong side by side."""

from collections.abc import Sequence

import msgspec

from stages.figures.inputs import Encoder


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
