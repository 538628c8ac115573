"""Operations and bytes, against closed forms and against files of the real formats."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from interpreting_clip.config.encoders import OpenClipModel, TorchvisionModel, VisionTransformer
from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.config.weight_sources import ActivationsFolder, ExternalModel
from interpreting_clip.encoders.encoder import clip_encoder, save_encoder
from interpreting_clip.encoders.layer_outliers import OutlierLimits
from interpreting_clip.encoders.layers import layer_grams
from interpreting_clip.encoders.tokenizer import Vocabulary
from interpreting_clip.errors import InputError
from runner.machine_settings import Machine
from tests.unit.encoders.conftest import small_backbone
from tools.amounts import UNKNOWN, Amount, about
from tools.costs import (
    EVALUATIONS,
    SHOWN,
    THUMBNAIL,
    WORDS,
    Storage,
    Work,
    activation_bytes,
    cost,
    cost_without_projection,
    encoder_work,
    free_space,
    head_bytes,
    rate_name,
    steps,
    storage,
    untrained_work,
    weight_bytes,
)
from tools.memory import memory_table
from tools.plan import datasets
from tools.reachable import image_count


@pytest.fixture
def images(nano):
    return {key: image_count(key, entry) for key, entry in datasets(nano).items()}


def by_stage(study, key, images):
    return {work.stage: work for work in encoder_work(study, key, images)}


def transformer(tokens: int, width: int, layers: int) -> int:
    """Return the operations of blocks: attention's four products of weights, its two of tokens."""
    weights = 4 * width**2 + 8 * width**2
    return layers * 2 * (tokens * weights + 2 * tokens**2 * width)


