"""BLAS has one thread while a measure multiplies small matrices, and the caller's limit after."""

from collections.abc import Iterator
from threading import get_ident
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import interpreting_clip as ic
from interpreting_clip.statistics import average_precision, grams
from interpreting_clip.statistics.blas import one_blas_thread

RNG = np.random.default_rng(0)
HEAD, CLASS = RNG.normal(size=(3, 8)), np.arange(90) % 3
VALUES = RNG.normal(size=(90, 8)) + HEAD[CLASS]
SHOWN = VALUES[:, :2] > 0.5

MEASURES = {
    "privileged_basis": {"rotations": 2},
    "directions": {"head": HEAD, "random_heads": 2},
    "pruning": {"head": HEAD, "classes": CLASS, "random_heads": 2},
    "concepts": {"labels": SHOWN, "draws": 1, "rotations": 2},
}


def limits() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    with threadpool_limits(2, user_api="blas"):
        assert limits() == {2}
        yield


def test_there_is_one_thread_within_and_the_callers_number_afterwards():
    with one_blas_thread():
        with one_blas_thread():
            assert limits() == {1}
        assert limits() == {1}
    assert limits() == {2}


def test_an_error_restores_the_callers_number():
    with pytest.raises(ValueError, match="mine"), one_blas_thread():
        raise ValueError("mine")
    assert limits() == {2}


def test_measures_that_overlap_keep_the_limit_until_the_last_one_ends():
    first, last = one_blas_thread(), one_blas_thread()
    with first:
        last.__enter__()
    assert limits() == {1}
    last.__exit__(None, None, None)
    assert limits() == {2}


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_of_small_products_runs_under_the_limit(name):
    seen, measure = [], getattr(ic, name)

    def progress(draws: range) -> Iterator[int]:
        for draw in draws:
            seen.append(limits())
            yield draw

    found = measure(VALUES, progress=progress, **MEASURES[name])
    assert len(seen) >= 2 and all(one == {1} for one in seen)
    assert limits() == {2}
    with threadpool_limits(1, user_api="blas"):
        assert found.to_dict() == measure(VALUES, **MEASURES[name]).to_dict()


def test_cka_multiplies_under_the_limit(monkeypatch):
    seen, multiply = [], grams.gram

    def watched(*arguments: Any, **more: Any) -> Any:
        seen.append(limits())
        return multiply(*arguments, **more)

    monkeypatch.setattr(grams, "gram", watched)
    ic.cka(VALUES, VALUES[:, ::2])
    assert len(seen) == 2 and all(one == {1} for one in seen)
    assert limits() == {2}


def test_the_limit_holds_for_the_threads_of_concepts(monkeypatch):
    seen, rank = [], average_precision.rank_images

    def watched(scores: np.ndarray) -> average_precision.Ranks:
        seen.append((get_ident() == here, limits()))
        return rank(scores)

    here = get_ident()
    monkeypatch.setattr(average_precision, "rank_images", watched)
    ic.concepts(VALUES, workers=2, **MEASURES["concepts"])
    assert seen and all(one == (False, {1}) for one in seen)
    assert limits() == {2}
