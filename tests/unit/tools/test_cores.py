"""The computed time of a run with several jobs."""

import pytest

from benchmarks.cores import PER_JOB, PER_STAGE, makespan

FIXED = PER_JOB + 2 * PER_STAGE  # stages `code` and `study`


def job(stage: str, priority: int, *after: str) -> dict:
    return {"stages": [stage], "after": list(after), "priority": priority, "gpus": 0}


JOBS = {"a": job("a", 9), "b": job("b", 3), "c": job("c", 2), "d": job("d", 1, "a")}
TAKEN = {"a": 10.0, "b": 4.0, "c": 5.0, "d": 3.0}
EACH = PER_JOB + PER_STAGE


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, FIXED + 22 + 4 * PER_STAGE),
        (2, 2 * FIXED + 10 + 3 + 2 * EACH),  # b and c beside a, then c beside d
        (8, 2 * FIXED + 10 + 3 + 2 * EACH),
    ],
)
def test_jobs_run_at_once_and_after_those_that_they_wait_for(number, expected):
    assert makespan(JOBS, TAKEN, number) == pytest.approx(expected)


def test_the_most_urgent_job_goes_first():
    urgent = {**JOBS, "a": {**JOBS["a"], "priority": 0}}
    assert makespan(urgent, TAKEN, 2) > makespan(JOBS, TAKEN, 2)
