"""The command `extract` writes what the encoder's own library computes, whole or not at all."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import timm
import torch
from PIL import Image
from safetensors import safe_open
from torchvision.transforms import v2

import interpreting_clip as ic
from interpreting_clip.commands.measure import main
from interpreting_clip.commands.named_encoder import name_encoder
from interpreting_clip.config.machine import Machine
from interpreting_clip.datasets.card import write_card
from interpreting_clip.datasets.shards import write_images
from interpreting_clip.encoders.activations import extract_dataset
from interpreting_clip.encoders.encoder import Encoder
from interpreting_clip.errors import InputError
from interpreting_clip.formats.array_files import read_arrays
from tests.integration.encoders.conftest import saved
from tests.layouts import card
from tests.pipeline.zoo import pickled
from tests.unit.encoders.conftest import TINY, build_encoder

NAMES = ["cat/2.png", "cat/10.png", "hot_dog/a.png", "hot_dog/c.png", "hot_dog/deep/b.png"]
CLASSES = [0, 0, 1, 1, 1]
TEMPLATES = ("a photo of a {}.", "a drawing of the {}")
OPTIONS = ("--workers", "1", "--device", "cpu", "--downloads", "downloads")
TINY_HUB = ("hub:me/tiny", "photos", "--to", "mine.safetensors")
MODEL = "test_vit"
RANDOM = (f"timm:{MODEL}", "photos", "--random", "0")


def draw(folder: Path, names: Sequence[str] = NAMES) -> None:
    rng = np.random.default_rng(0)
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (70, 90, 3), dtype=np.uint8)).save(file)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work beside a folder of photographs in class folders."""
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "photos")
    return tmp_path


@pytest.fixture
def tiny_hub(hub, tiny_clip: Encoder) -> Encoder:
    """Put a CLIP on the hub, and return it."""
    config = json.dumps({"model_cfg": TINY.config}).encode()
    files = {"open_clip_config.json": config}
    hub.add("me/tiny", {**files, "open_clip_model.safetensors": saved(tiny_clip.module)}, "model")
    return tiny_clip


def extract(*words: str) -> dict[str, np.ndarray]:
    main(["extract", *words, *OPTIONS])
    return {key: one.numbers() for key, one in read_arrays(Path("mine.safetensors")).items()}


def about() -> dict[str, Any]:
    """Return what the file says about itself."""
    with safe_open("mine.safetensors", "numpy") as stored:
        return json.loads(stored.metadata()["interpreting-clip extract"])


def seen(names: Sequence[str], size: int, resize: int, mean: Any, std: Any) -> torch.Tensor:
    """Return photographs as torchvision's own transforms prepare them."""
    bicubic = v2.InterpolationMode.BICUBIC
    steps = v2.Resize(resize, bicubic), v2.CenterCrop(size), v2.PILToTensor()
    pixels = [v2.Compose(steps)(Image.open(f"photos/{name}")).float() / 255 for name in names]
    return v2.Normalize(list(mean), list(std))(torch.stack(pixels))


def close(found: np.ndarray, expected: torch.Tensor) -> None:
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_a_clip_has_its_embeddings_and_its_zero_shot_head(tiny_hub, capsys):
    found = extract(*TINY_HUB, *(word for text in TEMPLATES for word in ("--template", text)))
    module = tiny_hub.module.eval()
    mean, std = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
    close(found["activations"], module.encode_image(seen(NAMES, 32, 32, mean, std)))
    assert found["activations"].dtype == np.float32 and found["classes"].tolist() == CLASSES
    rows = []
    for name in ("cat", "hot dog"):
        tokens = open_clip.tokenize([text.format(name) for text in TEMPLATES])
        unit = torch.nn.functional.normalize(module.encode_text(tokens), dim=1)
        rows.append(torch.nn.functional.normalize(unit.mean(dim=0), dim=0))
    close(found["weight"], torch.stack(rows))
    assert found["normalize_features"] == 1 and "bias" not in found
    said = about()
    assert said["images"] == NAMES and said["class_names"] == ["cat", "hot dog"]
    assert said["templates"] == [*TEMPLATES] and said["encoder"] == "hub:me/tiny"
    assert len(said["card"]["origin"]["sha256"]) == 64 and said["card"]["preprocess"]["size"] == 32
    printed = capsys.readouterr()
    assert printed.err == "" and "activations 5 × 16" in printed.out.splitlines()[-1]


