"""The studies in this repository name what exists."""

import pytest

from interpreting_clip.study.check import check
from tests.reads import ROOT
from tools.reachable import weight_sources

FILES = sorted(ROOT.glob("studies/*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_study_is_legal_and_its_library_has_every_name_and_tag(file):
    study = check(file)
    untrained = {key for key, found in weight_sources(study).items() if not found}
    assert untrained == {k for k, e in study.encoders.items() if e.training == "untrained"}
