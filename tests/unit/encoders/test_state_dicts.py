"""Checkpoints as they come: which state dict, prefix and head are taken, and what is refused."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from interpreting_clip.config.machine import Machine
from interpreting_clip.datasets.imagenet import read_imagenet_classes
from interpreting_clip.encoders.checkpoints import read_checkpoint
from interpreting_clip.encoders.encoder import Encoder, load_encoder, save_encoder
from interpreting_clip.encoders.encoder_entries import TimmModel
from interpreting_clip.encoders.heads import encode_texts
from interpreting_clip.encoders.open_clip_models import build_clip
from interpreting_clip.encoders.sources.checkpoint import CheckpointFile, ClassOrder
from interpreting_clip.encoders.sources.source import Choice
from interpreting_clip.encoders.state_dicts import MatchedTower, describe_found
from interpreting_clip.encoders.towers import load_weights
from interpreting_clip.errors import InputError
from interpreting_clip.formats.files import file_digest
from tests.unit.encoders.conftest import TINY, build_encoder

TIMM = TimmModel(model="test_resnet")
Tensors = dict[str, torch.Tensor]


class Files(NamedTuple):
    """A classifier of timm's, averaged weights of it, a CLIP, and a linear head on its features."""

    timm: nn.Module
    averaged: Tensors
    clip: nn.Module
    head: nn.Linear

    @property
    def state(self) -> Tensors:
        return self.timm.state_dict()

    @property
    def tower(self) -> Tensors:
        return self.clip.get_submodule("visual").state_dict()

    def headed(self, name: str) -> Tensors:
        return under(f"{name}.", self.head.state_dict())


@pytest.fixture(scope="module")
def files() -> Files:
    import timm

    torch.manual_seed(0)
    model = timm.create_model(TIMM.model).eval()
    averaged = {
        name: value + 0.1 if value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }
    return Files(model, averaged, build_clip(TINY, None, 3).module.eval(), nn.Linear(16, 1000))


def under(prefix: str, weights: Tensors) -> Tensors:
    return {f"{prefix}{name}": value for name, value in weights.items()}


def renamed(weights: Tensors, old: str, new: str) -> Tensors:
    return {name.replace(old, new, 1): value for name, value in weights.items()}


def timm_training(files: Files) -> dict[str, Any]:
    """Return what timm's `train.py` saves with `--model-ema`."""
    return {
        "epoch": 3,
        "arch": TIMM.model,
        "state_dict": under("module.", files.state),
        "optimizer": {"state": {0: {"step": torch.ones(()), "exp_avg": torch.ones(3)}}},
        "version": 2,
        "args": argparse.Namespace(lr=0.1, output=Path("out")),
        "amp_scaler": {"scale": 65536.0},
        "metric": np.float64(81.2),
        "state_dict_ema": files.averaged,
    }


def wise_ft(files: Files) -> Tensors:
    """Return WiSE-FT's `ImageClassifier`: a CLIP without its text transformer, and a head."""
    clip = under("image_encoder.model.", files.clip.state_dict())
    kept = {name: value for name, value in clip.items() if ".model.transformer." not in name}
    return kept | files.headed("classification_head")


class Case(NamedTuple):
    """A file, what an entry says of it, and what has to be taken: state, prefix and head."""

    content: Callable[[Files], Any]
    taken: tuple[str, str, str | None]
    choice: Choice = Choice()


CLASSIFIERS = {
    "plain": Case(lambda f: f.state, ("", "", "fc")),
    "timm's training": Case(timm_training, ("state_dict", "module.", "module.fc")),
    "timm's training, averaged": Case(
        timm_training, ("state_dict_ema", "", "fc"), Choice(state="state_dict_ema")
    ),
    "two encoders, one chosen": Case(
        lambda f: under("module.encoder_q.", f.state) | under("module.encoder_k.", f.averaged),
        ("", "module.encoder_k.", "module.encoder_k.fc"),
        Choice(prefix="module.encoder_k."),
    ),
    "a head of another name": Case(
        lambda f: renamed(under("backbone.", f.state), "backbone.fc.", "probe.top."),
        ("", "backbone.", "probe.top"),
        Choice(head_name="probe.top"),
    ),
}


def written(content: Any, file: Path) -> Path:
    torch.save(content, file)
    return file


def load(
    tmp_path: Path, content: Any, architecture: Any, choice: Choice
) -> tuple[Encoder, MatchedTower]:
    states = read_checkpoint(written(content, tmp_path / "mine.pt"), "mine.pt")
    return load_weights(architecture, states, choice, "mine.pt")


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_of_timm(tmp_path, files, name):
    case = CLASSIFIERS[name]
    encoder, found = load(tmp_path, case.content(files), TIMM, case.choice)
    assert (found.state, found.prefix, found.head_name) == case.taken
    averaged = any(word in f"{found.state} {found.prefix}" for word in ("ema", "encoder_k"))
    state = files.averaged if averaged else files.state
    loaded = encoder.module.state_dict()
    assert torch.equal(loaded["visual.conv1.0.weight"], state["conv1.0.weight"])
    assert torch.equal(loaded["head.bias"], state["fc.bias"])
    if not averaged:
        images = torch.randn(2, 3, 160, 160)
        torch.testing.assert_close(encoder.module.eval()(images), files.timm(images))
    described = describe_found(found)
    assert all(part in described for part in case.taken if part)


