import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml

from interpreting_clip.config.encoders import OpenClipModel, TorchvisionModel
from interpreting_clip.config.params import convert
from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.config.weight_sources import ActivationsFolder, ExternalModel
from interpreting_clip.encoders.encoder import clip_encoder, save_encoder
from interpreting_clip.encoders.layer_outliers import OutlierLimits
from interpreting_clip.encoders.layers import layer_grams
from interpreting_clip.encoders.tokenizer import Vocabulary
from interpreting_clip.errors import InputError
from interpreting_clip.study.check import check
from interpreting_clip.study.sections import EverySection, Sections
from runner.machine_settings import Machine
from tests.pipeline.workspace import NANO
from tests.unit.encoders.conftest import small_backbone
from tools import reachable
from tools.plan import (
    SHOWN,
    THUMBNAIL,
    WORDS,
    Sizes,
    Storage,
    distinct,
    encoder_rows,
    free_space,
    main,
    make_plan,
    sizes,
    storage,
    table,
    training_row,
    verdict,
    weight_bytes,
)
from tools.reachable import UNKNOWN, Answer, AskedSource, image_count, size

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
    tree = yaml.safe_load(NANO.read_text())
    tree["datasets"] |= REMOTE
    shards = {"images_per_shard": 1000}
    tree["sources"] |= {"hub": shards, "archive": shards, "folder": shards, "none": {}}
    return convert(tree, EverySection, "", Path("remote.yaml"))


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return a function that writes the nano study with other datasets."""
    monkeypatch.setenv("INTERPRETING_CLIP_FOLDERS", str(tmp_path))

    def write(**datasets):
        tree = yaml.safe_load(NANO.read_text())
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


def rows(plan):
    return {row["dataset"]: row for row in plan["datasets"]}


def test_a_drawn_study_needs_nothing_from_elsewhere(capsys):
    main(str(NANO))
    said = capsys.readouterr().out
    assert said.startswith(f"The nano study, {NANO}: encoders 4, datasets 10, comparisons 1\n")
    assert said.endswith("needs no source outside of this repository.\n")
    for title in ("Datasets", "Encoders", "Trainings", "Disk"):
        assert f"\n{title}" in said


def test_a_download_is_what_the_host_says_and_a_limit_keeps_its_share(plan):
    asked = plan(False)
    found = rows(asked)
    downloads = {key: row["download"] for key, row in found.items()}
    assert downloads["imagenet_v2"] == "1.0 MB" and downloads["imagenet_a"] == "690.0 kB"
    assert downloads["imagenet_val"] == downloads["imagenet_r"] == "0 Bytes"
    assert found["imagenet_v2"]["stored"] == 1_000_000 * 2000 / 10_000
    assert found["imagenet_val"]["stored"] == pytest.approx(6.74e9)  # read from a folder
    assert found["imagenet_r"]["stored"] == 0
    assert found["imagenet_val"]["state"] == "CANNOT BE REACHED"
    assert "1 of 3 sources" in (said := verdict(asked["answers"])) and "val: gone" in said


def test_a_download_is_estimated_where_nobody_was_asked(plan):
    offline = plan(True)
    assert rows(offline)["imagenet_v2"]["download"] == "~1.3 GB"
    assert rows(offline)["imagenet_v2"]["state"] == "not asked"
    assert "1 of 3 sources" in verdict(offline["answers"])


def test_a_source_that_two_entries_share_counts_once():
    a, b, c = (AskedSource("url", f"http://host/{name}") for name in "abc")
    answers = {a: Answer(None, 1), b: Answer(None, 10), c: Answer(None, 100)}
    assert sum(distinct([[a, b], [b, c]], [7, 7], answers)) == 111
    assert sum(distinct([[a, b], [b, c]], [7, 7], answers | {a: Answer()})) == 7 + 110


def test_ends_with_1_and_names_what_cannot_be_reached(study, capsys, tmp_path):
    with pytest.raises(SystemExit) as ended:
        main(study(broden=BRODEN))
    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert "1 of 1 sources cannot be reached:" in said and str(tmp_path / "broden1") in said
    (tmp_path / "broden1/images").mkdir(parents=True)
    main(study(broden=BRODEN))
    said = capsys.readouterr().out
    assert "1 of 1 sources can be reached." in said and "63,305" in said


def test_a_folder_of_activations_is_reached_by_its_manifest(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("INTERPRETING_CLIP_FOLDERS", str(tmp_path))
    tree = yaml.safe_load(NANO.read_text())
    tree["backbones"]["jax"] = {"kind": "external", "model": "a net in JAX"}
    entry = {"source": "activations", "backbone": "jax", "folder": "mine", "sha256": "0" * 64}
    tree["weights"]["mine"] = entry | {"representation": "linear", "normalize_features": True}
    mine = tree["encoders"]["rn_untrained"] | {"label": "Mine", "backbone": "jax"}
    tree["encoders"]["mine"] = mine | {"head": "trained"}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(SystemExit):
        main(str(tmp_path / "study.yaml"), "--offline")
    assert f"{tmp_path}/mine/manifest.json: missing" in capsys.readouterr().out
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/manifest.json").write_text("{}")
    main(str(tmp_path / "study.yaml"), "--offline")
    assert "1 of 1 sources can be reached." in capsys.readouterr().out


def test_text_from_outside_is_escaped(study, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("INTERPRETING_CLIP_FOLDERS", str(tmp_path / "\u200e"))
    file = Path(study(broden=BRODEN)).rename(tmp_path / "\x1b[31m\n\udcff")
    with pytest.raises(SystemExit):
        main(str(file))
    said = capsys.readouterr().out
    assert r"/\x1b[31m\n\udcff: encoders 4" in said and r"/\u200e/broden1: missing" in said
    assert all(line.isprintable() for line in said.split("\n"))


def test_numbers_stand_to_the_right_and_names_to_the_left():
    text = table([{"weights": "a\u2028", "bytes": 1000, "state": ""}, {"bytes": UNKNOWN}])
    assert text.splitlines()[2:] == [r"a\u2028     1.0 kB", "                 ?"]


def test_a_sum_says_whether_it_is_whole():
    assert size(1000, 1000) == "2.0 kB" and size() == size(0) == "0 Bytes"
    assert size(1000, UNKNOWN) == "1.0 kB + ?" and size(UNKNOWN, 0) == "?"


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


def test_refuses_a_model_that_no_library_has():
    with pytest.raises(InputError, match=r"'ViT-B-33'.*ViT-B-32"):
        sizes(OpenClipModel(model="ViT-B-33"))


def test_forward_passes_are_the_images_of_each_stage(nano, images):
    def passes(study, images=images):
        return {row["encoder"]: row["forward_passes"] for row in encoder_rows(study, images)}

    each = sum(images[key] for key in (*TEST_SETS, *nano.shifts)) + 600 + 64
    found = passes(nano)
    assert found["rn_web_broad"] == found["rn_untrained"] == each
    assert found["rn_web_broad_probe"] == each + 24 * 40
    assert found["3 untrained rn"] == 3 * 50
    assert found["all"] == f"{4 * each + 960 + 150:,}"
    every = msgspec.structs.replace(nano.heads.probe, images_per_class="all")
    study = msgspec.structs.replace(nano, heads=msgspec.structs.replace(nano.heads, probe=every))
    assert passes(study)["rn_web_broad_probe"] == each + 1200
    unknown = passes(nano, images | {"broden": UNKNOWN})
    assert math.isnan(unknown["rn_web_broad"]) and unknown["all"] == "150 + ?"


def test_only_whole_batches_are_seen(nano, images):
    def trained(number):
        row = training_row(nano, "rn_web_broad_finetuned", {"imagenet_train": number})
        return row["steps"], row["images"]

    epochs = nano.recipes["finetuning"].epochs
    assert trained(600) == (epochs * 4, epochs * 4 * 128) and trained(100) == (epochs, epochs * 100)
    assert all(map(math.isnan, trained(UNKNOWN))) and trained(0) == (0, 0)


def test_weights_that_are_there_for_a_probe_alone_are_stored_too(nano):
    encoders = {k: e for k, e in nano.encoders.items() if k != "rn_untrained"}
    without = msgspec.structs.replace(nano, encoders=encoders)
    assert weight_bytes(without, "rn_untrained") == sizes(nano.backbones["rn"]).parameters * 4


def test_storage_is_as_large_as_what_is_written_there(nano, images, tmp_path):
    found = {item.what: sum(item.bytes) for item in storage(nano, images)}
    measured = sum(images[key] for key in (*TEST_SETS, *nano.shifts)) + 600
    # three encoders with 64 features, and a probe of the 256 before the projection
    numbers = measured * (3 * 64 + 256) + 960 * 256 + 3 * 50 * 64
    assert found["activations"] == numbers * 4
    assert found["thumbnails"] == 600 * THUMBNAIL
    # of four heads of 24 classes, with four images at each end
    assert found["pages of directions"] == 4 * 24 * 2 * 4 * SHOWN
    without = {item.what: sum(item.bytes) for item in storage(nano, images | {"broden": 0})}
    assert without["pages of directions"] == without["thumbnails"] == 0
    assert found["training checkpoints"] == 3 * weight_bytes(nano, "rn_web_broad")
    encoder = clip_encoder(nano.backbones["rn"], Vocabulary([f"w{i}" for i in range(WORDS)]), 0)
    save_encoder(tmp_path, encoder)
    real = (tmp_path / "weights.safetensors").stat().st_size
    assert weight_bytes(nano, "rn_web_broad") == pytest.approx(real, rel=0.1)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)
    minibatches = np.arange(64).reshape(-1, nano.layers.minibatch)
    made = layer_grams(
        encoder, pixels, minibatches, Machine(), "float32", limits=OutlierLimits(6.0, 0.5)
    ).whole
    assert found["layer Grams"] == 4 * sum(gram.nbytes for gram in made.values())


def test_warns_where_a_disk_is_short(tmp_path):
    def said(*parts: float) -> list[str]:
        return free_space([Storage("x", str(tmp_path / f"new/{part}"), [part]) for part in parts])

    (line,) = said(5, 6)  # on one disk, in folders that are not there yet
    assert line.startswith(f"{tmp_path}: 11 Bytes needed, ")
    assert said(1e18)[0].startswith(f"WARNING, {tmp_path}: 1.0 EB needed, ")
    assert not said(UNKNOWN)[0].startswith("WARNING")
    assert free_space([Storage("x", "not/there", [1])])[0].startswith(f"{Path.cwd()}: ")