def test_transformers_cost_their_closed_form():
    backbone = small_backbone("vit")
    vision, text, patches = backbone.vision, backbone.text, (32 // 16) ** 2
    assert isinstance(vision, VisionTransformer)
    embedding = 2 * patches * 3 * 16**2 * vision.width
    blocks = transformer(patches + 1, vision.width, vision.layers)
    output = 2 * vision.width * backbone.embedding
    assert cost(backbone).image == Amount(embedding + blocks + output)
    blocks = transformer(text.context, text.width, text.layers)
    assert cost(backbone).text == Amount(blocks + 2 * text.width * backbone.embedding)


@pytest.mark.parametrize("kind", ["rn", "vit"])
def test_counts_the_weights_that_a_real_encoder_has(kind):
    backbone = small_backbone(kind)
    words = Vocabulary([f"w{i}" for i in range(WORDS)])
    real = clip_encoder(backbone, words, 0).module
    counted = cost(backbone)
    whole = counted.parameters + counted.text_parameters
    assert whole.value == sum(weight.numel() for weight in real.parameters())
    assert counted.width == Amount(backbone.embedding)


def test_published_costs_are_met():
    clip, resnet = cost(OpenClipModel(model="ViT-B-32")), cost(TorchvisionModel(model="resnet50"))
    assert (clip.parameters + clip.text_parameters).value == 151_277_313
    assert clip.image.value == pytest.approx(2 * 4.41e9, rel=0.01)
    assert resnet.parameters.value == 25_557_032 - 1000 * 2049
    assert resnet.image.value == pytest.approx(2 * 4.089e9, rel=0.01)
    assert resnet.text == resnet.text_parameters == Amount(0)


def test_what_lies_on_the_hub_is_unknown():
    unknown = cost(OpenClipModel(model="hf-hub:owner/name"))
    assert unknown.parameters == unknown.image == unknown.text == UNKNOWN


@pytest.mark.parametrize("backbone", ["jax", "rn"])
def test_a_folder_of_activations_passes_no_image_and_costs_are_unknown(nano, images, backbone):
    external = ExternalModel(model="a net in JAX")
    folder = ActivationsFolder(
        backbone=backbone,
        folder="mine",
        sha256="0" * 64,
        representation="linear",
        normalize_features=True,
    )
    study = msgspec.structs.replace(
        nano, weights={"rn_untrained": folder}, backbones={**nano.backbones, "jax": external}
    )
    assert encoder_work(study, "rn_untrained", images) == []
    assert weight_bytes(study, "rn_untrained") == head_bytes(study, "rn_untrained") == UNKNOWN
    assert cost(external).image == UNKNOWN
    assert weight_bytes(study, "rn_web_broad") == weight_bytes(nano, "rn_web_broad")
    rows = memory_table(study, 8)
    assert all("rn_untrained" not in row["what"] for row in rows) and len(rows) == 4


def test_refuses_a_model_that_no_library_has():
    with pytest.raises(InputError, match=r"'ViT-B-33'.*ViT-B-32"):
        cost(OpenClipModel(model="ViT-B-33"))


def test_work_is_the_images_of_each_stage_times_the_tower(nano, images):
    price = cost(nano.backbones["rn"])
    work = by_stage(nano, "rn_web_broad", images)
    shifts = sum(images[shift].value for shift in (*TESTBED_SHIFTS, *nano.shifts))
    expected = {"extract": 200 + shifts, "extract_broden": 600}
    for stage, passes in (expected | {"extract_layers": 64}).items():
        assert work[stage] == Work(stage, "rn_web_broad", Amount(passes), price.image * passes)
    assert work["head"] == Work("head", "rn_web_broad", Amount(6 * 24), price.text * 144)


def test_a_step_costs_three_passes_of_both_towers(nano, images):
    price = cost(nano.backbones["rn"])
    seen = 1200 // 128 * 128
    trained = by_stage(nano, "rn_web_broad", images)["pretrain"]
    assert trained.operations == about(3 * seen * (price.image.value + price.text.value))


def test_pieces_of_captions_and_checkpointed_blocks_pass_once_more(nano, images):
    def operations(key, stage, recipe, **values):
        new = msgspec.structs.replace(nano.recipes[recipe], **values)
        study = msgspec.structs.replace(nano, recipes=nano.recipes | {recipe: new})
        return by_stage(study, key, images)[stage].operations.value

    once = operations("rn_web_broad", "pretrain", "pretraining")
    more = operations("rn_web_broad", "pretrain", "pretraining", pieces=2)
    assert more == pytest.approx(4 / 3 * once)
    changes = {"pieces": 2, "activation_checkpointing": True}
    more = operations("rn_web_broad", "pretrain", "pretraining", **changes)
    assert more == pytest.approx(5 / 3 * once)
    labelled = ("rn_web_broad_finetuned", "finetune", "finetuning")
    assert operations(*labelled, pieces=2) == operations(*labelled)


def test_a_rate_is_that_of_the_recipe_or_of_inference(nano):
    def name(stage, precision="float32", inference="float32", backbone="rn"):
        recipe = msgspec.structs.replace(nano.recipes["pretraining"], precision=precision)
        study = msgspec.structs.replace(
            nano,
            recipes=nano.recipes | {"pretraining": recipe},
            precision=msgspec.structs.replace(nano.precision, inference=inference),
            backbones={"rn": small_backbone(backbone)},
        )
        return rate_name(study, Work(stage, "rn_web_broad", Amount(1), Amount(1)))

    assert name("pretrain") == name("extract") == "float32_resnet"
    assert name("pretrain", "bfloat16") == "bfloat16_resnet"
    assert name("extract", "bfloat16") == "float32_resnet"
    assert name("extract", inference="float16", backbone="vit") == "bfloat16_vit"


def test_finetuning_makes_the_head_that_it_starts_from(nano, images):
    price = cost(nano.backbones["rn"])
    work = by_stage(nano, "rn_web_broad_finetuned", images)
    tuned = 3 * 1152 * price.image.value + 144 * price.text.value
    expected = Work("finetune", "rn_web_broad_finetuned", Amount(1152 + 144), about(tuned))
    assert work["finetune"] == expected
    assert "head" not in work


def test_a_probe_passes_its_images_and_fits_a_head_for_each_penalty(nano, images):
    work = by_stage(nano, "rn_web_broad_probe", images)
    price = cost_without_projection(nano.backbones["rn"])
    assert price.width == Amount(256)
    assert work["extract_train"].operations == price.image * about(24 * 40)
    # two penalties on nine tenths of the images, and one fit to all; two products each time
    expected = 4 * 960 * 256 * 24 * EVALUATIONS * 2.8
    assert work["probe"].operations.value == pytest.approx(expected)
    assert rate_name(nano, work["probe"]) == "float32_resnet"
    everything = msgspec.structs.replace(nano.heads.probe, images_per_class="all")
    heads = msgspec.structs.replace(nano.heads, probe=everything)
    study = msgspec.structs.replace(nano, heads=heads)
    assert by_stage(study, "rn_web_broad_probe", images)["extract_train"].forward_passes == Amount(
        1200
    )


def test_weights_that_are_there_for_a_probe_alone_are_stored_too(nano):
    encoders = {k: e for k, e in nano.encoders.items() if k != "rn_untrained"}
    without = msgspec.structs.replace(nano, encoders=encoders)
    assert weight_bytes(without, "rn_untrained") == cost(nano.backbones["rn"]).parameters * 4


def test_an_untrained_encoder_is_neither_trained_nor_prompted(nano, images):
    work = by_stage(nano, "rn_untrained", images)
    assert list(work) == ["extract", "extract_broden", "extract_layers"]


def test_untrained_nulls_pass_their_images_through_each_encoder(nano):
    (work,) = untrained_work(nano)
    passes = cost(nano.backbones["rn"]).image * 150
    assert work == Work("extract_untrained", "rn", Amount(3 * 50), passes)
    assert rate_name(nano, work) == "float32_resnet"


def test_only_whole_batches_are_seen(nano):
    recipe = nano.recipes["finetuning"]
    assert [steps(recipe, Amount(n)) for n in (600, 100)] == [Amount(4), Amount(1)]
    seen = [steps(recipe, Amount(n), recipe.batch_size) for n in (600, 100)]
    assert seen == [Amount(4 * 128), Amount(100)]


def test_work_and_room_of_an_unknown_number_of_images_are_unknown(nano, images):
    work = by_stage(nano, "rn_web_broad", {**images, "broden": UNKNOWN, "web_broad": UNKNOWN})
    assert work["extract_broden"].operations == UNKNOWN
    assert not work["pretrain"].operations.complete
    assert activation_bytes(nano, UNKNOWN) == UNKNOWN
    assert head_bytes(nano, "rn_untrained") == Amount(24 * 64 * 4)


def test_every_folder_is_stored_once_and_as_large_as_what_is_written_there(nano, images, tmp_path):
    stored = storage(nano, images, Amount(7), Amount(5), "elsewhere")
    found = {item.folder: item.bytes for item in stored}
    assert len(found) == len(stored)
    assert stored[0] == Storage("downloads", "elsewhere", Amount(5), temporary=True)
    assert found["data/datasets"] == Amount(7)
    shifts = sum(images[shift].value for shift in (*TESTBED_SHIFTS, *nano.shifts))
    # three encoders with 64 features, and a probe of the 256 before the projection
    for folder, number in {"": 200, "shift_": shifts, "broden_": 600}.items():
        assert found[f"data/{folder}activations"] == Amount(number * (3 * 64 + 256) * 4)
    assert found["data/train_activations"] == about(960 * 256 * 4)
    assert found["data/thumbnails"] == about(600 * THUMBNAIL)
    # of four heads of 24 classes, with four images at each end
    assert found["plots/directions"] == about(4 * 24 * 2 * 4 * SHOWN)
    without = storage(nano, images | {"broden": Amount(0)}, Amount(7), Amount(5), "elsewhere")
    assert Storage("pages of directions", "plots/directions", Amount(0)) in without
    assert found[".scratch"].value == 3 * weight_bytes(nano, "rn_web_broad").value
    encoder = clip_encoder(nano.backbones["rn"], Vocabulary([f"w{i}" for i in range(WORDS)]), 0)
    save_encoder(tmp_path, encoder)
    real = (tmp_path / "weights.safetensors").stat().st_size
    assert weight_bytes(nano, "rn_web_broad").value == pytest.approx(real, rel=0.1)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)
    minibatches = np.arange(64).reshape(-1, nano.layers.minibatch)
    made = layer_grams(
        encoder, pixels, minibatches, Machine(), "float32", limits=OutlierLimits(6.0, 0.5)
    ).whole
    assert found["data/layer_grams"] == Amount(4 * sum(gram.nbytes for gram in made.values()))


def test_warns_where_a_disk_is_short(tmp_path):
    def said(*sizes: Amount) -> list[str]:
        return free_space([Storage("x", str(tmp_path / f"new/{s}"), s) for s in sizes])

    (line,) = said(Amount(5), Amount(6))  # on one disk, in folders that are not there yet
    assert line.startswith(f"{tmp_path}: 11 Bytes needed, ")
    assert said(about(1e18))[0].startswith(f"WARNING, {tmp_path}: ~1.0 EB needed, ")
    assert not said(UNKNOWN)[0].startswith("WARNING")
    assert free_space([Storage("x", "not/there", Amount(1))])[0].startswith(f"{Path.cwd()}: ")
