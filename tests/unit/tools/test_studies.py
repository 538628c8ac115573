"""The studies in this repository name what exists."""

import re

import pytest

from interpreting_clip.config.datasets import RealSet
from interpreting_clip.config.trainings import Drops
from interpreting_clip.study.check import check
from tests.reads import ROOT
from tools.reachable import weight_sources

FILES = sorted(ROOT.glob("studies/*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_study_is_legal_and_its_library_has_every_name_and_tag(file):
    study = check(file)
    untrained = {key for key, found in weight_sources(study).items() if not found}
    assert untrained == {k for k, e in study.encoders.items() if e.training == "untrained"}
    listed = dict(
        re.findall(
            r"^\| `([\w.-]+/[\w.-]+)` \| `([0-9a-f]{7,40})",
            (ROOT / "docs/data.md").read_text(),
            re.MULTILINE,
        )
    )
    assert listed
    for key, entry in study.datasets.items():
        if isinstance(entry, RealSet) and entry.hub is not None and entry.hub.repository in listed:
            assert entry.hub.revision == listed[entry.hub.repository], key


def test_the_recipes_are_the_papers():
    paper = check(ROOT / "studies/paper.yaml")
    for tuned in (paper.recipes[entry.recipe] for entry in paper.finetune.values()):
        assert (tuned.epochs, tuned.batch_size, tuned.learning_rate) == (10, 256, 3e-5)
        assert (tuned.warmup_steps, tuned.weight_decay) == (500, 0.1)
    for recipe in (paper.recipes[entry.recipe] for entry in paper.supervise.values()):
        assert (recipe.epochs, recipe.batch_size, recipe.learning_rate) == (90, 1024, 1e-3)
        assert (recipe.warmup_steps, recipe.weight_decay) == (5000, 0.01)
        assert recipe.schedule == Drops(epochs=[30, 60], factor=0.1)
