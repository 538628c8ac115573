"""The studies in this repository name what exists."""

import re
from typing import Any

import pytest
import torch

from interpreting_clip.config.datasets import ImageNet, RealSet
from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.config.trainings import Drops
from interpreting_clip.config.weight_sources import (
    OpenClip,
    Timm,
    Torchvision,
    Untrained,
    WeightsEntry,
)
from interpreting_clip.encoders.encoder import initialise
from interpreting_clip.encoders.open_clip_import import import_open_clip
from interpreting_clip.study.check import check
from interpreting_clip.study.sections import Sections
from tests.reads import ROOT
from tools.reachable import weight_sources

STUDIES = ("paper", "claims", "laptop", "local", "acceptance")
FILES = [ROOT / f"studies/{name}.yaml" for name in STUDIES]

DATA = (ROOT / "docs/data.md").read_text()


@pytest.fixture(scope="module")
def paper() -> Sections:
    return check(FILES[0])


@pytest.fixture(scope="module")
def claims() -> Sections:
    return check(FILES[1])


def of(study: Sections, training: str) -> list[str]:
    return [key for key, entry in study.encoders.items() if entry.training == training]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_name_and_tag_is_known_to_its_library(file):
    study = check(file)
    assert {key for key, found in weight_sources(study).items() if not found} == set(
        of(study, "untrained")
    )


def model_of(study: Sections, entry: WeightsEntry) -> str:
    """Return the name of an entry's model in its library."""
    backbone: Any = study.backbones[entry.backbone]
    return backbone.model


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_name_and_tag_stands_in_its_library_s_own_list(file):
    """Asked of the libraries themselves, without the code that locates weights."""
    import timm
    from torchvision import models

    study, clips = check(file), set(import_open_clip().list_pretrained())
    for entry in study.weights.values():
        model = model_of(study, entry)
        match entry:
            case OpenClip():
                assert (model, entry.tag) in clips
            case Timm():
                assert f"{model}.{entry.tag}" in timm.list_pretrained(f"{model}.*")
            case Torchvision():
                assert entry.tag in models.get_model_weights(model).__members__
            case Untrained():
                continue


CLIPS = {
    "vit_b_32": ("vit_base_patch32_clip_224", "ViT-B/32"),
    "vit_b_16": ("vit_base_patch16_clip_224", "ViT-B/16"),
    "vit_l_14": ("vit_large_patch14_clip_224", "ViT-L/14"),
}
"""The ViTs of the claims: timm's tower without the projection, and the start of the label."""


def members(study: Sections, group: str, training: str, data: str = "") -> list[str]:
    """Return the encoders of a group of the report, of one training and, if given, on some data."""
    entries = ((key, study.encoders[key]) for key in of(study, training))
    return [key for key, e in entries if e.backbone == group and data in ("", e.data)]


SELF_SUPERVISED = {
    "dinov2_b_14": "vit_base_patch14_dinov2.lvd142m",
    "dinov3_b_16": "vit_base_patch16_dinov3.lvd1689m",
    "mae_b_16": "vit_base_patch16_224.mae",
}


def test_the_claims_train_nothing_but_the_heads_of_probes(claims):
    assert not (claims.pretrain or claims.finetune or claims.supervise or claims.interpolate)
    measured = claims.weights.keys() - SELF_SUPERVISED
    assert claims.encoders.keys() == measured | claims.probe.keys()
    assert set(of(claims, "probed")) == claims.probe.keys()


def test_the_claims_have_a_probe_of_every_clip_and_of_three_self_supervised_encoders(claims):
    starts = {probe.start for probe in claims.probe.values() if probe.features == "embedding"}
    assert starts == {*of(claims, "zero_shot"), *SELF_SUPERVISED}
    for key, name in SELF_SUPERVISED.items():
        weights = claims.weights[key]
        assert isinstance(weights, Timm)
        assert f"{model_of(claims, weights)}.{weights.tag}" == name
    for key, probe in claims.probe.items():
        if probe.start in claims.encoders:
            own, start = claims.encoders[key], claims.encoders[probe.start]
            assert (own.backbone, own.data) == (start.backbone, start.data)
    train = claims.datasets["imagenet_train"]
    assert isinstance(train, ImageNet) and train.limit == 100 * 1000


@pytest.mark.parametrize("data", ["openai", "laion2b"])
@pytest.mark.parametrize("group", CLIPS)
def test_every_clip_of_the_claims_has_its_counterparts_and_is_compared_with_them(
    claims, group, data
):
    pairs = {(entry.first, entry.second) for entry in claims.comparisons.values()}
    (clip,) = members(claims, group, "zero_shot", data)
    (tuned,) = members(claims, group, "finetuned", data)
    others = [key for kind in ("supervised", "untrained") for key in members(claims, group, kind)]
    assert {(clip, other) for other in (tuned, *others)} <= pairs
    tower, label = CLIPS[group]
    weights = claims.weights[tuned]
    assert isinstance(weights, Timm) and weights.tag == f"{data}_ft_in1k"
    assert model_of(claims, weights) == tower
    assert all(claims.encoders[key].label.startswith(label) for key in (clip, tuned))
    zero_shot = claims.weights[clip]
    assert isinstance(zero_shot, OpenClip) and str(zero_shot.tag).startswith(data)


