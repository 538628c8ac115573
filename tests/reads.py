"""What dvc.yaml and the code say about stages, and how tests handle their results."""

import re
from pathlib import Path
from typing import Any

from interpreting_clip.config.params import Params
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.json import write_json
from runner.graph import GRAPH as GRAPH_FILE
from runner.graph import read_entry
from runner.inputs import content_md5
from runner.run import CODE, compute

ROOT = Path(__file__).resolve().parents[1]
GRAPH = load_tree(ROOT / "dvc.yaml")["stages"]
STAGES = list(GRAPH)
EXTRACTIONS = {
    "extract": "activations",
    "extract_broden": "broden_activations",
    "extract_layers": "layer_grams",
    "extract_shift": "shift_activations",
    "extract_train": "train_activations",
}
"""The stages that share their images among processes, with the folder of their outputs."""


def link_code(folder: Path) -> None:
    """Let a folder have the code of the repository, for processes that are started in it."""
    for name in (*CODE, "dvc.yaml", "constraints.txt", "versions.yaml", "studies"):
        (folder / name).symlink_to(ROOT / name)


def body(stage: str) -> dict[str, Any]:
    """Return dvc.yaml's entry for a stage, or for each of its instances."""
    return GRAPH[stage].get("do", GRAPH[stage])


def folder_digests(directory: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in a folder, by relative path."""
    return {
        file.relative_to(directory).as_posix(): file_digest(file)
        for file in sorted(directory.rglob("*"))
        if file.is_file()
    }


def digests(*directories: Path) -> dict[str, str]:
    """Return the digests of outputs, as a training that reads them takes them down."""
    return {directory.as_posix(): content_md5(directory) for directory in sorted(directories)}


def accept_study() -> None:
    """Write what stage `study` writes, for stages that wait for it."""
    if not Path("data/study").exists():
        write_json(Path("data/study/legal.json"), {"legal": True})


def run_stage(stage: str, key: str = "") -> None:
    """Run a stage of the study in the working folder in this process, which is not locked."""
    accept_study()
    study = Params()
    compute(read_entry(stage, key, study.tree, ROOT / GRAPH_FILE), study)


def anchors(file: Path) -> set[str]:
    """Return the anchors that GitHub gives to a document's headings."""
    headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}
