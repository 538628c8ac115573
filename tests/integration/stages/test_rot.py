"""A stage reads what DVC has recorded of its inputs, or nothing."""

import random
from pathlib import Path

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.formats.json import write_json
from runner.graph import read_entry
from tests.pipeline.refusals import refused
from tests.reads import ROOT
from tests.rot import files_of, flipped, record

STAGE, KEY = "robustness", "rn_untrained"


def test_one_flipped_bit_of_any_input_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text((ROOT / "params.yaml").read_text())
    entry = read_entry(STAGE, KEY, load_tree(ROOT / "params.yaml"), ROOT / "dvc.yaml")
    inputs = [made for made in entry.makers if made in entry.deps]
    for made in inputs:
        write_json(Path(made, "results.json"), {"a": 1})
    record(**{entry.makers[made]: ([], [made]) for made in inputs})
    for made in inputs:
        (file,) = files_of(Path(made))
        for flip in flipped(file, random.Random(0), 1):
            said = refused(STAGE, KEY)
            # Without a path, `dvc commit` accepts all damage.
            assert said.startswith(f"{made}: ") and f"`dvc commit -f {made}`" in said, flip
            assert "dvc.lock records" in said and "make fsck MEND=1" in said, flip
