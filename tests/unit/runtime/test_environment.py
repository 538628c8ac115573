"""Variables that change arithmetic are refused or recorded."""

import pytest

from stages.runtime.environment import (
    KERNELS,
    LOWER_PRECISION,
    kernel_settings,
    require_full_precision,
)
from stages.runtime.errors import InputError


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in (*KERNELS, *LOWER_PRECISION):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", LOWER_PRECISION)
def test_lower_precision_is_refused(monkeypatch, name):
    for harmless in (LOWER_PRECISION[name], LOWER_PRECISION[name].lower(), ""):
        monkeypatch.setenv(name, harmless)
        require_full_precision()
    for value in ("1", "BF16"):
        monkeypatch.setenv(name, value)
        with pytest.raises(InputError, match=f"{name}: .*{value}.*unset"):
            require_full_precision()


@pytest.mark.parametrize("name", KERNELS)
def test_the_choice_of_kernels_is_known(monkeypatch, name):
    monkeypatch.setenv(name, "")
    assert kernel_settings() == []
    monkeypatch.setenv(name, "AVX2")
    assert kernel_settings() == [f"{name}=AVX2"]
    require_full_precision()
