"""What a study with portable kernels records where a processor has native ones alone.

Every output names the processors without portable kernels that computed it or what it was computed
from: a folder in a file of its own, JSON under a key. DVC records it with the output, so it also
reaches the results that other machines compute from it. Where all processors have portable kernels,
nothing is added.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from interpreting_clip.formats.json import read_json, write_json, write_whole
from interpreting_clip.kernels import Kernels, unportable_processor
from runner.graph import StageEntry
from runner.outputs import Outputs

NATIVE = "native_kernels"
"""The key, and the name of the file in a folder."""

HEADLINES = "metrics/"
"""Numbers alone, for DVC's tables; the results that they are from lie in `plots`."""


def native_processors(kernels: Kernels, inputs: Iterable[Path]) -> list[str]:
    """Return this processor and those that the inputs name, as far as they lack a study's kernels.

    Parameters
    ----------
    kernels : those of the study; every processor has native ones
    inputs : outputs of other stages
    """
    if kernels == "native":
        return []
    found = {unportable_processor()} - {""}
    for path in inputs:
        file = path / f"{NATIVE}.json" if path.is_dir() else path
        if file.suffix == ".json" and file.exists():
            tree = read_json(file)
            found.update(tree.get(NATIVE, ()) if isinstance(tree, dict) else ())
    return sorted(found)


def record_native(entry: StageEntry, kernels: Kernels, outputs: Outputs) -> None:
    """Name in the outputs of a stage the processors without portable kernels behind them."""
    made = map(Path, entry.makers)
    inputs = [path for path in made if any(path.is_relative_to(dep) for dep in entry.deps)]
    if not (found := native_processors(kernels, inputs)):
        return
    for path in entry.outs:
        written = outputs[path]
        if written.is_dir() and any(written.iterdir()):
            write_json(written / f"{NATIVE}.json", {NATIVE: found})
        elif written.suffix == ".json" and written.exists() and not path.startswith(HEADLINES):
            text = written.read_text("utf-8")
            if text.startswith("{\n"):
                # As text: some stages round and lay out numbers in another way than `write_json`.
                added = f'{{\n "{NATIVE}": {json.dumps(found)},\n{text[2:]}'
                write_whole(written, added.encode())
