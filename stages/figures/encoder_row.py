"""What every row about an encoder starts with."""

from typing import Any

from stages.figures.inputs import Encoder
from stages.figures.names import TRAININGS

Row = dict[str, Any]

ENCODER_COLUMNS = ("number", "label", "training", "backbone")
"""The columns that `about` fills; `number` keys a chart to the main table."""


def about(encoder: Encoder) -> Row:
    """Return the cells that identify an encoder."""
    series = encoder.series
    values = (encoder.number, series.label, TRAININGS[series.training], series.backbone)
    return dict(zip(ENCODER_COLUMNS, values, strict=True))
