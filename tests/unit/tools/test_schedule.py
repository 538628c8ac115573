"""Schedules on several GPUs, against closed forms and bounds, and the graph against DVC's own."""

from itertools import combinations, pairwise

import pytest
from dvc.repo import Repo
from hypothesis import given
from hypothesis import strategies as st

from interpreting_clip.config.check import check
from interpreting_clip.config.params import PARAMS
from tools.schedule import (
    Job,
    enough_gpus,
    longest_path,
    remaining,
    scheduled_hours,
    stage_graph,
)


def job(hours, *after, gpus=1):
    return Job(hours, gpus, frozenset(after))


CHAIN = {"a": job(1.0), "b": job(2.0, "a"), "none": job(0.0, "b", gpus=0), "c": job(3.0, "none")}


@st.composite
def graphs(draw):
    """Draw jobs that take one GPU, each after some of those before it."""
    count = draw(st.integers(1, 12))
    pairs = draw(st.sets(st.sampled_from([*combinations(range(count + 1), 2)])))
    hours = draw(st.lists(st.floats(0.1, 10.0), min_size=count, max_size=count))
    return {
        str(i): job(hours[i], *(str(a) for a, b in pairs if b == i)) for i in reversed(range(count))
    }


@pytest.mark.parametrize("gpus", [1, 2, 50])
def test_a_chain_takes_as_long_on_any_number_of_gpus(gpus):
    assert scheduled_hours(CHAIN, gpus) == 6.0
    assert remaining(CHAIN) == {"a": 6.0, "b": 5.0, "none": 3.0, "c": 3.0}
    assert longest_path(CHAIN) == ["a", "b", "c"]
    assert enough_gpus(CHAIN) == 1


@pytest.mark.parametrize(("gpus", "hours"), [(1, 10.0), (2, 6.0), (4, 4.0), (5, 2.0), (9, 2.0)])
def test_independent_jobs_share_the_gpus(gpus, hours):
    jobs = {name: job(2.0) for name in "abcde"}
    assert scheduled_hours(jobs, gpus) == hours
    assert enough_gpus(jobs) == 5


def test_the_longest_remaining_path_comes_first():
    jobs = {**{name: job(1.0) for name in "abc"}, "y": job(1.0), "z": job(3.0, "y")}
    assert scheduled_hours(jobs, 2) == 4.0


def test_a_wide_job_waits_until_as_many_gpus_are_free():
    jobs = {"wide": job(3.0, gpus=2), "long": job(9.0), "last": job(1.0, "wide")}
    assert scheduled_hours(jobs, 2) == 9.0 + 3.0 + 1.0
    assert scheduled_hours(jobs, 3) == 9.0
    assert enough_gpus(jobs) == 3


@pytest.mark.parametrize(("gpus", "hours"), [(2, 5.0), (0, 6.0)])
def test_a_job_frees_as_many_gpus_as_it_took(gpus, hours):
    jobs = {name: job(1.0, "first") for name in "abc"} | {"first": job(3.0, gpus=gpus)}
    assert scheduled_hours(jobs, max(gpus, 1)) == hours


@given(graphs(), st.integers(1, 6))
def test_no_schedule_beats_its_bounds_or_leaves_grahams(jobs, gpus):
    work, longest = sum(j.hours for j in jobs.values()), max(remaining(jobs).values())
    hours = scheduled_hours(jobs, gpus)
    assert hours >= max(work / gpus, longest) * (1 - 1e-9)
    assert hours <= (work / gpus + (1 - 1 / gpus) * longest) * (1 + 1e-9)
    path = longest_path(jobs)
    assert sum(jobs[name].hours for name in path) == pytest.approx(longest)
    assert all(a in jobs[b].after for a, b in pairwise(path))
    enough = enough_gpus(jobs)
    assert scheduled_hours(jobs, enough) == pytest.approx(longest)
    assert enough == 1 or scheduled_hours(jobs, enough - 1) > longest * (1 + 1e-9)


@pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")  # of pygtrie, in DVC
def test_the_graph_is_dvcs_own():
    with Repo(".") as repo:
        edges = {(a.addressing, b.addressing) for a, b in repo.index.graph.edges}
    graph = stage_graph(check(PARAMS))
    assert {(name, earlier) for name, after in graph.items() for earlier in after} == edges
