"""The wheel, installed in an empty environment outside of the repository, has the measures."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

import interpreting_clip as ic
from interpreting_clip.commands.given_files import METADATA
from tests.reads import ROOT
from tests.typed_calls import WRONG, refused_lines


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, and install it with what it needs into a new environment."""
    folder, source = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "interpreting_clip", source / "interpreting_clip")
    for name in ("pyproject.toml", "README.md", "LICENSE"):  # in a copy: builds leave files there
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, source]
    subprocess.run(build, check=True)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv/bin/python"
    (wheel,) = folder.glob("*.whl")
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([python, "-m", "pip", "install", "-q", *constraints, wheel], check=True)
    return python


FRONT_DOOR = """
import sys
import interpreting_clip as ic

assert not sys.modules.keys() & {"numpy", "msgspec"}
import numpy as np
from interpreting_clip.encoders.activations_folder import write_activations_folder

rng = np.random.default_rng(0)
head, classes = rng.standard_normal((5, 30)), np.arange(200) % 5
activations = rng.standard_normal((200, 30)) + head[classes]
directions = ic.directions(activations, head=head)
labels = {"first": activations[:, 0] > 0.5}
found = ic.concepts(activations, labels=labels, directions=directions).features.names
assert found == ["first"] and ic.cka(activations, activations[:, :9]).cka < 1
for name, array in {"h": activations, "w": head, "y": classes}.items():
    np.save(f"{name}.npy", array)
heavy = {"torch", "dvc", "runner", "stages", "page"} & sys.modules.keys()
assert not heavy, heavy
print(ic.__version__)
"""

MEASURED = {
    "kurtosis",
    "massive_activations",
    "participation_ratio",
    "privileged_basis",
    "accuracy",
    "directions",
}
MEASURED |= {"pruning", "effective_robustness"}


def test_every_measure_and_the_command_work(python, tmp_path):
    done = subprocess.run(
        [python, "-c", FRONT_DOOR], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, ic.__version__), done.stderr
    expected = ic.effective_robustness({"imagenet": 63.32, "imagenet_v2": 55.92}).robustness
    words = ["measure", "h.npy", "--head", "w.npy", "--labels", "y.npy", "--report", "out"]
    words += ["--accuracy", "imagenet=63.32", "--accuracy", "imagenet_v2=55.92"]
    for command in ([python.parent / "interpreting-clip"], [python, "-m", "interpreting_clip"]):
        subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, check=True)
        written = json.loads((tmp_path / "out/measures.json").read_text())["measures"]
        assert expected and written.keys() >= MEASURED
        mean = written["effective_robustness"]["robustness"]["value"]
        assert mean == pytest.approx(expected.value, abs=1e-6)
        assert "<svg" in (tmp_path / "out/index.html").read_text()


def test_pages_of_directions_need_pillow_and_nothing_else(python, tmp_path):
    rng = np.random.default_rng(0)
    head, classes = rng.standard_normal((5, 30)), np.arange(200) % 5
    activations = rng.standard_normal((200, 30)) + head[classes]
    arrays = {"activations": activations.astype("f4"), "weight": head.astype("f4")}
    names = [f"{number}.png" for number in range(200)]
    about = {METADATA: json.dumps({"encoder": "mine", "images": names})}
    save_file(arrays, tmp_path / "mine.safetensors", about)
    rows = [f"{names[image]},first" for image in np.flatnonzero(activations[:, 0] > 0.5)]
    (tmp_path / "objects.csv").write_text("\n".join(["image,concept", *rows]))
    (tmp_path / "photos").mkdir()
    for name in names:
        Image.new("RGB", (9, 9)).save(tmp_path / "photos" / name)
    words = ["measure", "mine.safetensors", "--concepts", "objects.csv", "--photos", "photos"]
    command = [python.parent / "interpreting-clip", *words, "--report", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "`pip install pillow`" in done.stderr
    assert not (tmp_path / "out").exists()
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    install = [python, "-m", "pip", "install", "-q", *constraints, "pillow"]
    subprocess.run(install, check=True)
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    pages = tmp_path / "out/directions"
    assert "first</a>" in (pages / "directions_1.html").read_text()
    assert (pages / "directions_1.jpg").is_file()


def test_a_type_checker_sees_the_installed_functions(python, tmp_path):
    assert refused_lines(tmp_path, python) == WRONG
