import numpy as np

from benchmarks.tables import alone, peak_memory


def hold(mebibytes):
    return float(np.ones(2**17 * mebibytes).sum())


def test_the_peak_is_of_the_process_itself():
    filled = hold(200)
    small, large = alone(hold, 1), alone(hold, 100)
    assert filled == 200 * small.result == 2 * large.result
    assert peak_memory() > 200
    assert 80 < large.memory - small.memory < 120
