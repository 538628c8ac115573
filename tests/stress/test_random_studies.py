"""A study is accepted, or refused in one line per complaint."""

import re
from contextlib import suppress
from pathlib import Path
from random import Random

from dvc.utils.serialize import YAMLError, load_yaml

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.study.check import check
from tests.reads import ROOT
from tests.stress.conftest import LONG
from tests.stress.random_studies import bases, draw_study

STUDIES = 1000 if LONG else 100
FILE = Path("params.yaml")
COMPLAINT = r" *params\.yaml: (line \d|'|the top level|there is no section |the section ')"


def test_a_study_is_accepted_or_refused_in_a_line_per_complaint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    for name in ("data/arrays", "data/reference"):
        Path(name).symlink_to(ROOT / name)
    trees, accepted = bases(), 0
    for seed in range(STUDIES):
        text = draw_study(trees, Random(seed))
        FILE.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            accepted += checked()
        except Exception as error:
            FILE.rename(place := tmp_path / f"failed-{seed}.yaml")
            raise AssertionError(f"seed {seed}: {place}") from error
    assert accepted > STUDIES // 8


def checked() -> bool:
    """Say whether a study is accepted, and compare how it is read with how DVC reads it."""
    accepted = True
    try:
        check(FILE)
    except InputError as error:
        for line in str(error).split("\n"):
            assert re.match(COMPLAINT, line), line
            assert line.isprintable() and "xxxxx" * 20 not in line, line
        accepted = False
    try:
        tree = load_tree(FILE)
    except InputError:
        assert not accepted
    else:
        with suppress(YAMLError):  # DVC's parser, an older libyaml, refuses {a: 1:30}
            assert tree == load_yaml(FILE) or ".nan" in FILE.read_text()
    return accepted