def test_the_claims_say_where_a_counterpart_has_another_patch_size(claims):
    for group, (_, label) in CLIPS.items():
        for key in members(claims, group, "supervised"):
            model = model_of(claims, claims.weights[key])
            same = f"patch{label.rpartition('/')[2]}_" in model
            assert same == ("another patch size" not in claims.encoders[key].label)


@pytest.mark.parametrize("size", ["50", "101"])
def test_the_claims_have_clip_s_resnets_beside_torchvision_s_and_untrained_ones(claims, size):
    pairs = {(entry.first, entry.second) for entry in claims.comparisons.values()}
    others = (f"resnet{size}_supervised", f"rn{size}_untrained")
    assert {(f"rn{size}_openai", other) for other in others} <= pairs
    assert f"resnet{size}_untrained" in of(claims, "untrained")


def test_the_laptop_has_a_clip_with_its_finetuned_and_a_supervised_version():
    laptop = check(FILES[2])
    pairs = {(entry.first, entry.second) for entry in laptop.comparisons.values()}
    for key in ("vit_b_32_openai_finetuned", "vit_b_32_supervised", "vit_b_32_untrained"):
        assert ("vit_b_32_openai", key) in pairs
        assert laptop.encoders[key].backbone == laptop.encoders["vit_b_32_openai"].backbone


def test_every_study_of_the_folder_is_checked_here_or_is_generated():
    assert {*STUDIES, "replicas"} == {file.stem for file in ROOT.glob("studies/*.yaml")}


def test_the_local_study_has_every_set_in_a_folder_and_asks_no_hub_for_one():
    local = check(ROOT / "studies/local.yaml")
    there = {key: entry for key, entry in local.datasets.items() if entry.source != "none"}
    assert {entry.source for entry in there.values()} == {"folder"}
    assert there.keys() == {*TEST_SETS, "broden"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_shifts_of_the_hub_are_pinned_to_what_the_documentation_lists(file):
    listed = dict(re.findall(r"^\| `([\w.-]+/[\w.-]+)` \| `([0-9a-f]{7,40})", DATA, re.MULTILINE))
    for key, entry in check(file).datasets.items():
        if isinstance(entry, RealSet) and entry.hub is not None and entry.hub.repository in listed:
            assert entry.hub.revision == listed[entry.hub.repository], key


def test_of_the_claims_torchvision_s_resnets_alone_rectify_their_features(claims):
    for key, backbone in claims.backbones.items():
        with torch.device("meta"):
            found = initialise(backbone, 0).card.representation
        assert found == ("rectified" if key.startswith("torchvision") else "linear")


def test_the_paper_has_sixteen_clips_and_the_one_of_imagenet_captions(paper):
    downloaded = [key for key in of(paper, "zero_shot") if key in paper.weights]
    assert len(downloaded) == len({weight_sources(paper)[key][0] for key in downloaded}) == 16
    assert set(of(paper, "zero_shot")) - set(downloaded) == {"rn50_imagenet_captions"}


def test_every_clip_has_its_finetuned_version_and_is_compared(paper):
    pairs = {(entry.first, entry.second) for entry in paper.comparisons.values()}
    assert {entry.start for entry in paper.finetune.values()} == set(paper.weights) & set(
        of(paper, "zero_shot")
    )
    for key, entry in paper.finetune.items():
        assert (entry.start, key) in pairs
        clip, tuned = paper.encoders[entry.start], paper.encoders[key]
        assert (clip.backbone, clip.data) == (tuned.backbone, tuned.data)
        supervised = [paper.encoders[s].backbone for f, s in pairs if f == entry.start]
        assert supervised.count(clip.backbone) >= 2


def test_every_backbone_of_the_paper_has_its_null_and_a_supervised_encoder(paper):
    groups = {entry.backbone for entry in paper.encoders.values()}
    for training in ("untrained", "supervised", "zero_shot", "finetuned"):
        assert {paper.encoders[key].backbone for key in of(paper, training)} == groups


def test_the_recipes_are_the_papers(paper):
    for tuned in (paper.recipes[entry.recipe] for entry in paper.finetune.values()):
        assert (tuned.epochs, tuned.batch_size, tuned.learning_rate) == (10, 256, 3e-5)
        assert (tuned.warmup_steps, tuned.weight_decay) == (500, 0.1)
    for recipe in (paper.recipes[entry.recipe] for entry in paper.supervise.values()):
        assert (recipe.epochs, recipe.batch_size, recipe.learning_rate) == (90, 1024, 1e-3)
        assert (recipe.warmup_steps, recipe.weight_decay) == (5000, 0.01)
        assert recipe.schedule == Drops(epochs=[30, 60], factor=0.1)
