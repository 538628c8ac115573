"""What a stage compares before its outputs move into place, and the links that it may follow."""

from pathlib import Path

import pytest

from interpreting_clip.config.params import Params
from interpreting_clip.errors import InputError
from runner.graph import read_entry
from runner.run import (
    link_targets,
    recorded_settings,
    require_same_settings,
)

PARAMS = "kernels: native\nrecipes: {a: {rate: 1, steps: 2}}\nencoders: {rn: {recipe: a}}\n"
GRAPH = """
stages:
  train:
    foreach: ${encoders}
    do:
      deps: [data/images]
      params: ["recipes.${item.recipe}", code.json: [train]]
      outs: ["data/weights/${key}"]
"""
CODE = '{"train": "0"}'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("runner.run.require_fingerprint", lambda entry: None)


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("params.yaml", "rate: 1", "rate: 3", r"params\.yaml: recipes\.a"),
        ("dvc.yaml", "data/images", "data/others", r"dvc\.yaml: train@rn"),
        ("code.json", "0", "1", r"code\.json: train"),
        ("params.yaml", "encoders: {", "encoders: {vit: {recipe: a}, ", None),
    ],
)
def test_what_dvc_would_record_wrongly_is_named(file, old, new, named):
    for name, text in {"params.yaml": PARAMS, "dvc.yaml": GRAPH, "code.json": CODE}.items():
        Path(name).write_text(text)
    study = Params()
    entry = read_entry("train", "rn", study.tree)
    before = recorded_settings(entry, study)
    Path(file).write_text(Path(file).read_text().replace(old, new))
    if named is None:
        require_same_settings(entry, before)
        return
    with pytest.raises(InputError, match=named):
        require_same_settings(entry, before)


def test_links_are_followed_wherever_they_lead(tmp_path):
    for name in ("set", "elsewhere/class", "images"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "images/a.jpg").touch()
    (tmp_path / "set/class").symlink_to(tmp_path / "elsewhere/class")
    (tmp_path / "elsewhere/class/a.jpg").symlink_to(tmp_path / "images/a.jpg")
    (tmp_path / "elsewhere/class/loop").symlink_to(tmp_path / "set")
    found = link_targets(tmp_path / "set")
    assert {tmp_path / "elsewhere/class", tmp_path / "images/a.jpg"} <= set(found)
