"""Whole runs after an edit: which stages do they run? tests/pipeline mostly asks `dvc status`."""

import pytest

from tests.pipeline.test_pipeline import MEASURES

SHIFTED = ("extract", *MEASURES)
"""An encoder's stages that depend on the shifts."""


@pytest.mark.parametrize(
    ("path", "value", "stage", "planted"),
    [
        ("concepts.threshold", 0.85, "broden", {"controls"}),
        ("kurtosis.resamples", 50, "kurtosis", set()),
    ],
)
def test_a_setting_of_a_measure_reruns_that_measure_alone(clean, path, value, stage, planted):
    clean.change(path, value)
    expected = clean.of_every_encoder(stage, "browse", "summarize")
    assert clean.repro() == {*expected, *planted, "study", "report"}


def test_another_setting_of_a_shift_passes_no_probe_image_through_an_encoder(clean):
    clean.change("datasets.imagenet_r.noise", 0.06)
    ran = clean.repro()
    expected = {"study", "fetch@imagenet_r", "baseline", "summarize_baseline", "controls"}
    assert ran - {"report"} <= expected | clean.of_every_encoder(*SHIFTED)
    assert clean.of_every_encoder("extract", "robustness", "directions") <= ran
