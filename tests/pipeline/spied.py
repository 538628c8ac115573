"""What a spy saw in the processes of a run."""

import json
from pathlib import Path

from tests.pipeline.workspace import Workspace


def spied(workspace: Workspace) -> dict[str, list[dict]]:
    """Return what each stage's processes touched, by the stage's name."""
    found: dict[str, list[dict]] = {}
    for line in workspace.spied.read_text().splitlines():
        process = json.loads(line)
        found.setdefault(Path(process["argv"][0]).stem, []).append(process)
    return found


def instance(stage: str, process: dict) -> str:
    """Return what DVC calls the instance of a stage that a process ran."""
    return "@".join([stage, *process["argv"][1:]])
