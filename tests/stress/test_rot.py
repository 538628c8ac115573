"""Random bits of every file of every output of a real study: refused, or not a bit of a result."""

import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from interpreting_clip.datasets.card import read_card
from interpreting_clip.datasets.tar import open_archives
from interpreting_clip.errors import InputError
from runner.graph import OUTPUTS
from runner.outputs import CONTENTS, SHARD, Inputs, require_checksums
from runner.recorded import recorded_outputs
from tests.pipeline.workspace import Workspace
from tests.rot import files_of, flipped

BITS = 12
"""How many bits of each file flip, one at a time; of a `contents.json` ten times as many."""


@pytest.fixture
def place(nano: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Run in the nano study's folder; the runner reads it as a stage would, without computing."""
    monkeypatch.chdir(nano.folder)
    yield nano
    nano.restore()
    nano.run("dvc", "checkout", "--quiet", "--force")


def read(folder: Path) -> None:
    """Read an output as a stage does that depends on it."""
    name = folder.as_posix()
    inputs = Inputs([name], [name], "", recorded_outputs())
    assert inputs[name]
    inputs.require_whole()
    for dataset in {shard.parent for shard in folder.rglob(f"*{SHARD}")}:
        with open_archives(dataset, read_card(dataset).shards):
            pass


def outputs(workspace: Workspace) -> list[str]:
    """Return the paths of all outputs that DVC has recorded."""
    entries = workspace.lock().values()
    return [out["path"] for entry in entries for part in OUTPUTS for out in entry.get(part, ())]


def test_no_flipped_bit_of_an_output_in_the_cache_is_believed(place: Workspace):
    folders = [Path(path) for path in outputs(place) if (Path(path) / CONTENTS).exists()]
    rng, kinds = random.Random(0), Counter[str]()
    assert len(folders) > 60
    for folder in folders:
        read(folder)
        for file in files_of(folder):
            times = 10 * BITS if file.name == CONTENTS else BITS
            for flip in flipped(file, rng, times):
                try:
                    read(folder)
                except InputError as error:
                    assert str(folder) in str(error), flip
                else:
                    pytest.fail(f"{flip} was believed")
            kinds[CONTENTS if file.name == CONTENTS else file.suffix] += times
    sys.stdout.write(f"refused: {kinds.total():,} bits, {dict(kinds)}\n")
    assert kinds[CONTENTS] > 5000 and kinds[SHARD] > 50


def test_no_flipped_bit_of_a_result_in_git_is_believed(place: Workspace):
    rng, refused, harmless = random.Random(1), 0, 0
    results = {path for path in outputs(place) if not path.startswith("data/")}
    sums = [Path(path) for path in results if path.endswith(".sha256")]
    assert len(sums) > 7
    for file in sums:
        lines = file.read_text().splitlines()
        sealed = [Path(line.split("  ")[1]) for line in lines if not line.startswith("#")]
        for one in (file, *sealed):
            for flip in flipped(one, rng, 4 * BITS):
                try:
                    kernels = require_checksums(file, *sealed)
                except InputError as error:
                    assert str(file) in str(error) or str(one) in str(error), flip
                    refused += 1
                else:  # another line end: the same digests of the same files
                    assert one == file and kernels == [], flip
                    harmless += 1
    sys.stdout.write(f"refused: {refused:,} bits; {harmless} line ends that mean the same\n")
    assert refused > 1000 and harmless < refused / 100