def test_rows_are_those_of_stage_extract(tiny_hub):
    found = extract(*TINY_HUB, "--no-head")
    assert "weight" not in found
    stored = [((Path("photos") / name).read_bytes(), 0, None) for name in NAMES]
    write_card(card(write_images(stored, 2, Path("shards")), 5), Path("shards"))
    machine = Machine(downloads="downloads", workers=1)
    encoder = build_encoder(*name_encoder("hub:me/tiny", None, None, ()), machine)
    extract_dataset(encoder, Path("shards"), Path("out"), machine, "float32")
    stage = read_arrays(Path("out/shards.safetensors"))["activations"].stored
    assert np.array_equal(found["activations"], stage)


def test_a_folder_without_classes_has_a_head_only_for_names_in_a_file(tiny_hub, capsys):
    draw(Path("flat"), ["b.png", "a.png"])
    words = ("hub:me/tiny", "flat", "--to", "mine.safetensors", "--template", TEMPLATES[0])
    assert {*extract(*words)} == {"activations"} and about()["images"] == ["a.png", "b.png"]
    assert "--class-names" in capsys.readouterr().out
    Path("names.txt").write_text("dog\ncat\nmouse\n")
    found = extract(*words, "--class-names", "names.txt")
    assert found["weight"].shape == (3, 16) and "classes" not in found
    assert about()["class_names"] == ["dog", "cat", "mouse"]


@pytest.mark.filterwarnings("ignore:head has 1,000 rows")
@torch.inference_mode()
def test_a_checkpoint_of_a_classifier_has_its_own_head_for_imagenet_s_classes():
    model = timm.create_model(MODEL).eval()
    Path("mine.pt").write_bytes(pickled(model.state_dict()))
    Path("photos/cat").rename("photos/n01443537")
    Path("photos/hot_dog").rename("photos/n07697537")
    words = ("mine.pt", "photos", "--to", "mine.safetensors", "--backbone", f"timm:{MODEL}")
    found = extract(*words, "--with", "mean=[0.5, 0.4, 0.3]", "--with", "resize=170")
    config = timm.data.resolve_data_config(model=model)  # pyright: ignore
    names = about()["images"]
    images = seen(names, 160, 170, (0.5, 0.4, 0.3), config["std"])
    features = model.forward_head(model.forward_features(images), pre_logits=True)  # pyright: ignore
    close(found["activations"], features)
    head = model.get_classifier()  # pyright: ignore
    close(found["weight"], head.weight)
    close(found["bias"], head.bias)
    assert found["normalize_features"] == 0 and found["classes"].tolist() == [1, 1, 934, 934, 934]
    assert found["class_indices"].tolist() == [1, 934]
    main(["measure", "mine.safetensors", "--report", "out"])
    measured = json.loads(Path("out/measures.json").read_text())["measures"]["accuracy"]
    right = ic.accuracy(
        features, head=head.weight, bias=head.bias, classes=found["classes"], among=[1, 934]
    )
    assert measured["accuracy"]["value"] == pytest.approx(right.accuracy.value, abs=1e-5)


def test_random_weights_are_those_of_the_seed_and_give_the_same_bytes():
    words, file = (*RANDOM[:-1], "1", "--to", "mine.safetensors"), Path("mine.safetensors")
    first = extract(*words)["activations"].copy()
    written = file.read_bytes()
    extract(*words)
    assert file.read_bytes() == written  # over an earlier file of ours
    assert "kind" not in about()["card"]  # neither a CLIP nor a classifier
    other = extract(*RANDOM, "--to", "mine.safetensors")["activations"]
    assert not np.allclose(first, other) and about()["encoder"] == f"timm:{MODEL} --random 0"


def test_layers_are_listed_and_nothing_is_written(capsys):
    main(["extract", *RANDOM, "--layers", *OPTIONS])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "embedding  token 101, feature 64; the first token is the class token"
    assert len(lines) == 8 and lines[-1].split() == ["output", "feature", "64"]
    assert not list(Path().glob("*.safetensors"))


