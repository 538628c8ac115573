"""Every example of docs/arrays.md runs as it stands, in its order, with tiny encoders.

Code blocks without a language are commands, those in Python share their variables.
"""

import json
import re
import shlex
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors
from PIL import Image, ImageFilter
from safetensors.numpy import save_file

import interpreting_clip as ic
from interpreting_clip.commands.measure import main
from interpreting_clip.encoders.encoder import clip_encoder
from tests.integration.encoders.conftest import saved
from tests.reads import ROOT
from tests.unit.encoders.conftest import TINY

BLOCKS = re.findall(
    r"^ *```(\w*)\n(.*?)^ *```$", (ROOT / "docs/arrays.md").read_text(), re.MULTILINE | re.DOTALL
)
COMMANDS = [
    shlex.split(line.replace("\\\n", " "))[1:]
    for language, block in BLOCKS
    if not language
    for line in re.sub(r"\\\n", " ", block).splitlines()
    if line.lstrip().startswith("interpreting-clip ")
]
PYTHON = [textwrap.dedent(block) for language, block in BLOCKS if language == "python"]
OPTIONS = ("--workers", "1", "--device", "cpu", "--downloads", "downloads")
TINY_NAMES = {
    "openclip:ViT-B-32/openai": "hub:me/tiny",
    "timm:resnet50.a1_in1k": "hub:me/other",
    "block11": "block02",
}
ASKED = {"--list", "--shift", "--layer", "--layers", "--pool", "--standard", "--concepts"} | {
    *("--photos", "--report", "--name")
}
CLASSES = ("cat", "dog", "hot_dog", "mouse")
PER_CLASS = 15
NAMES = [f"{name}/{number}.png" for name in CLASSES for number in range(PER_CLASS)]


def draw_photographs() -> None:
    """Draw class folders of photographs, and blurred copies of them."""
    rng = np.random.default_rng(0)
    for name in NAMES:
        sharp = Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8))
        for folder, image in (("photos", sharp), ("photos_blur", sharp.filter(ImageFilter.BLUR))):
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            image.save(file)


def write_tables() -> None:
    """Write the texts that the examples name."""
    models = ["model,family,original,blur"]
    models += [f"m{n},f{n // 2},{60 + 3 * n},{40 + 4 * n}" for n in range(8)]
    Path("models.csv").write_text("\n".join(models))
    Path("encoders.txt").write_text("hub:me/tiny\ntimm:test_vit --random 0 # untrained\n")
    rng = np.random.default_rng(1)
    objects = [
        (name, concept) for name in NAMES for concept in ("sofa", "red") if rng.random() < 0.5
    ]
    Path("objects.csv").write_text("\n".join(["image,concept", *map(",".join, objects)]))
    numbers = {name: number for number, name in enumerate(NAMES)}
    instances = {
        "images": [
            {"id": number, "file_name": name, "height": 40, "width": 50}
            for name, number in numbers.items()
        ],
        "categories": [{"id": 1, "name": "sofa"}, {"id": 2, "name": "red"}],
        "annotations": [
            {"image_id": numbers[name], "category_id": 1 + (concept == "red"), "bbox": [0, 0, 9, 9]}
            for name, concept in objects
        ],
    }
    Path("instances_val2017.json").write_text(json.dumps(instances))


@pytest.fixture
def folder(hub, tiny_clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder that has what the examples name."""
    monkeypatch.chdir(tmp_path)
    draw_photographs()
    write_tables()
    config = json.dumps({"model_cfg": TINY.config}).encode()
    files = {"open_clip_config.json": config}
    for name, encoder in (("me/tiny", tiny_clip), ("me/other", clip_encoder(TINY, None, 1))):
        weights = {"open_clip_model.safetensors": saved(encoder.module)}
        hub.add(name, {**files, **weights}, "model")
    rng = np.random.default_rng(2)
    classes = np.repeat(np.arange(len(CLASSES)), PER_CLASS)
    head = rng.normal(size=(len(CLASSES), 16)).astype(np.float32)
    np.save("classes.npy", classes)
    save_file({"weight": head}, "head.safetensors")
    np.save("tokens.npy", rng.normal(size=(len(NAMES), 5, 16)))
    save_file({"activations": rng.normal(size=(len(NAMES), 16))}, "other.safetensors")


def tiny(words: list[str]) -> list[str]:
    """Return the words of a command with encoders that are on the loopback hub."""
    words = [TINY_NAMES.get(word, word) for word in words]
    return [*words, *OPTIONS] if words[0] == "extract" else words


@pytest.mark.usefixtures("folder")
def test_every_command_runs(capsys):
    options = {word for words in COMMANDS for word in words if word.startswith("--")}
    assert options >= ASKED and len(COMMANDS) > 12
    for words in COMMANDS:
        main(tiny(words))
        out, error = capsys.readouterr()
        assert out and "error" not in error, words
    assert Path("out/directions/index.html").is_file()
    assert {file.name for file in Path("encoders").glob("*")} >= {"hub-me-tiny.safetensors"}


@pytest.mark.usefixtures("folder")
def test_every_example_in_python_runs():
    rng = np.random.default_rng(3)
    activations, head = rng.normal(size=(len(NAMES), 16)), rng.normal(size=(4, 16))
    classes = np.arange(len(NAMES)) % 4
    shown = rng.random((len(NAMES), 3)) < 0.5
    names: dict[str, Any] = {
        **{"activations": activations, "head": head, "classes": classes, "ic": ic, "pd": pd},
        **{"activations_a": activations, "activations_b": activations + rng.normal(size=16)},
        **{"head_a": head, "head_b": head, "blurred": activations, "clip": activations},
        **{"random": activations[::-1], "json": json, "safetensors": safetensors},
        "concepts": ic.concepts(activations, labels=shown, rotations=2),
        "robustness": ic.effective_robustness({"imagenet": 70, "imagenet_v2": 60}),
    }
    main(tiny(COMMANDS[0]))
    for block in PYTHON:
        exec(compile(block, "docs/arrays.md", "exec"), names)  # noqa: S102
    assert names["names"] == NAMES and isinstance(names["comparison"].to_frame(), pd.DataFrame)
