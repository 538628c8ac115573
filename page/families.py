"""Which encoders of a study are compared: families, label controls, untrained nulls."""

from collections.abc import Mapping, Sequence

import msgspec

from page.study_results import StudyEncoder, UntrainedNull


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """A zero-shot encoder, its finetuned version and a supervised one of the same backbone."""

    zero_shot: StudyEncoder
    finetuned: StudyEncoder
    supervised: StudyEncoder

    @property
    def name(self) -> str:
        """The family of the zero-shot encoder, by its label."""
        return f"Family of {self.zero_shot.entry.label}"

    @property
    def members(self) -> tuple[StudyEncoder, StudyEncoder, StudyEncoder]:
        """The zero-shot, the finetuned and the supervised encoder."""
        return (self.zero_shot, self.finetuned, self.supervised)

    @property
    def one_representation(self) -> bool:
        """Whether all have the same kind of representation, so that concepts are comparable."""
        return all(map(self.comparable, self.members))

    def comparable(self, encoder: StudyEncoder) -> bool:
        """Return whether an encoder has the zero-shot encoder's kind of representation."""
        return encoder.representation == self.zero_shot.representation


def families(encoders: Sequence[StudyEncoder]) -> list[Family]:
    """Return every complete family.

    The finetuned encoder has the backbone and the data of its zero-shot encoder; the supervised one
    has its backbone, and data that no zero-shot encoder of the study learnt from.
    """
    captioned = {e.entry.data for e in trained(encoders, "zero_shot")}
    found = []
    for z in trained(encoders, "zero_shot"):
        finetuned = [e for e in trained(encoders, "finetuned") if _same_backbone_and_data(e, z)]
        supervised = [
            e
            for e in trained(encoders, "supervised")
            if e.entry.backbone == z.entry.backbone and e.entry.data not in captioned
        ]
        if finetuned and supervised:
            found.append(Family(zero_shot=z, finetuned=finetuned[0], supervised=supervised[0]))
    return found


def label_controls(encoders: Sequence[StudyEncoder]) -> list[tuple[StudyEncoder, StudyEncoder]]:
    """Return (control, zero-shot) pairs: same images and backbone, labels instead of captions."""
    return [
        (control, z)
        for control in trained(encoders, "supervised")
        for z in trained(encoders, "zero_shot")
        if _same_backbone_and_data(control, z)
    ]


def untrained_null(encoder: StudyEncoder, encoders: Sequence[StudyEncoder]) -> StudyEncoder | None:
    """Return the untrained encoder of the same backbone and kind of representation, if any.

    One of another kind would be no null: pooled ReLU features have a high kurtosis without a single
    outlier feature.
    """
    nulls = (
        e
        for e in trained(encoders, "untrained")
        if e.entry.backbone == encoder.entry.backbone and e.representation == encoder.representation
    )
    return next(nulls, None)


def with_null(encoder: StudyEncoder, nulls: Mapping[str, UntrainedNull]) -> StudyEncoder:
    """Return an encoder with the untrained encoders of its backbone, if it can have them as a null.

    Those of another kind of representation would be none, as in `untrained_null`.
    """
    null = nulls.get(encoder.entry.backbone)
    if null is None or null.representation != encoder.representation:
        return encoder
    return msgspec.structs.replace(encoder, null=null)


def trained(encoders: Sequence[StudyEncoder], training: str) -> list[StudyEncoder]:
    """Return the encoders of one kind of training, in their order."""
    return [e for e in encoders if e.entry.training == training]


def _same_backbone_and_data(one: StudyEncoder, other: StudyEncoder) -> bool:
    return (one.entry.backbone, one.entry.data) == (other.entry.backbone, other.entry.data)