def test_layers_are_pooled_beside_the_same_activations_and_measured(capsys):
    words = (*RANDOM, "--to", "mine.safetensors", "--batch-size", "2")
    plain = extract(*words)
    found = extract(*words, "--layer", "output", "--layer", "block02", "--pool", "class_token")
    assert about()["layers"] == {"pool": "class_token", "names": ["block02", "output"]}
    assert found["activations"].tobytes() == plain["activations"].tobytes()
    assert np.array_equal(found["layers.output.activations"], plain["activations"])
    largest = np.abs(plain["activations"]).max(axis=1)
    assert np.array_equal(found["layers.output.largest"], largest)
    assert found["layers.block02.shape"].tolist() == [101, 64]
    main(["measure", "mine.safetensors", "--report", "out"])
    rows = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert rows.index("block02") + 1 == rows.index("output")
    measured = json.loads(Path("out/measures.json").read_text())["measures"]["layer_outliers"]
    own = ic.massive_activations(plain["activations"]).ratio
    assert own is not None
    ratio = measured["layers"]["output"]["ratio"]["value"]
    assert ratio == pytest.approx(own.value, rel=1e-5)
    assert measured["layers"]["block02"]["values"] == 101 * 64
    extract(*RANDOM, "--to", "mine.npy", "--batch-size", "2", "--layer", "all")
    assert len(about()["layers"]["names"]) == 8


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*RANDOM, "--layer", "block0"), "--layer block0: .*block0[1-6].*--layers"),
        ((*RANDOM, "--pool", "mean"), "--pool: .*--layer"),
        (
            ("timm:test_efficientnet", *RANDOM[1:], "--layer", "all", "--pool", "class_token"),
            "no class token in conv_stem.*--pool mean",
        ),
        ((RANDOM[0], "mixed", "--random", "0"), r"b\.png.*cat/a\.png"),
        (("openclip:RN50", "photos"), "^openclip:RN50: .*openclip:RN50/openai.*yfcc15m"),
        ((*RANDOM, "--class-names", "one.txt"), "2 names.*got 1"),
        ((*RANDOM, "--to", "theirs.safetensors"), "theirs.safetensors.*kept"),
    ],
)
def test_what_cannot_be_had_is_refused_in_one_line(words, message):
    draw(Path("mixed"), ["cat/a.png", "b.png"])
    Path("one.txt").write_text("cat\n")
    Path("theirs.safetensors").write_bytes(b"something else")
    with pytest.raises(InputError, match=message) as raised:
        main(["extract", "--to", "mine.safetensors", *words])
    assert "\n" not in str(raised.value)
    assert not Path("mine.safetensors").exists()
    assert Path("theirs.safetensors").read_bytes() == b"something else"


def test_without_a_file_to_write_the_options_are_named():
    with pytest.raises(InputError, match=r"--to FILE.*--layers"):
        main(["extract", *RANDOM])


def test_a_damaged_image_is_named_and_nothing_is_half_written():
    words = (*RANDOM, "--to", "mine.safetensors", "--batch-size", "1")
    extract(*words)
    before, last = Path("mine.safetensors").read_bytes(), Path("photos", NAMES[-1])
    last.write_bytes(last.read_bytes()[:-20])
    with pytest.raises(InputError, match=NAMES[-1]):
        extract(*words)
    assert Path("mine.safetensors").read_bytes() == before
    assert [file.name for file in Path().glob("mine*")] == ["mine.safetensors"]


def test_npy_gets_the_rows_and_safetensors_all_else_for_measure(tiny_hub):
    words = (*TINY_HUB[:2], "--template", TEMPLATES[0], "--to")
    expected = extract(*words, "mine.safetensors")
    for _ in range(2):  # over files of ours, too
        rest = extract(*words, "mine.npy")
        assert np.array_equal(np.load("mine.npy"), expected["activations"])
        assert {*rest} == {*expected} - {"activations"} and about()["images"] == NAMES
    main(["measure", "mine.npy", *(f"--{one}=mine.safetensors" for one in ("head", "labels"))])
