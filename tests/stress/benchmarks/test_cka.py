import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import cka as benchmark
from stages.encoders.layers import named_layers
from tests.unit.encoders.conftest import small_backbone


@pytest.fixture
def towers() -> list[nn.Module]:
    return [benchmark.build(small_backbone(kind)) for kind in ("rn", "vit", "vit")]


@pytest.fixture
def batches() -> list[torch.Tensor]:
    return benchmark.draw(16, 8, 32)


def test_batches_are_as_towers_see_them(batches):
    assert [batch.shape for batch in batches] == [(8, 3, 32, 32)] * 2
    assert all(batch.is_contiguous(memory_format=torch.channels_last) for batch in batches)


def test_a_round_times_each_part(towers, batches):
    one = benchmark.measure_round(towers, batches)
    assert min(one) > 0
    assert one.ours == one.passes + one.comparisons


def test_the_package_compares_all_pairs_and_leaves_no_hooks(towers, batches):
    single = benchmark.package(towers, batches)
    sizes = [len(named_layers(tower)) for tower in towers]
    shapes = [(sizes[0], sizes[1]), (sizes[0], sizes[2]), (sizes[1], sizes[2])]
    assert [matrix.shape for matrix in single.matrices] == shapes
    assert not any(part._forward_hooks for tower in towers for part in tower.modules())
    assert torch.get_default_dtype() == torch.float32


def test_values_agree_with_the_package_in_double_precision(towers, batches):
    _, *pair = towers  # the ResNet's output hardly varies: there the package has no digit left
    found = benchmark.compare([benchmark.all_grams(tower, batches) for tower in pair])
    double = benchmark.package([tower.double() for tower in pair], batches)
    assert float(benchmark.gap(found, double)) < 1e-4


def test_values_that_are_no_numbers_are_counted():
    package = benchmark.Package(1.0, [np.array([[0.5, np.nan]])])
    assert benchmark.gap([np.array([[0.25, 1.0]])], package) == "2.5e-01, 1 of 2 are no numbers"


@pytest.mark.parametrize("with_grams", [True, False])
def test_one_pass_is_what_memory_is_measured_of(with_grams):
    benchmark.build_and_pass(small_backbone("vit"), with_grams, 8, 32)
