"""Memory of trainings against closed forms; tests/stress/test_memory.py has what takes long."""

import sys

import msgspec
import pytest
import torch

from interpreting_clip.config.encoders import OpenClipModel, TorchvisionModel
from interpreting_clip.errors import InputError
from interpreting_clip.study.sections import Sections
from runner.machine_settings import Machine
from tools import memory
from tools.amounts import Amount
from tools.costs import build, cost, parameters
from tools.memory import (
    Step,
    device_memory,
    memory_row,
    memory_table,
    peak,
    step_bytes,
    too_large,
    usable,
)


def counted(study: Sections, key: str) -> dict[str, float]:
    row = memory_row(study, key)
    return {name: value.value for name, value in row.items() if isinstance(value, Amount)}


def changed(study: Sections, recipe: str, **values) -> Sections:
    """Return the study with another recipe; it need not be legal as a whole."""
    new = msgspec.structs.replace(study.recipes[recipe], **values)
    return msgspec.structs.replace(study, recipes=study.recipes | {recipe: new})


def test_weights_gradients_and_moments_are_4_4_and_8_bytes_a_parameter(nano):
    encoder = build(nano.backbones["rn"])
    assert encoder is not None
    both = parameters(encoder.module)
    row = counted(nano, "rn_web_broad")
    assert [row[name] for name in ("all_weights", "gradients", "moments")] == [4 * both] * 2 + [
        8 * both
    ]
    assert row["total"] == 16 * both + row["activations"]


def test_a_finetuning_keeps_the_clip_that_it_starts_from(nano):
    price = cost(nano.backbones["rn"])
    row = counted(nano, "rn_web_broad_finetuned")
    trained = 4 * (price.parameters.value + 24 * price.width.value)
    assert row["gradients"] == trained and row["moments"] == 2 * trained
    start = 4 * (price.parameters + price.text_parameters).value
    assert row["all_weights"] == trained + start


def test_pieces_of_captions_meet_in_the_loss_and_those_of_labels_nowhere(nano):
    for key, classes, pieces in (("rn_web_broad", 0, 2), ("rn_web_broad_finetuned", 24, 1)):
        step = Step(nano.backbones["rn"], classes, "float32", False, 64, pieces)
        row = memory_row(nano, key, 2)
        assert row["activations"].value == step_bytes(step) and row["images"] == Amount(64)


def test_a_convolution_keeps_its_input_once():
    convolutions = torch.nn.Sequential(*(torch.nn.Conv2d(3, 3, 1, bias=False) for _ in range(3)))
    image = 2 * 3 * 8 * 8 * 4

    def run(module) -> None:
        found = module(torch.empty(2, 3, 8, 8))
        found.sum().backward()

    # The three inputs and the output, whose gradient is an expanded scalar, then of weights too.
    assert 4 * image <= peak(convolutions, run) <= 5 * image + 100
    with torch.no_grad():  # an input and an output at a time, beside the first input
        assert peak(convolutions, lambda module: module(torch.empty(2, 3, 8, 8))) <= 3 * image


def test_norms_of_a_transformer_keep_float32_as_on_cuda():
    """A block of CUDA's keeps its two norms' inputs in four bytes, of which autocast knows two."""
    norm = torch.nn.LayerNorm(64)

    def run(module) -> None:
        values = torch.empty(1000, 64, dtype=torch.bfloat16, requires_grad=True)
        module(values).sum().backward()

    assert peak(norm, run) >= 1000 * 64 * (2 + 4 + 4)


def test_checkpointing_is_refused_where_the_training_would_refuse_it():
    step = Step(OpenClipModel(model="RN50"), 10, "float32", True, 4, 1)
    with pytest.raises(InputError, match=r"RN50.*ModifiedResNet"):
        step_bytes(step)


def test_the_table_ends_with_the_largest_forward_pass(nano):
    *trained, last = memory_table(nano, 256)
    keys = ["rn_web_broad", "rn_web_broad_finetuned", "rn_web_broad_probe"]
    assert [row["what"] for row in trained] == keys
    assert "forward passes" in last["what"] and "gradients" not in last
    more = memory_table(nano, 512)[-1]
    assert more["activations"].value > 1.9 * last["activations"].value


