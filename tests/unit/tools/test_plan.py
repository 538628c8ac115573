import math
from pathlib import Path

import msgspec
import pytest
import yaml

from interpreting_clip.config.params import convert
from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.encoders.encoder import clip_encoder, save_encoder
from interpreting_clip.encoders.entries import ExternalModel, OpenClipModel, TorchvisionModel
from interpreting_clip.encoders.tokenizer import Vocabulary
from interpreting_clip.encoders.weight_sources import ActivationsFolder
from interpreting_clip.study.check import check
from interpreting_clip.study.sections import EverySection, Sections
from runner.machine_settings import Machine
from tests.pipeline.workspace import NANO
from tests.unit.encoders.conftest import small_backbone
from tools import reachable
from tools.__main__ import main
from tools.plan import (
    WORDS,
    Sizes,
    encoder_rows,
    make_plan,
    sizes,
    storage,
    training_row,
    verdict,
    weight_bytes,
)
from tools.reachable import UNKNOWN, Answer, image_count, size

BRODEN = {"kind": "broden", "source": "folder", "folder": "broden1"}

REMOTE = {
    "imagenet_val": {"kind": "imagenet", "source": "folder", "folder": "val"},
    "imagenet_v2": {
        "kind": "imagenet_v2",
        "source": "hub",
        "hub": {"repository": "owner/v2", "revision": "main", "files": "test/*.tar"},
        "limit": 2000,
    },
    "imagenet_r": {"kind": "absent", "source": "none"},
    "imagenet_a": {
        "kind": "imagenet_a",
        "source": "archive",
        "archive": [{"url": "http://host/a.tar", "sha256": "0" * 64}],
    },
}

STATED = {"dataset": 1_000_000, "url": 690_000, "folder": 0}


@pytest.fixture
def nano() -> Sections:
    return check(NANO)


