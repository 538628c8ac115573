from pathlib import Path

import pytest
import yaml

from benchmarks import dag
from benchmarks.floor import write_floor
from tests.reads import ROOT

ENCODERS = ("rn50_openai", "rn50_openai_finetuned")


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dag") / "graph"
    dag.write_graph(folder, len(ENCODERS))
    dag.prepare(folder)
    return folder


def test_a_prepared_graph_has_nothing_to_do(graph):
    assert dag.reproduced(graph) == set()


def test_a_threshold_reaches_what_counts_concepts_alone(graph):
    times, ran = dag.graph_times(graph, 1)
    counted = {f"{stage}@{key}" for stage in ("broden", "summarize") for key in ENCODERS}
    assert ran == counted | {"methods", "study", "report"}
    stages, lines = dag.locked(graph)
    assert stages > 30 and lines > 20 * stages
    found = dag.rows(times, times, dag.Graph(stages, lines, ran))
    assert found[1].measured == "1.00"
    assert all(time > 0 for time in times)


def test_as_many_copies_change_as_are_asked_for(tmp_path):
    write_floor(tmp_path / "floor", 3, 2)
    dag.prepare(tmp_path / "floor")
    (tmp_path / "floor/turn").write_text("turned")
    assert dag.reproduced(tmp_path / "floor") == {"copy0", "copy1"}


def test_a_short_study_names_nothing_that_it_left_out():
    study = yaml.safe_load((ROOT / "studies/paper.yaml").read_text())
    short = dag.short_study(study, 3)
    assert list(short["encoders"]) == [*ENCODERS, "rn50_yfcc15m"]
    assert set(short["comparisons"]) == {"rn50_openai_finetuning"}
