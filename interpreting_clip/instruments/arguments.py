"""What people have in a notebook, as arrays of NumPy that fit a measure.

Arrays of NumPy, tensors of PyTorch on any device and of any type, arrays of JAX and of every other
library that NumPy can read, and lists. PyTorch is not imported: a tensor is recognised by its
class.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int

from interpreting_clip.errors import one_line

Array = Any
"""An array, a tensor or a list: whatever `numeric` takes."""

Settings = TypeVar("Settings", bound=msgspec.Struct)

LARGEST = 1e60
"""Beyond it the fourth power of a number leaves the range of double precision."""

ROWS_AT_A_TIME = 4096

SHOWN = 80
"""The most characters of somebody else's text that an error repeats."""


def numeric(value: Array, name: str) -> np.ndarray:
    """Return what holds numbers as an array of NumPy: booleans, integers or floats of any size.

    bfloat16 and the types of 8 bits, which NumPy does not have, become float32. Nothing else is
    converted, and an array of NumPy is not copied.

    Parameters
    ----------
    value : an array, a tensor or a list
    name : of the argument, for errors

    Raises
    ------
    TypeError
        It holds no real numbers, or they cannot be read.
    ValueError
        The rows of a list differ in length, or some values are masked.
    """
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(
            f"{name}: {int(np.ma.getmaskarray(value).sum()):,} values are masked; fill them, or "
            "leave their images out"
        )
    if isinstance(value, list | tuple) and any(is_tensor(one) for one in value):
        value = [numeric(one, f"{name}[{place}]") for place, one in enumerate(value)]
    array = from_tensor(value, name) if is_tensor(value) else from_others(value, name)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name}: expected an array of real numbers, got {described(value)} of type "
            f"{array.dtype}"
        )
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def is_tensor(value: object) -> bool:
    """Return whether a value is a tensor of PyTorch, a parameter or another of its kinds."""
    return any(
        kind.__name__ == "Tensor" and kind.__module__.partition(".")[0] == "torch"
        for kind in type(value).__mro__
    )


def from_tensor(tensor: Any, name: str) -> np.ndarray:
    """Copy a tensor of PyTorch to the CPU, if it is elsewhere, and return its numbers.

    Raises
    ------
    TypeError
        It has no numbers (device `meta`), or PyTorch cannot hand them over.
    """
    if tensor.device.type == "meta":
        raise TypeError(
            f"{name}: a tensor on the device `meta` has a shape and no values; load the weights or "
            "run the encoder first"
        )
    try:
        dense = tensor.detach().to_dense().cpu().resolve_conj().resolve_neg()
        # NumPy has float16, float32 and float64, and no other float of PyTorch.
        known = ("torch.float16", "torch.float32", "torch.float64")
        if dense.is_floating_point() and str(dense.dtype) not in known:
            dense = dense.float()
        return dense.numpy()
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise TypeError(
            f"{name}: a tensor of {tensor.dtype}, {tensor.layout}, which cannot become an array of "
            f"NumPy ({first_line(error)}); convert it with `.float()`"
        ) from None


