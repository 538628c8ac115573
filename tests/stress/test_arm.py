"""An emulated ARM processor computes every stage of a small study, with its native kernels.

Debian's or Ubuntu's Python for ARM is unpacked into a folder, and the packages are PyPI's wheels
for ARM. Nothing of this machine's own installation changes.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from runner.native import NATIVE
from tests.reads import ROOT
from tests.stress.arm_study import ARM, OWN
from tests.stress.test_emulated_study import IN_GIT, RESULTS, compute, run
from tools.compare import TOLERANCES, file_differences

QEMU, APT, DPKG = (shutil.which(name) or "" for name in ("qemu-aarch64", "apt-get", "dpkg"))

pytestmark = [
    pytest.mark.skipif(not (QEMU and APT and DPKG), reason="no qemu-aarch64, apt-get or dpkg"),
    pytest.mark.long,
]

SYSTEM = ("python3", "libgomp1", "libstdc++6")
"""Debian's packages, besides those that they need."""

WITHOUT_OTHERS = ("torch==2.10.0", "torchvision==0.25.0", "open_clip_torch", "timm")
"""Packages that ask for others which no stage needs here. PyPI's torch 2.13 for ARM loads only with
CUDA's libraries."""

TORCH_NEEDS = ("ftfy", "fsspec", "networkx", "regex", "setuptools", "sympy")
"""What these packages import, besides what the project asks for itself."""

NOT_COMPUTING = ("dvc", "ruamel.yaml.clib")

PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")

TABLES = (".json", ".safetensors", ".csv", ".tsv")

AMPLIFIED = ("data/weights/", "data/training/", "plots/controls.json: directions: controls: 2:")
"""Results that rounding decides: of trainings, and which of many directions is furthest from what
was planted."""

KEPT = ROOT / ".scratch/arm"
"""Python and the packages, for the next run of the test; `make clean` deletes them."""


def fetched(*command: str) -> None:
    """Run a command that needs a network, or skip the test and say what failed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        pytest.skip(f"{Path(command[0]).name} brings no packages for ARM: {last}")


def unpack_python(folder: Path) -> None:
    """Unpack Python for ARM, and the libraries that it needs, below `folder/usr`."""
    state, cache = folder / "apt", folder / "apt/cache"
    for part in (state / "lists/partial", cache / "archives/partial"):
        part.mkdir(parents=True)
    (state / "status").touch()  # no package is installed
    own = {"Dir::State": state, "Dir::State::status": state / "status", "Dir::Cache": cache}
    own |= {"APT::Architecture": "arm64", "APT::Architectures": "arm64"}
    options = [f"-o{name}={value}" for name, value in own.items()]
    fetched(APT, *options, "update")
    install = ("install", "-y", "--download-only", "--no-install-recommends")
    fetched(APT, *options, *install, *SYSTEM)
    for package in sorted((cache / "archives").glob("*.deb")):
        subprocess.run([DPKG, "--extract", str(package), str(folder)], check=True)
    (folder / "lib").symlink_to("usr/lib")
    shutil.rmtree(state)


def install_packages(python: Path, site: Path) -> None:
    """Put the packages that stages compute with into a folder, as wheels for ARM."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] + project["optional-dependencies"]["pipeline"]
    names = {re.split(r"[<>=\[]", one)[0].strip() for one in asked}
    names -= {*NOT_COMPUTING, *(one.partition("==")[0] for one in WITHOUT_OTHERS)}
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(site)]
    pip += ["--only-binary=:all:", "--no-compile", "--implementation", "cp"]
    pip += ["--python-version", python.name.removeprefix("python")]
    pip += [word for name in PLATFORMS for word in ("--platform", name)]
    pip += ["--constraint", str(ROOT / "constraints.txt")]
    fetched(*pip, *sorted(names), *TORCH_NEEDS)
    fetched(*pip, "--no-deps", *WITHOUT_OTHERS)


@pytest.fixture(scope="module")
def arm() -> list[str]:
    """Return the words of Python for ARM, which keeps what it has compiled."""
    if not KEPT.exists():
        partial = KEPT.with_name("arm.partial")
        shutil.rmtree(partial, ignore_errors=True)
        unpack_python(partial)
        install_packages(only_python(partial), partial / "site")
        partial.rename(KEPT)
    emulator = [QEMU, "-L", str(KEPT), "-E", f"PYTHONPATH={KEPT / 'site'}"]
    return [*emulator, "-U", "PYTHONDONTWRITEBYTECODE", str(only_python(KEPT))]


def only_python(folder: Path) -> Path:
    """Return the program that has a version in its name."""
    (found,) = (folder / "usr/bin").glob("python3.[0-9]*")
    return found


def test_torch_computes_a_forward_pass(arm, tmp_path):
    said = run(tmp_path, *arm, "-c", FORWARD).split()
    assert said[0] == "aarch64" and float(said[1]) == pytest.approx(float(own_forward()), rel=1e-5)


FORWARD = """
import platform, torch
tower = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.GELU(), torch.nn.Flatten())
with torch.inference_mode():
    for number, weight in enumerate(tower.parameters()):
        weight.copy_(torch.linspace(-1, 1 + number, weight.numel()).reshape(weight.shape))
    images = torch.linspace(-1, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8)
    print(platform.machine(), tower(images).square().sum().item())
"""


def own_forward() -> str:
    """Return what this processor computes of it."""
    command = [sys.executable, "-c", FORWARD]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[1]


def numbers(folder: Path) -> dict[str, Path]:
    """Return the files of numbers in a folder of results."""
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*.*")}
    return {name: file for name, file in files.items() if file.suffix in TABLES}


def test_every_stage_computes_what_this_processor_does(arm, tmp_path):
    """From the same inputs, stage for stage: see `tests.stress.arm_study`."""
    folder = tmp_path / "study"
    compute(folder)
    for name in RESULTS:
        shutil.copytree(folder / name, folder / OWN / name)
    run(folder, *arm, "-m", "tests.stress.arm_study")
    own, emulated = numbers(folder / OWN), numbers(folder / ARM)
    own = {name: file for name, file in own.items() if not name.startswith(IN_GIT)}
    assert len([name for name in emulated if Path(name).stem == NATIVE]) > 20
    tolerance = {name: default for name, (default, _) in TOLERANCES.items()}
    found = [
        (size, where)
        for size, where in file_differences(own, emulated, tolerance)
        if not where.startswith(AMPLIFIED)
    ]
    assert [where for size, where in found if size > 1] == []
    # The test could fail: last digits do differ.
    assert [where for size, where in found if 0 < size <= 1]
