import pytest

from benchmarks.measures import (
    accuracy,
    allocated,
    bootstrap,
    importances,
    kurtosis,
    null_pruning,
    pruning,
    read_inputs,
    write_inputs,
)
from benchmarks.synthetic import Size

FEATURES = 256
STREAMED = [kurtosis, bootstrap, importances, accuracy, pruning, null_pruning]


@pytest.mark.parametrize("measure", STREAMED)
def test_memory_does_not_grow_with_the_activations(measure, tmp_path):
    peaks = []
    for images in (4096, 16384):
        write_inputs(tmp_path, Size(images, FEATURES, classes=50))
        inputs = read_inputs(tmp_path)
        measure(inputs)
        peaks.append(allocated(lambda: measure(inputs)))  # noqa: B023 — called at once
    grown = (16384 - 4096) * FEATURES * 4 / 2**20
    assert peaks[1] - peaks[0] < 0.05 * grown
