"""Editors show the library's functions as they are: plain, with names, types and defaults."""

import sys
from pathlib import Path

import jedi

from tests.typed_calls import WRONG, refused_lines


def test_a_type_checker_refuses_wrong_calls_alone(tmp_path):
    assert len(WRONG) == 11
    assert refused_lines(tmp_path, Path(sys.executable)) == WRONG


def test_an_editor_shows_keywords_and_the_docstring():
    code = "import interpreting_clip as ic\nic.kurtosis("
    (shown,) = jedi.Script(code).get_signatures()
    assert "*, outlier_sigma: float=6.0," in shown.to_string()
    assert "Measure the kurtosis of each image's features" in shown.docstring()
    names = {name.name for name in jedi.Script("import interpreting_clip as ic\nic.").complete()}
    assert {"kurtosis", "pruning", "chart"} <= names and not {"MEASURES", "Measure"} & names