OF_CLIPS = {
    "both towers": Case(lambda f: under("module.", f.clip.state_dict()), ("", "module.", None)),
    "WiSE-FT": Case(wise_ft, ("", "image_encoder.model.visual.", "classification_head")),
    "nn.Sequential that normalises": Case(
        lambda f: under("0.", f.tower) | f.headed("2"),
        ("", "0.", "2"),
        Choice(normalize_features=True),
    ),
}


@pytest.mark.parametrize("name", OF_CLIPS)
def test_clips_and_their_image_towers(tmp_path, files, name):
    case = OF_CLIPS[name]
    encoder, found = load(tmp_path, case.content(files), TINY, case.choice)
    assert (found.state, found.prefix, found.head_name) == case.taken
    images = torch.randn(2, 3, 32, 32)
    features = files.clip.get_submodule("visual")(images)
    torch.testing.assert_close(encoder.visual.eval()(images), features)
    assert encoder.card.representation == "linear"
    if found.head_name is not None:
        unit = case.choice.normalize_features or name == "WiSE-FT"
        given = nn.functional.normalize(features, dim=-1) if unit else features
        torch.testing.assert_close(encoder.module.eval()(images), files.head(given))
        assert encoder.card.normalize_features == unit
    elif name == "both towers":
        texts = ["a cat", "an old dog"]
        whole = Encoder(encoder.card, files.clip)
        np.testing.assert_allclose(encode_texts(encoder, texts), encode_texts(whole, texts))
    else:
        assert (encoder.card.kind, encoder.head, encoder.card.classes) == ("classifier", None, [])


IMAGENET = read_imagenet_classes()
IDS = [f"{wnid} {name}" for wnid, name in zip(IMAGENET.wnids, IMAGENET.names, strict=True)]
UNIQUE = [IMAGENET.names.count(name) == 1 for name in IMAGENET.names]
NAMES = [n if once else i for n, i, once in zip(IMAGENET.names, IDS, UNIQUE, strict=True)]
LISTED = {
    "names": (NAMES, None),
    "among others": ([*NAMES, "background", "n90000001 tench"], None),
    "two classes of one name": (IMAGENET.names, "got 0 for n03773504, 'missile'"),
    "a class too few": ([*IDS[:-1], "toilet roll"], f"got 0 for {IMAGENET.wnids[-1]}"),
}


@pytest.mark.parametrize("name", LISTED)
def test_rows_of_a_head_are_put_into_imagenet_s_order(tmp_path, files, name):
    lines, problem = LISTED[name]
    order = torch.randperm(len(lines), generator=torch.Generator().manual_seed(0)).tolist()
    file = tmp_path / "classes.txt"
    file.write_text("\n\n".join(lines[row] for row in order) + "\r\n")
    weight, bias = torch.randn(len(lines), len(files.state["fc.weight"][0])), torch.ones(len(lines))
    head = {"fc.weight": weight[order], "fc.bias": bias.cumsum(0)[order]}
    weights = {key: value for key, value in files.state.items() if key not in head}
    sha256 = file_digest(written(weights | head, tmp_path / "mine.pt"))
    classes = ClassOrder(file="classes.txt", sha256=file_digest(file))
    entry = CheckpointFile(backbone="b", file="mine.pt", sha256=sha256, classes=classes)
    machine = Machine(folders=str(tmp_path))
    if problem is not None:
        with pytest.raises(InputError, match=rf"classes\.txt: .*{problem}"):
            build_encoder(entry, TIMM, machine)
        return
    module = build_encoder(entry, TIMM, machine).module
    assert torch.equal(module.get_parameter("head.weight"), weight[:1000])
    assert torch.equal(module.get_parameter("head.bias"), bias.cumsum(0)[:1000])


VIT = TimmModel(model="test_vit")
MASKED = {
    "mask_token": torch.ones(1, 1, 64),
    "decoder_embed.weight": torch.ones(8, 64),
    "decoder_blocks.0.norm1.weight": torch.ones(8),
}


@pytest.fixture(scope="module")
def vit() -> nn.Module:
    import timm

    torch.manual_seed(0)
    return timm.create_model(VIT.model, num_classes=0).eval()


@pytest.mark.parametrize("prefix", ["", "module.base_encoder."])
def test_what_a_training_keeps_beside_a_whole_tower_is_not_used(tmp_path, vit, prefix):
    weights = under(prefix, vit.state_dict() | MASKED)
    encoder, found = load(tmp_path, weights, VIT, Choice())
    images = torch.randn(2, 3, 160, 160)
    assert torch.equal(encoder.visual.eval()(images), vit(images))
    assert f"not used are 3: {prefix}mask_token" in describe_found(found)
    assert encoder.head is None


