"""A study is refused, in one line per complaint, or its stages compute without a traceback."""

import re
from pathlib import Path
from random import Random

from dvc.utils.serialize import load_yaml

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.study.check import check
from interpreting_clip.study.sections import Sections
from tests.reads import ROOT
from tests.stress.conftest import LONG
from tests.stress.random_studies import bases, draw_study
from tests.stress.tiny_stages import runs

STUDIES = 1000 if LONG else 100
FILE = Path("params.yaml")
COMPLAINT = r" *params\.yaml: (line \d|'|the top level|there is no section |the section ')"


def test_a_study_is_refused_in_a_line_or_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data/reference").symlink_to(ROOT / "data/reference")
    trees, accepted, seen = bases(), 0, set()
    for seed in range(STUDIES):
        text = draw_study(trees, Random(seed))
        FILE.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            study = checked()
            accepted += study is not None
            if study is not None:
                run(study, seen)
        except Exception as error:
            FILE.rename(place := tmp_path / f"failed-{seed}.yaml")
            raise AssertionError(f"seed {seed}: {place}") from error
    assert accepted > STUDIES // 8


def checked() -> Sections | None:
    """Return a study that is accepted, read as DVC reads it; None of one that is refused."""
    try:
        study = check(FILE)
    except InputError as error:
        for line in str(error).split("\n"):
            assert re.match(COMPLAINT, line), line
            assert line.isprintable() and "xxxxx" * 20 not in line, line
        study = None
    try:
        tree = load_tree(FILE)
    except InputError:
        assert study is None
    else:
        assert tree == load_yaml(FILE) or ".nan" in FILE.read_text()
    return study


def run(study: Sections, seen: set[str]) -> None:
    """Compute what nothing was computed with before; bad input is explained in one line."""
    for function, settings in runs(study):
        if (key := f"{function.__name__}{settings}") not in seen:
            seen.add(key)
            try:
                function(*settings)
            except InputError as error:
                assert str(error).isprintable(), error
