"""How stages are divided into jobs, and which GPUs jobs share."""

import os
from pathlib import Path

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from interpreting_clip.errors import InputError
from runner.machine_settings import MachineSettings
from tools.jobs import (
    FORWARD,
    planned,
    refuse_others,
    usable_gpus,
)

CPU, CUDA = MachineSettings(), MachineSettings(device="cuda", processes=2)
STUDY = nx.DiGraph(
    [
        ("fetch@web", "pretrain@a"),
        ("pretrain@a", "finetune@b"),
        *(
            (training, f"extract@{key}")
            for training, key in (("pretrain@a", "a"), ("finetune@b", "b"))
        ),
        *((f"extract@{key}", f"kurtosis@{key}") for key in "ab"),
        ("fetch@imagenet_val", "extract@a"),
        ("fetch@imagenet_val", "extract@b"),
        *((f"kurtosis@{key}", "report") for key in "ab"),
        *((f"extract@{key}", f"cka@{pair}") for key in "ab" for pair in ("first", "second")),
    ]
)
KINDS = ("pretrain", "interpolate", "fetch", "unheard_of", *FORWARD, "kurtosis", "summarize")


def check(graph: nx.DiGraph, jobs: dict) -> None:
    """Assert that each stage is in one job, and comes after all that it waits for."""
    of = {stage: name for name, job in jobs.items() for stage in job["stages"]}
    assert sorted(of) == sorted(graph) == sorted(s for job in jobs.values() for s in job["stages"])
    waits = nx.DiGraph([(other, name) for name, job in jobs.items() for other in job["after"]])
    assert nx.is_directed_acyclic_graph(waits)
    for first, second in graph.edges:
        if of[first] == of[second]:
            stages = jobs[of[first]]["stages"]
            assert stages.index(first) < stages.index(second)
        else:
            assert of[first] in jobs[of[second]]["after"]
            assert jobs[of[first]]["priority"] > jobs[of[second]]["priority"]


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from("ab")), unique=True), st.data())
def test_every_stage_is_in_one_job_after_all_that_it_waits_for(stages, data):
    names = [f"{kind}@{key}" for kind, key in stages]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    graph = nx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from(data.draw(st.lists(st.sampled_from(pairs))) if pairs else [])
    for machine in (CPU, CUDA):
        check(graph, planned(graph, machine))


def test_an_encoders_stages_are_one_job_on_a_cpu():
    jobs = planned(STUDY, CPU)
    check(STUDY, jobs)
    assert jobs["encoder@a"]["stages"] == ["extract@a", "kurtosis@a"]
    assert jobs["encoder@a"]["after"] == ["fetch@imagenet_val", "pretrain@a"]
    assert jobs["comparisons"]["stages"] == ["cka@first", "cka@second"]
    assert not any(job["gpus"] for job in jobs.values())
    # what others wait for longest comes first
    assert max(jobs, key=lambda name: jobs[name]["priority"]) == "fetch@web"


def test_a_gpu_is_held_by_what_computes_on_it_alone():
    jobs = planned(STUDY, CUDA)
    check(STUDY, jobs)
    needed = {name: job["gpus"] for name, job in jobs.items() if job["gpus"]}
    assert needed == {"pretrain@a": 2, "finetune@b": 2, "forward@a": 1, "forward@b": 1}


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match=r"compute\.yaml: .*`processes` need: 2, .* sees: 1;"):
        usable_gpus(planned(STUDY, CUDA), CUDA)


def test_a_second_run_is_refused_while_the_first_or_what_inherits_its_lock_runs(tmp_path: Path):
    with (tmp_path / "lock").open("wb") as second:
        with (tmp_path / "lock").open("wb") as first:
            refuse_others(first)
            assert os.get_inheritable(first.fileno())
            with pytest.raises(InputError, match="another `make repro JOBS`"):
                refuse_others(second)
        refuse_others(second)


def test_what_computes_on_another_host_holds_no_gpu_here():
    launched = MachineSettings(device="cuda", launchers={"extract": "", "others": "srun -n1"})
    needed = {name: job["gpus"] for name, job in planned(STUDY, launched).items() if job["gpus"]}
    assert needed == {"forward@a": 1, "forward@b": 1}
