"""The benchmarks time functions by name, so the names must be those of the code."""

import importlib

import pytest

from benchmarks.spy.sitecustomize import TIMED


@pytest.mark.parametrize("name", TIMED)
def test_every_timed_function_is_there(name):
    module = importlib.import_module(name)
    assert all(callable(getattr(module, function)) for function in TIMED[name])
