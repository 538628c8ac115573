"""Variables that change arithmetic are set, refused or recorded."""

import os
import platform
import sys
from typing import Any

import numpy as np
import pytest

from interpreting_clip import kernels
from interpreting_clip.errors import InputError
from interpreting_clip.kernels import (
    KERNELS,
    LOWER_PRECISION,
    ONE_THREAD,
    PORTABLE,
    THREADS,
    are_portable,
    clear,
    require_full_precision,
    restart_with_kernels,
    unportable_processor,
    use_kernels,
)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    """Start without these variables, and forget what a test sets."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    for name in (*KERNELS, *LOWER_PRECISION, *ONE_THREAD, *PORTABLE, *THREADS):
        os.environ.pop(name, None)


@pytest.fixture
def processor(tmp_path, monkeypatch):
    """Return a function that gives the tests a processor with these instructions."""

    def become(flags: str, machine: str = "x86_64", system: str = "Linux") -> None:
        monkeypatch.setattr(platform, "machine", lambda: machine)
        monkeypatch.setattr(platform, "system", lambda: system)
        monkeypatch.setattr(kernels, "PROCESSOR", tmp_path / "cpuinfo")
        (tmp_path / "cpuinfo").unlink(missing_ok=True)
        if system == "Linux":
            about = f"processor\t: 0\nflags\t\t: {flags}\nbogomips\t: 1\n"
            (tmp_path / "cpuinfo").write_text(about)

    become("fpu sse2 avx2 fma")
    return become


@pytest.fixture
def unloaded(monkeypatch):
    """Let the numerical libraries seem not to be loaded yet."""
    monkeypatch.setattr(sys, "modules", {})


def test_portable_kernels_replace_what_the_user_has_set(processor, unloaded):
    os.environ |= {"OPENBLAS_CORETYPE": "SkylakeX", "MKL_DEBUG_CPU_TYPE": "5"}
    os.environ |= {"NPY_ENABLE_CPU_FEATURES": "X86_V4"}
    assert not are_portable()
    use_kernels("portable")
    assert are_portable()
    assert {name for name in KERNELS if name in os.environ} == {*KERNELS} & {*PORTABLE}


def test_native_kernels_are_left_to_the_machine(processor):
    before = dict(os.environ)
    for name in KERNELS:
        os.environ[name] = "AVX2"
    clear()
    restart_with_kernels("native")
    assert os.environ == before and not are_portable()


def test_kernels_are_chosen_before_a_library_is_loaded(processor):
    with pytest.raises(RuntimeError, match=r"before \w+ is"):
        use_kernels("portable")
    assert not are_portable()


@pytest.mark.parametrize(
    ("described", "said"),
    [
        (("avx2", "x86_64", "Linux"), "x86_64 without fma"),
        (("asimd", "aarch64", "Linux"), "aarch64 (Linux)"),
        (("", "arm64", "Darwin"), "arm64 (Darwin)"),
    ],
)
@pytest.mark.usefixtures("unloaded")
def test_a_processor_without_portable_kernels_has_its_native_ones(
    processor, monkeypatch, described, said
):
    processor(*described)
    monkeypatch.setattr(os, "execv", lambda *_: 1 / 0)
    os.environ["OPENBLAS_CORETYPE"] = "ARMV8"
    assert unportable_processor() == said
    use_kernels("portable")
    restart_with_kernels("portable")
    assert not are_portable() and not {*KERNELS} & {*os.environ}


@pytest.mark.skipif(unportable_processor() != "", reason="numpy has other kernels here")
def test_numpy_is_told_of_every_kernel_above_avx2():
    """Another release may have further ones, or other names for them."""
    disabled = set(PORTABLE["NPY_DISABLE_CPU_FEATURES"].split())
    core: Any = np._core  # pyright: ignore[reportAttributeAccessIssue]
    assert {*core._multiarray_umath.__cpu_dispatch__} - {"X86_V3"} == disabled


@pytest.mark.parametrize("name", LOWER_PRECISION)
def test_lower_precision_is_refused(name):
    for harmless in (LOWER_PRECISION[name], LOWER_PRECISION[name].lower(), ""):
        os.environ[name] = harmless
        require_full_precision()
    for value in ("1", "BF16"):
        os.environ[name] = value
        with pytest.raises(InputError, match=f"{name}: .*{value}.*unset"):
            require_full_precision()