@pytest.fixture
def remote() -> Sections:
    tree = load_tree(NANO)
    tree["datasets"] |= REMOTE
    shards = {"images_per_shard": 1000}
    tree["sources"] |= {"hub": shards, "archive": shards, "folder": shards, "none": {}}
    return convert(tree, EverySection, "", Path("remote.yaml"))


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return a function that writes the nano study with other datasets."""
    monkeypatch.setenv("INTERPRETING_CLIP_FOLDERS", str(tmp_path))

    def write(**datasets):
        tree = load_tree(NANO)
        tree["datasets"] |= datasets
        sources = {entry["source"] for entry in datasets.values() if "source" in entry}
        tree["sources"] |= {source: {"images_per_shard": 10} for source in sources}
        file = tmp_path / "study.yaml"
        file.write_text(yaml.safe_dump(tree))
        return str(file)

    return write


@pytest.fixture
def plan(remote, monkeypatch):
    """Return a function that plans the remote study, whose servers answer at once."""

    def answer(source, machine, *, offline):
        problem = "val: gone" if source.kind == "folder" else None
        return Answer(problem, UNKNOWN if offline else STATED[source.kind], asked=not offline)

    monkeypatch.setattr(reachable, "ask", answer)
    return lambda offline: make_plan(remote, Machine(), offline=offline)


@pytest.fixture
def images(nano):
    return {key: image_count(key, entry) for key, entry in (nano.datasets | nano.shifts).items()}


def test_a_drawn_study_needs_nothing_from_elsewhere(capsys):
    main("plan", str(NANO))
    said = capsys.readouterr().out
    assert said.endswith("Of 0 sources, 0 cannot be reached, 0 were not asked.\n")
    for title in ("Datasets", "Encoders", "Trainings", "Disk"):
        assert f"\n{title}" in said


def test_a_download_is_what_the_host_says_and_a_limit_keeps_its_share(plan):
    tables, answers = plan(False)
    found = {row["dataset"]: row for row in tables["Datasets"]}
    downloads = {key: row["download"] for key, row in found.items()}
    assert downloads["imagenet_v2"] == "1.0 MB" and downloads["imagenet_a"] == "690.0 kB"
    assert downloads["imagenet_val"] == downloads["imagenet_r"] == "0 Bytes"
    assert found["imagenet_v2"]["stored"] == size(1_000_000 * 2000 / 10_000)
    assert found["imagenet_val"]["stored"] == "6.7 GB"  # read from a folder
    assert found["imagenet_r"]["stored"] == "0 Bytes"
    assert found["imagenet_val"]["state"] == "CANNOT BE REACHED"
    assert "1 cannot be reached" in (said := verdict(answers)) and "val: gone" in said
    assert tables["Disk"][0]["bytes"] == "1.7 MB"


def test_a_download_is_estimated_where_nobody_was_asked(plan):
    tables, answers = plan(True)
    row = next(row for row in tables["Datasets"] if row["dataset"] == "imagenet_v2")
    assert (row["download"], row["state"]) == ("1.3 GB", "not asked")
    assert "3 were not asked" in verdict(answers)


def test_ends_with_1_and_names_what_cannot_be_reached(study, capsys, tmp_path):
    with pytest.raises(SystemExit) as ended:
        main("plan", study(broden=BRODEN))
    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert "1 cannot be reached" in said and str(tmp_path / "broden1") in said
    (tmp_path / "broden1/images").mkdir(parents=True)
    main("plan", study(broden=BRODEN))
    said = capsys.readouterr().out
    assert "Of 1 sources, 0 cannot" in said and "63,305" in said


def test_a_folder_of_activations_is_reached_by_its_manifest(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("INTERPRETING_CLIP_FOLDERS", str(tmp_path))
    tree = load_tree(NANO)
    tree["backbones"]["jax"] = {"kind": "external", "model": "a net in JAX"}
    entry = {"source": "activations", "backbone": "jax", "folder": "mine", "sha256": "0" * 64}
    tree["weights"]["mine"] = entry | {"representation": "linear", "normalize_features": True}
    mine = tree["encoders"]["rn_untrained"] | {"label": "Mine", "backbone": "jax"}
    tree["encoders"]["mine"] = mine | {"head": "trained"}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(SystemExit):
        main("plan", str(tmp_path / "study.yaml"), "--offline")
    assert f"{tmp_path}/mine/manifest.json: missing" in capsys.readouterr().out
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/manifest.json").write_text("{}")
    main("plan", str(tmp_path / "study.yaml"), "--offline")
    assert "Of 1 sources, 0 cannot" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["rn", "vit"])
def test_counts_the_weights_that_a_real_encoder_has(kind):
    backbone = small_backbone(kind)
    words = Vocabulary([f"w{i}" for i in range(WORDS)])
    real = clip_encoder(backbone, words, 0).module
    counted = sizes(backbone)
    assert counted.parameters + counted.text_parameters == sum(w.numel() for w in real.parameters())
    assert counted.width == backbone.embedding


def test_published_sizes_are_met():
    clip, resnet = sizes(OpenClipModel(model="ViT-B-32")), sizes(TorchvisionModel(model="resnet50"))
    assert clip.parameters + clip.text_parameters == 151_277_313
    assert resnet.parameters == 25_557_032 - 1000 * 2049 and resnet.text_parameters == 0


def test_the_sizes_of_what_is_not_here_are_unknown(nano):
    assert all(map(math.isnan, sizes(OpenClipModel(model="hf-hub:owner/name"))))
    external = ExternalModel(model="a net in JAX")
    assert sizes(external) == Sizes()
    folder = ActivationsFolder(
        backbone="jax",
        folder="mine",
        sha256="0" * 64,
        representation="linear",
        normalize_features=True,
    )
    study = msgspec.structs.replace(
        nano, weights={"rn_untrained": folder}, backbones={**nano.backbones, "jax": external}
    )
    assert math.isnan(weight_bytes(study, "rn_untrained"))
    assert weight_bytes(study, "rn_web_broad") == weight_bytes(nano, "rn_web_broad")


def test_forward_passes_are_the_images_of_each_stage(nano, images):
    def passes(study, images=images):
        return {row["encoder"]: row["forward passes"] for row in encoder_rows(study, images)}

    each = sum(images[key] for key in (*TEST_SETS, *nano.shifts)) + 600 + 64
    found = passes(nano)
    assert found["rn_web_broad"] == found["rn_untrained"] == f"{each:,}"
    assert found["rn_web_broad_probe"] == f"{each + 24 * 40:,}"
    assert found["3 untrained rn"] == "150"
    assert found["all"] == f"{4 * each + 960 + 150:,}"
    every = msgspec.structs.replace(nano.heads.probe, images_per_class="all")
    study = msgspec.structs.replace(nano, heads=msgspec.structs.replace(nano.heads, probe=every))
    assert passes(study)["rn_web_broad_probe"] == f"{each + 1200:,}"
    unknown = passes(nano, images | {"broden": UNKNOWN})
    assert unknown["rn_web_broad"] == "?" and unknown["all"] == "150 + ?"


def test_only_whole_batches_are_seen(nano, images):
    def trained(number):
        row = training_row(nano, "rn_web_broad_finetuned", {"imagenet_train": number})
        return row["steps"], row["images"]

    epochs = nano.recipes["finetuning"].epochs
    assert trained(600) == (f"{epochs * 4}", f"{epochs * 4 * 128:,}")
    assert trained(100) == (f"{epochs}", f"{epochs * 100:,}")
    assert trained(UNKNOWN) == ("?", "?") and trained(0) == ("0", "0")


def test_weights_that_are_there_for_a_probe_alone_are_stored_too(nano):
    encoders = {k: e for k, e in nano.encoders.items() if k != "rn_untrained"}
    without = msgspec.structs.replace(nano, encoders=encoders)
    assert weight_bytes(without, "rn_untrained") == sizes(nano.backbones["rn"]).parameters * 4


def test_storage_is_as_large_as_what_is_written_there(nano, images, tmp_path):
    found = {folder: sum(parts) for folder, parts in storage(nano, images).items()}
    measured = sum(images[key] for key in (*TEST_SETS, *nano.shifts)) + 600
    # three encoders with 64 features, and a probe of the 256 before the projection
    numbers = measured * (3 * 64 + 256) + 960 * 256 + 3 * 50 * 64
    assert found["data/activations"] == numbers * 4
    assert found[".scratch"] == 3 * weight_bytes(nano, "rn_web_broad")
    encoder = clip_encoder(nano.backbones["rn"], Vocabulary([f"w{i}" for i in range(WORDS)]), 0)
    save_encoder(tmp_path, encoder)
    real = (tmp_path / "weights.safetensors").stat().st_size
    assert weight_bytes(nano, "rn_web_broad") == pytest.approx(real, rel=0.1)