@pytest.mark.parametrize(
    ("name", "value", "fact"),
    [
        ("blocks.0.attn.lora_q.weight", torch.ones(4, 64), "merge_and_unload"),
        ("norm.bias", None, "missing are 1"),
        ("norm.weight", torch.ones(64, dtype=torch.int8), "quantised"),
    ],
)
def test_what_would_change_the_features_is_refused(tmp_path, vit, name, value, fact):
    weights = vit.state_dict() | MASKED | {name: value}
    with pytest.raises(InputError, match=fact) as caught:
        load(tmp_path, {k: v for k, v in weights.items() if v is not None}, VIT, Choice())
    assert name in str(caught.value) and "mask_token" not in str(caught.value).split("holds")[0]


def test_a_tower_that_averages_its_tokens_is_built_so(tmp_path):
    import timm

    model = timm.create_model(VIT.model, global_pool="avg").eval()
    torch.nn.init.uniform_(model.get_parameter("fc_norm.bias"))
    encoder, found = load(tmp_path, {"model": under("module.", model.state_dict())}, VIT, Choice())
    images = torch.randn(2, 3, 160, 160)
    torch.testing.assert_close(encoder.module.eval()(images), model(images))
    assert found.averaged and "fc_norm" in describe_found(found)
    plain, found = load(tmp_path, timm.create_model(VIT.model).state_dict(), VIT, Choice())
    assert "pooling 'token'" in describe_found(found)
    assert encoder.card.preprocess == plain.card.preprocess
    save_encoder(tmp_path / "saved", encoder)
    read = load_encoder(tmp_path / "saved")
    assert torch.equal(read.module(images), encoder.module(images))


@pytest.mark.parametrize("rows", [10, 21841])
def test_a_head_of_other_classes_is_left_out_and_named(tmp_path, files, rows):
    weights = files.state | {"fc.weight": torch.ones(rows, 96), "fc.bias": torch.ones(rows)}
    encoder, found = load(tmp_path, weights, TIMM, Choice())
    assert encoder.head is None and "fc.weight" in describe_found(found)
    for fact in (f"{rows:,} rows", "`head: random`", "probe", "`classes`"):
        assert fact in found.no_head
    with pytest.raises(InputError, match=f"{rows:,} rows.*`head_name`.*`head: random`.*`classes`"):
        load(tmp_path, weights, TIMM, Choice(head_name="fc"))


def test_a_head_behind_another_layer_is_refused(tmp_path, vit):
    before, linear = nn.BatchNorm1d(64, affine=False), nn.Linear(64, 1000)
    head = under("bn.", before.state_dict()) | under("head.", linear.state_dict())
    weights = under("backbone.", vit.state_dict()) | head
    with pytest.raises(InputError, match=r"'head'.*bn\.running_mean"):
        load(tmp_path, weights, VIT, Choice(head_name="head"))


@pytest.mark.parametrize(("affine", "unused"), [(False, 0), (True, 7)])
def test_the_norm_of_mae_s_linear_probe_becomes_part_of_the_head(tmp_path, vit, *, affine, unused):
    norm = nn.BatchNorm1d(64, eps=1e-6, affine=affine)
    nn.init.uniform_(norm.get_buffer("running_mean"), -1, 1)
    nn.init.uniform_(norm.get_buffer("running_var"), 0.01, 0.2)
    head = nn.Sequential(norm, nn.Linear(64, 1000)).eval()
    probe = under("module.", vit.state_dict() | under("head.", head.state_dict()))
    encoder, found = load(tmp_path, {"model": probe}, VIT, Choice())
    said = describe_found(found)
    assert ("batch norm" in said) == (not unused)
    if unused:
        assert encoder.head is None and f"not used are {unused}:" in said
    else:
        images = torch.randn(2, 3, 160, 160)
        torch.testing.assert_close(encoder.module.eval()(images), head(vit(images)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            lambda f: under("student.", f.state) | under("teacher.", f.averaged),
            "'student.', 'teacher.'.*`prefix`",
        ),
        (
            lambda f: (
                renamed(under("backbone.", f.state), "backbone.fc.", "head.")
                | {"fc.weight": f.state["fc.weight"]}
            ),
            "('head', 'fc'|'fc', 'head').*`head_name`",
        ),
        (
            lambda f: {k: v for k, v in f.state.items() if k != "layer1.0.conv1.weight"},
            r"missing are 1: layer1\.0\.conv1\.weight.*another version",
        ),
    ],
    ids=["two towers", "two heads", "a missing array"],
)
def test_what_leaves_a_choice_or_does_not_fit_is_refused(tmp_path, files, content, said):
    with pytest.raises(InputError, match=rf"^mine\.pt: .*{said}"):
        load(tmp_path, content(files), TIMM, Choice())
