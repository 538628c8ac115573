"""Which encoders of a study are compared: families, label controls, untrained nulls."""

from collections.abc import Mapping, Sequence

import msgspec

from page.study_results import StudyEncoder, UntrainedNull


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """A zero-shot encoder, its finetuned version and a supervised encoder of the same backbone."""

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

    def comparable(self, encoder: StudyEncoder) -> bool:
        """Return whether an encoder has the zero-shot encoder's kind of representation."""
        return encoder.representation == self.zero_shot.representation


def families(encoders: Sequence[StudyEncoder]) -> list[Family]:
    """Return every complete family.

    The finetuned encoder has the backbone and the data of its zero-shot encoder; the supervised
    encoder has its backbone, and data that no zero-shot encoder of the study learnt from.
    """
    captioned = {e.entry.data for e in trained(encoders, "zero_shot")}
    groups = []
    for start in trained(encoders, "zero_shot"):
        finetuned = [e for e in trained(encoders, "finetuned") if _same_backbone_and_data(e, start)]
        supervised = [
            e
            for e in trained(encoders, "supervised")
            if e.entry.backbone == start.entry.backbone and e.entry.data not in captioned
        ]
        if finetuned and supervised:
            groups.append(Family(zero_shot=start, finetuned=finetuned[0], supervised=supervised[0]))
    return groups


def label_controls(encoders: Sequence[StudyEncoder]) -> list[tuple[StudyEncoder, StudyEncoder]]:
    """Return (control, zero-shot) pairs: same images and backbone, labels instead of captions."""
    return [
        (control, captioned)
        for control in trained(encoders, "supervised")
        for captioned in trained(encoders, "zero_shot")
        if _same_backbone_and_data(control, captioned)
    ]


def untrained_null(encoder: StudyEncoder, encoders: Sequence[StudyEncoder]) -> StudyEncoder | None:
    """Return the untrained encoder of the same backbone and kind of representation, if any.

    Another kind of representation would not be a null: pooled ReLU features have a high kurtosis
    without a single outlier feature.
    """
    nulls = (
        e
        for e in trained(encoders, "untrained")
        if e.entry.backbone == encoder.entry.backbone and e.representation == encoder.representation
    )
    return next(nulls, None)


def with_null(encoder: StudyEncoder, nulls: Mapping[str, UntrainedNull]) -> StudyEncoder:
    """Return an encoder with the untrained encoders of its backbone as its null, if there are any.

    They need the encoder's kind of representation, as in `untrained_null`.
    """
    null = nulls.get(encoder.entry.backbone)
    if null is None or null.representation != encoder.representation:
        return encoder
    return msgspec.structs.replace(encoder, null=null)


def trained(encoders: Sequence[StudyEncoder], training: str) -> list[StudyEncoder]:
    """Return the encoders of one kind of training, in their order."""
    return [e for e in encoders if e.entry.training == training]


def _same_backbone_and_data(first: StudyEncoder, second: StudyEncoder) -> bool:
    return (first.entry.backbone, first.entry.data) == (second.entry.backbone, second.entry.data)
