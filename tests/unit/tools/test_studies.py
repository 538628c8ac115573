"""The studies in this repository name what exists."""

import pytest

from stages.config.check import check
from stages.config.sections import Sections
from stages.config.trainings import Drops
from tests.reads import ROOT
from tools.sources import weight_sources

FILES = [ROOT / "studies/paper.yaml", ROOT / "studies/laptop.yaml"]


@pytest.fixture(scope="module")
def paper() -> Sections:
    return check(FILES[0])


def of(study: Sections, training: str) -> list[str]:
    return [key for key, entry in study.encoders.items() if entry.training == training]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_name_and_tag_is_known_to_its_library(file):
    study = check(file)
    assert {key for key, found in weight_sources(study).items() if not found} == set(
        of(study, "untrained")
    )


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
