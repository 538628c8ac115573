"""The studies in this repository."""

import pytest

from stages.config.check import check
from tests.pipeline.workspace import NANO
from tests.reads import ROOT


@pytest.mark.parametrize("file", [ROOT / "params.yaml", NANO, *(ROOT / "studies").glob("*.yaml")])
def test_is_legal(file):
    study = check(file)
    assert study.encoders
    assert study.comparisons
