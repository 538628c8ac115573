import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks import dag
from benchmarks.floor import write_floor
from stages.config.check import check
from tests.pipeline.workspace import new_workspace
from tests.reads import ROOT

ENCODERS = ("rn50_openai", "rn50_openai_finetuned")


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the graph of the working tree, whatever of it is committed."""
    folder = tmp_path_factory.mktemp("dag")
    dag.write_graph(folder / "graph", len(ENCODERS), new_workspace(folder / "source").folder)
    dag.prepare(folder / "graph")
    return folder / "graph"


def test_a_prepared_graph_has_nothing_to_do(graph):
    assert dag.reproduced(graph) == set()


def test_a_threshold_reaches_what_counts_concepts_alone(graph):
    times, ran = dag.graph_times(graph, 1)
    counted = {f"{stage}@{key}" for stage in ("broden", "summarize") for key in ENCODERS}
    assert ran == counted | {"study", "report"}
    stages, lines = dag.locked(graph)
    assert stages > 30 and lines > 20 * stages
    found = dag.rows(times, times, dag.Graph(stages, lines, ran))
    assert found[1].measured == "1.00, 1.00 of the processor"
    assert all(seconds > 0 for cost in (times.noop, times.change) for seconds in cost)


def test_a_cost_is_that_of_child_processes_too():
    program = "import time\nwhile time.process_time() < 0.3: pass\ntime.sleep(0.2)"
    cost = dag.spent(lambda: subprocess.run([sys.executable, "-c", program], check=True))
    assert cost.processor > 0.25 and cost.wall > cost.processor


def test_as_many_copies_change_as_are_asked_for(tmp_path):
    write_floor(tmp_path / "floor", 3, 2)
    dag.prepare(tmp_path / "floor")
    (tmp_path / "floor/turn").write_text("turned")
    assert dag.reproduced(tmp_path / "floor") == {"copy0", "copy1"}


def test_a_short_study_is_legal(tmp_path):
    study = yaml.safe_load((ROOT / "studies/paper.yaml").read_text())
    (file := tmp_path / "short.yaml").write_text(yaml.safe_dump(dag.short_study(study, 3)))
    short = check(file)
    assert list(short.encoders) == [*ENCODERS, "rn50_yfcc15m"]
    assert set(short.comparisons) == {"rn50_openai_finetuning"}
