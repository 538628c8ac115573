"""Without any one of its lines in dvc.yaml, a stage fails at once and names what it lacks."""

import re
import sys
from typing import Any

import pytest
import yaml

from interpreting_clip.config.syntax import load_tree
from runner.graph import loop_entries
from tests.pipeline.test_pipeline import RAN, UNOPENED
from tests.reads import GRAPH, body
from tests.stress.conftest import LONG


def first_key(study: dict[str, Any], stage: str) -> list[str]:
    key = next(iter(loop_entries(GRAPH[stage], study)))
    return [key] if key else []


@pytest.mark.parametrize("stage", sorted({*RAN} - {"code"}))
def test_a_missing_dependency_is_named(edited, stage):
    key = first_key(edited.params(), stage)
    unread = UNOPENED.get(stage, set())
    deps = sorted(set(body(stage).get("deps", ())) - unread)
    for dep in deps if LONG else deps[:1]:
        graph = load_tree(edited.folder / "dvc.yaml")
        entry = graph["stages"][stage]
        entry = entry.get("do", entry)
        entry["deps"] = [one for one in entry["deps"] if one != dep]
        (edited.folder / "dvc.yaml").write_text(yaml.safe_dump(graph, sort_keys=False))
        said = edited.run(sys.executable, "-m", "stages", stage, *key, ok=False)
        named = re.escape(re.sub(r"\$\{.*", "", dep))
        assert re.match(f"error: dvc.yaml: .*{named}.* does not list it", said), (dep, said)
        edited.restore()
