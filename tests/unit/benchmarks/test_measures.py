import pytest

from benchmarks.measures import (
    MEASURES,
    accuracy,
    allocated,
    bootstrap,
    importances,
    kurtosis,
    null_pruning,
    pruning,
    read_inputs,
    rows,
    write_inputs,
)
from benchmarks.synthetic import Size

FEATURES = 256
STREAMED = [kurtosis, bootstrap, importances, accuracy, pruning, null_pruning]


def test_the_table_has_a_line_for_each_measure(tmp_path):
    write_inputs(tmp_path, Size(images=400, features=32, classes=20))
    found = rows(tmp_path, repeats=1)
    assert [row.what for row in found] == list(MEASURES)
    assert all(" s, × " in row.measured for row in found)


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
