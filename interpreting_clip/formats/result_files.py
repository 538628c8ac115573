"""A result on disk: JSON with its arrays beside it, read back as the same type.

kurtosis.json           numbers and short arrays, floats rounded to six decimal places
kurtosis.safetensors    the arrays that the type declares with `beside`, if it has any
"""

from pathlib import Path
from typing import Any, TypeVar, overload

import msgspec
import numpy as np

from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.result import arrays_beside, plain
from interpreting_clip.formats.tensors import read_tensors, write_tensors

Kind = TypeVar("Kind")


def write_result(file: Path, result: Any) -> None:
    """Write a result, or a mapping of results, and its arrays beside it.

    Parameters
    ----------
    file : ends in `.json`; the arrays get the same name with `.safetensors`
    result : a dataclass, or a mapping or list of these
    """
    stored, arrays = file.with_suffix(".safetensors"), dict(arrays_beside(result))
    if arrays:
        # Booleans are stored as 0 and 1.
        write_tensors(
            stored, {k: v.view(np.uint8) if v.dtype == bool else v for k, v in arrays.items()}
        )
    write_json(file, plain(result, without_beside=True))


@overload
def read_result(file: Path, kind: type[Kind], *, arrays: bool = True) -> Kind: ...
@overload
def read_result(file: Path, kind: Any, *, arrays: bool = True) -> Any: ...
def read_result(file: Path, kind: Any, *, arrays: bool = True) -> Any:
    """Read what `write_result` wrote as the same type.

    Parameters
    ----------
    file : the JSON
    kind : the type of the result; keys that it does not have are ignored
    arrays : False leaves the arrays beside it empty, as if the JSON were all there is
    """
    tree, stored = read_json(file), file.with_suffix(".safetensors")
    if arrays and stored.exists():
        for path, array in read_tensors(stored).items():
            *above, name = path.split(".")
            node = tree
            for key in above:
                node = node[key]
            node[name] = array
    try:
        return msgspec.convert(tree, kind, dec_hook=_array)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # a lone surrogate
        raise InputError(f"{file}: {error}; `dvc repro` makes it anew") from None


def _array(kind: Any, value: Any) -> Any:
    """Return a list or a stored array with the type that an annotation of jaxtyping names."""
    dtype = {"Bool": np.bool_, "Int": np.int64, "Float": np.float64}[kind.dtype.__name__]
    if isinstance(value, np.ndarray) and dtype is not np.bool_:
        return value
    array = np.asarray(value, dtype)
    # An empty list does not say how many dimensions it has.
    return array if array.size else array.reshape((0,) * len(kind.dims))
