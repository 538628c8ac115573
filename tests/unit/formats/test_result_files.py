"""A result on disk: read back as it was written, refused with the name of what is wrong."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Bool, Float, Int

from interpreting_clip.errors import InputError
from interpreting_clip.formats.result import Estimate, Result, beside
from interpreting_clip.formats.result_files import read_result, write_result


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Inner(Result):
    flags: Bool[np.ndarray, " _place"] = beside()


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Outer(Result):
    count: Estimate
    inner: Inner
    short: Float[np.ndarray, " _place"]
    places: Int[np.ndarray, " _place"]
    ratio: float | None
    large: Float[np.ndarray, "_row _column"] = beside(2)


def made() -> Outer:
    return Outer(
        count=Estimate(7, 6, 9),
        inner=Inner(flags=np.array([True, False])),
        short=np.array([0.1234567, 2.0]),
        places=np.empty(0, np.int64),
        ratio=None,
        large=np.array([[0.1234567, 1e-9]]),
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_result(tmp_path / "outer.json", made())
    return tmp_path / "outer.json"


def test_reads_back_what_was_written(file):
    found = read_result(file, Outer)
    assert found.count == Estimate(7, 6, 9) and isinstance(found.count.value, int)
    assert found.ratio is None and found.inner.flags.tolist() == [True, False]
    assert found.large.tolist() == made().large.tolist()
    assert (found.places.dtype, len(found.places)) == (np.int64, 0)


def test_large_arrays_are_empty_where_they_are_not_asked_for_or_not_there(file):
    assert read_result(file, Outer, arrays=False).large.shape == (0, 0)
    file.with_suffix(".safetensors").unlink()
    assert read_result(file, Outer).inner.flags.shape == (0,)


def test_a_mapping_of_results_is_read_back_too(tmp_path):
    write_result(tmp_path / "each.json", {"a": made(), "b": made()})
    found = read_result(tmp_path / "each.json", dict[str, Outer])
    assert found["b"].large.tolist() == made().large.tolist()


@pytest.mark.parametrize(
    ("change", "named"),
    [({"count": {}}, "value"), ({"ratio": "x"}, "ratio")],
)
def test_a_wrong_value_is_refused_by_file_and_key(file, change, named):
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(InputError, match=named) as refused:
        read_result(file, Outer)
    assert str(file) in str(refused.value)
