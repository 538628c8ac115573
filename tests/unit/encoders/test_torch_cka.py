"""The layers' Gram matrices, from the hook to the comparison, against the package torch-cka."""

import importlib
import sys
from unittest.mock import MagicMock, patch

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from interpreting_clip.encoders.layers import tower_grams
from interpreting_clip.measures.cka import minibatch_cka
from interpreting_clip.statistics.grams import OutlierLimits


@pytest.fixture
def torch_cka():
    """The package's class, without its plots and its progress bar."""
    absent = dict.fromkeys(("matplotlib", "matplotlib.pyplot", "mpl_toolkits"), MagicMock())
    with patch.dict(sys.modules, absent):
        module = importlib.import_module("torch_cka.cka")
        with patch.object(module, "tqdm", lambda batches, **_: batches):
            yield module.CKA


@pytest.fixture
def double():
    """Towers, and the package, which computes in torch's own precision, in double precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def tower(kind, width):
    if kind == "convolutions":
        stem = nn.Conv2d(3, width, 3, stride=2)
        parts = stem, nn.ReLU(), nn.Conv2d(width, 2 * width, 2), nn.Flatten()
    elif kind == "transformer":
        patches = nn.Conv2d(3, 2 * width, 4, stride=4), nn.Flatten(2), nn.Linear(4, 2 * width)
        blocks = [nn.TransformerEncoderLayer(2 * width, 2, 8, batch_first=True) for _ in range(2)]
        parts = *patches, *blocks
    else:
        parts = nn.Flatten(), nn.Linear(192, width), nn.Tanh(), nn.Linear(width, 7)
    return nn.Sequential(*parts).eval()


def ours(model, batches):
    layers = dict(model.named_children())
    found = [tower_grams(model, layers, batch, OutlierLimits(6.0, 0.5)) for batch in batches]
    return {layer: np.stack([grams[layer].whole for grams in found]) for layer in layers}


def package_cka(torch_cka, one, two, images, size):
    names = [[name for name, _ in model.named_children()] for model in (one, two)]
    package = torch_cka(one, two, "one", "two", *names)
    loader = DataLoader(TensorDataset(images), batch_size=size)
    with torch.no_grad():
        package.compare(loader, loader)
    return package.export()["CKA"].numpy()


@pytest.mark.parametrize("second", ["convolutions", "transformer", "perceptron"])
@pytest.mark.parametrize("first", ["convolutions", "transformer", "perceptron"])
@pytest.mark.usefixtures("double")
def test_agrees_with_the_package(torch_cka, first, second):
    torch.manual_seed(0)
    towers, size = (tower(first, 4), tower(second, 6)), 9
    images = torch.randn(3 * size, 3, 8, 8) + 1
    expected = package_cka(torch_cka, *towers, images, size)
    found = minibatch_cka(*(ours(model, images.split(size)) for model in towers))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