def from_others(value: object, name: str) -> np.ndarray:
    """Let NumPy read a value.

    Raises
    ------
    TypeError, ValueError
        It cannot.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        if isinstance(value, list | tuple):
            raise ValueError(
                f"{name}: expected rows of equal length, got a list in which they differ"
            ) from error
        raise ValueError(
            f"{name}: NumPy cannot read {described(value)}: {first_line(error)}"
        ) from None
    except (TypeError, RuntimeError) as error:
        raise TypeError(
            f"{name}: NumPy cannot read {described(value)}: {first_line(error)}; copy it to an "
            "array of NumPy first"
        ) from None
    # Types that JAX and TensorFlow add to NumPy's own.
    small_float = array.dtype.isbuiltin == 2 and array.dtype.name.startswith(("bfloat", "float"))
    return array.astype(np.float32) if small_float else array


def as_matrix(
    value: Array, name: str, rows: str = "image", columns: str = "feature"
) -> Float[np.ndarray, "row column"]:
    """Return finite numbers with two dimensions; integers become float64.

    Parameters
    ----------
    value : an array, a tensor or a list
    name, rows, columns : of the argument, and what a row and a column of it is, for errors

    Raises
    ------
    TypeError
        As `numeric`.
    ValueError
        There are no two dimensions, no row or no column, or a value is NaN, infinite or beyond
        1e60 (the row is named).
    """
    array = numeric(value, name)
    if array.ndim != 2:
        advice = f"pass a single {rows} as [[…]]"
        if array.ndim > 2:
            advice = f"take one vector per {rows}, as with reshape({len(array)}, -1)"
        raise ValueError(
            f"{name}: expected two dimensions, a row for each {rows} and a column for each "
            f"{columns}, got the shape {array.shape}; {advice}"
        )
    require_some(array, name, f"one {rows} and one {columns}")
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    for start in range(0, len(array), ROWS_AT_A_TIME):
        # In double precision, whose limit it is; comparisons with NaN are false.
        sizes = np.abs(array[start : start + ROWS_AT_A_TIME].astype(np.float64))
        fine = (sizes <= LARGEST).all(axis=1)
        if not fine.all():
            raise ValueError(
                f"{name}: {rows} {start + int(np.argmin(fine))} holds NaN, infinity or a number "
                f"beyond {LARGEST:g}; expected finite numbers, so check how it was computed"
            )
    return array


def as_vector(value: Array, name: str, length: int, of: str) -> Float[np.ndarray, " entry"]:
    """Return finite numbers, one for each of `length` things that are called `of`.

    Raises
    ------
    TypeError, ValueError
        As `as_matrix`, or there is another number of them.
    """
    array = numeric(value, name)
    if array.shape != (length,):
        raise ValueError(
            f"{name}: expected a number for each of {length:,} {of}, got the shape {array.shape}"
        )
    return as_matrix(array[:, None], name, of, "number")[:, 0]


def as_classes(
    value: Array, name: str, images: int, classes: int | None = None
) -> Int[np.ndarray, " image"]:
    """Return the class of each image: whole numbers from 0.

    Parameters
    ----------
    value : an array, a tensor or a list
    name : of the argument, for errors
    images : how many there are
    classes : how many the head has; None: any number of them

    Raises
    ------
    TypeError
        They are not integers.
    ValueError
        There are more or fewer than images, or one is not among the classes.
    """
    array = numeric(value, name)
    if array.ndim == 2 and array.shape[1] > 1:
        raise ValueError(
            f"{name}: expected one class per image, got the shape {array.shape}; for one-hot rows, "
            "take argmax(1)"
        )
    if array.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: expected the index of each image's class, whole numbers from 0, got numbers "
            f"of type {array.dtype}"
        )
    if array.shape != (images,):
        raise ValueError(
            f"{name}: expected a class for each of {images:,} images, got the shape {array.shape}"
        )
    top = np.iinfo(np.int64).max if classes is None else classes - 1
    outside = (array < 0) | (array > top)
    if outside.any():
        image = int(np.argmax(outside))
        legal = "from 0" if classes is None else f"0 to {top:,}, the classes of the head"
        raise ValueError(f"{name}: image {image} has class {int(array[image])}; expected {legal}")
    return array.astype(np.int64)


def as_labels(
    value: Array | Mapping[str, Array], name: str, images: int
) -> tuple[Bool[np.ndarray, "image concept"], list[str]]:
    """Return which image shows which concept, and the concepts' names.

    Parameters
    ----------
    value : booleans, or 0 and 1, with a row for each image and a column for each concept; or by the
        name of each concept such an array with an entry for each image
    name : of the argument, for errors
    images : how many there are

    Raises
    ------
    TypeError, ValueError
        A value is neither true nor false, sizes do not fit, or there is no concept.
    """
    if isinstance(value, Mapping):
        columns = {
            one_line(str(key)): as_labels(
                column_of(each, f"{name}[{key!r}]"), f"{name}[{key!r}]", images
            )
            for key, each in value.items()
        }
        if not columns:
            raise ValueError(f"{name}: expected at least one concept, got none")
        return np.concatenate([found for found, _ in columns.values()], axis=1), list(columns)
    array = numeric(value, name)
    if array.ndim != 2 or len(array) != images:
        raise ValueError(
            f"{name}: expected a row for each of {images:,} images and a column for each concept, "
            f"got the shape {array.shape}"
        )
    require_some(array, name, "one concept")
    if array.dtype.kind != "b":
        other = (array != 0) & (array != 1)
        if other.any():
            image, concept = np.argwhere(other)[0]
            raise ValueError(
                f"{name}: image {image}, concept {concept}: expected true or false, or 1 or 0, got "
                f"{array[image, concept]:g}; compare with a threshold first"
            )
    return array.astype(np.bool_), [f"concept {number}" for number in range(array.shape[1])]


def column_of(value: Array, name: str) -> np.ndarray:
    """Return the labels of one concept as a column."""
    array = numeric(value, name)
    if array.ndim != 1:
        raise ValueError(f"{name}: expected one dimension, got the shape {array.shape}")
    return array[:, None]


def as_flag(value: Any, name: str) -> bool:
    """Return a value that is true or false.

    Raises
    ------
    TypeError
        It is something else.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: expected True or False, got {described(value)}")
    return bool(value)


def as_mapping(value: Any, name: str, example: str) -> dict[Any, Any]:
    """Return a mapping; None is an empty one.

    Raises
    ------
    TypeError
        It is something else.
    """
    if value is not None and not isinstance(value, Mapping):
        raise TypeError(f"{name}: expected a mapping such as {example}, got {described(value)}")
    return dict(value or {})


def as_count(value: Any, name: str, least: int) -> int:
    """Return a whole number of things.

    Raises
    ------
    ValueError
        It is something else, or less than `least`.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:
        got = one_line(repr(value))[:SHOWN]
        raise ValueError(f"{name}: expected a whole number, {least} or more, got {got}")
    return int(value)


def require_some(array: np.ndarray, name: str, least: str) -> None:
    """Refuse an array without entries.

    Raises
    ------
    ValueError
        It has none.
    """
    if 0 in array.shape:
        raise ValueError(f"{name}: expected at least {least}, got the shape {array.shape}")


def require_equal(name: str, count: int, other: str, expected: int, of: str) -> None:
    """Refuse two arguments with different numbers of the same things.

    Raises
    ------
    ValueError
        They differ.
    """
    if count != expected:
        raise ValueError(
            f"{name} has {count:,} {of} and {other} has {expected:,}; expected as many, so take "
            "both from the same encoder and images"
        )


def checked(kind: type[Settings], **values: Any) -> Settings:
    """Return the settings of a measure; its own types say what is legal.

    Raises
    ------
    ValueError
        A value is not legal; names the setting.
    """
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in values.items()}
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        name = where.rstrip("`").partition("[")[0]
        got = f", got {one_line(repr(plain[name]))[:SHOWN]}" if name in plain else ""
        raise ValueError(f"{name or kind.__module__}: {what}{got}") from None


def described(value: object) -> str:
    """Return the class of a value in words."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def first_line(error: Exception) -> str:
    """Return the first line of an error of somebody else's, shortened."""
    return one_line((str(error) or type(error).__name__).splitlines()[0][:SHOWN])
