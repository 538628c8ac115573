"""The charts of a study, in the order of its page."""

from dataclasses import replace

from interpreting_clip.charts.layer_matrix import CKA
from interpreting_clip.charts.lines import (
    IMPORTANCE,
    PLANTED_OUTLIERS,
    PRUNING,
    SWEEP,
    TRAINING_ACCURACY,
    TRAINING_LOSS,
)
from interpreting_clip.charts.panels import PanelChart
from interpreting_clip.charts.rows import CONCEPTS, KURTOSIS
from interpreting_clip.charts.scatter import CORRELATION, robustness_chart


def study_charts(imagenet: str = "ImageNet") -> list[PanelChart]:
    """Return all charts; `imagenet` is what the study calls that test set: "synthetic ImageNet"."""
    others = (
        *(KURTOSIS, IMPORTANCE, PRUNING, CONCEPTS, SWEEP, CORRELATION, CKA),
        *(TRAINING_LOSS, TRAINING_ACCURACY, PLANTED_OUTLIERS),
    )
    in_its_words = [
        replace(chart, caption=chart.caption.replace("ImageNet", imagenet)) for chart in others
    ]
    return [robustness_chart(imagenet), *in_its_words]