def test_what_lies_on_the_hub_is_unknown_and_not_refused(nano):
    hub = msgspec.structs.replace(
        nano, backbones=dict.fromkeys(nano.backbones, OpenClipModel(model="hf-hub:a/b"))
    )
    rows = memory_table(hub, 256)
    assert not any(row["activations"].complete for row in rows)
    assert too_large(hub, rows, 2e9) == {}


def advice(study: Sections, room: float) -> dict[str, str]:
    return too_large(study, memory_table(study, 256), (room + memory.RESERVE) / (1 - memory.SHARE))


def test_the_advice_is_the_fewest_pieces_that_fit(nano):
    # the largest of the nano study's two trainings, whose recipes have batches of 128
    needs = {
        pieces: memory_row(nano, "rn_web_broad", pieces)["total"].value for pieces in (1, 4, 8)
    }
    refused = advice(nano, needs[8])
    assert "`pieces: 8` of recipes.pretraining" in refused["rn_web_broad"]
    refused = advice(nano, needs[4] + 1)
    assert "`pieces: 4`" in refused["rn_web_broad"]
    assert "rn_web_broad" not in advice(nano, needs[1])


def test_the_advice_divides_the_batch(nano):
    odd = changed(nano, "pretraining", batch_size=90)
    pieces = {p: memory_row(odd, "rn_web_broad", p)["total"].value for p in (3, 5)}
    assert "`pieces: 5`" in advice(odd, (pieces[5] + pieces[3]) / 2)["rn_web_broad"]


def test_says_when_no_number_of_pieces_helps(nano):
    row = counted(nano, "rn_web_broad")
    fixed = row["total"] - row["activations"]
    assert "weights, gradients and moments alone" in advice(nano, fixed - 1)["rn_web_broad"]
    assert "two images" in advice(nano, fixed + 1)["rn_web_broad"]


def test_forward_passes_that_do_not_fit_need_a_smaller_batch(nano):
    (key, why), *_ = reversed(advice(nano, 1).items())
    assert "forward passes" in key and "`batch_size` in compute.yaml" in why


def test_a_probe_keeps_the_features_of_all_its_images_and_needs_fewer_if_they_do_not_fit(nano):
    (row,) = (row for row in memory_table(nano, 256) if row["what"] == "rn_web_broad_probe")
    # 40 images of each of 24 classes, and features of 32 times the width of 8
    assert row["images"].value == 960
    assert row["all_weights"].value == 24 * 256 * 4 and row["gradients"].value == 24 * 256 * 8
    chunk = 2 * 8192 * (256 + 24) * 4
    assert row["activations"].value == 960 * 256 * 4 + chunk
    assert "`images_per_class`" in advice(nano, row["total"].value - 1)["rn_web_broad_probe"]


def test_some_of_a_gpu_stays_free():
    assert usable(80e9) == 80e9 * (1 - memory.SHARE) - memory.RESERVE < 80e9


def test_asks_cuda_for_the_memory_of_the_machine_s_device(monkeypatch):
    class Device:
        def __init__(self, name) -> None:
            self.total_memory = {"cuda": 10, "cuda:1": 11}[name]

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_memory(Machine(device="cuda")) is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", Device)
    assert device_memory(Machine(device="cuda:1")) == 11
    assert device_memory(Machine(device="cpu")) == 10


def test_a_torch_without_fake_tensors_is_refused_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch._subclasses.fake_tensor", None)
    with pytest.raises(InputError, match=r"FakeTensorMode.*versions\.yaml"):
        peak(torch.nn.Linear(1, 1), lambda _: None)


def test_library_towers_are_counted_too():
    small, large = (
        step_bytes(Step(TorchvisionModel(model="resnet18"), 10, "float32", False, images, 1))
        for images in (8, 16)
    )
    assert 1.5 * small < large < 2.1 * small
