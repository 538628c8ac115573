"""What people have in a notebook, as arrays of NumPy that fit a measure.

Arrays of NumPy, tensors of PyTorch on any device and of any type, arrays of JAX and of every other
library that NumPy can read, and lists. PyTorch is not imported: a tensor is recognised by its
class.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int

from interpreting_clip.errors import one_line
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.head import Head

Array = Any
"""An array, a tensor or a list: whatever `numeric` takes."""

LARGEST = 1e60
"""Beyond it the fourth power of a number leaves the range of double precision."""

ROWS_AT_A_TIME = 4096

LONGEST = 80
"""The most characters of somebody else's text that an error repeats."""

NUMPY_FLOATS = ("torch.float16", "torch.float32", "torch.float64")
"""The floats of PyTorch that NumPy has, too."""


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
    try:
        array = tensor_values(value, name) if is_tensor(value) else np.asarray(value)
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        if isinstance(value, list | tuple):
            raise ValueError(
                f"{name}: expected rows of equal length, got a list in which they differ"
            ) from None
        said = one_line((str(error) or type(error).__name__).splitlines()[0][:LONGEST])
        raise TypeError(
            f"{name}: NumPy cannot read {described(value)}: {said}; copy it to an array of NumPy "
            "first"
        ) from None
    # Types that JAX and TensorFlow add to NumPy's own.
    if array.dtype.isbuiltin == 2 and array.dtype.name.startswith(("bfloat", "float")):
        array = array.astype(np.float32)
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


def tensor_values(tensor: Any, name: str) -> np.ndarray:
    """Return the values of a tensor of PyTorch, copied to the CPU if it is elsewhere."""
    if tensor.device.type == "meta":
        raise TypeError(
            "a tensor on the device `meta` has no values; load the weights or run the encoder"
        )
    dense = tensor.detach().to_dense().cpu().resolve_conj().resolve_neg()
    if dense.is_floating_point() and str(dense.dtype) not in NUMPY_FLOATS:
        dense = dense.float()
    return dense.numpy()


def as_matrix(
    value: Array, name: str, row: str = "image", column: str = "feature"
) -> Float[np.ndarray, "row column"]:
    """Return finite numbers with two dimensions; integers become float64.

    Parameters
    ----------
    value : an array, a tensor or a list
    name, row, column : of the argument, and what a row and a column of it is, for errors

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
        advice = f"pass a single {row} as [[…]]"
        if array.ndim > 2:
            advice = f"take one vector per {row}, as with reshape({len(array)}, -1)"
        raise ValueError(
            f"{name}: expected two dimensions, a row for each {row} and a column for each "
            f"{column}, got the shape {array.shape}; {advice}"
        )
    if not array.size:
        raise ValueError(
            f"{name}: expected at least one {row} and one {column}, got the shape {array.shape}"
        )
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    for start in range(0, len(array), ROWS_AT_A_TIME):
        # In double precision, whose limit it is; comparisons with NaN are false.
        sizes = np.abs(array[start : start + ROWS_AT_A_TIME].astype(np.float64))
        fine = (sizes <= LARGEST).all(axis=1)
        if not fine.all():
            raise ValueError(
                f"{name}: {row} {start + int(np.argmin(fine))} holds NaN, infinity or a number "
                f"beyond {LARGEST:g}; expected finite numbers, so check how it was computed"
            )
    return array


def as_representation(value: Array, name: str) -> Float[np.ndarray, "image feature"]:
    """Return a row of finite numbers for each image, from features of any shape."""
    array = numeric(value, name)
    if array.ndim > 2 and array.size:
        array = array.reshape(len(array), -1)
    return as_matrix(array, name)


def as_head(weight: Array, bias: Array | None, normalize_features: Any, features: int) -> Head:
    """Return a head that fits activations with so many features.

    Raises
    ------
    TypeError, ValueError
        Weights or biases are not arrays of finite numbers, or they do not fit.
    """
    rows = as_matrix(weight, "head", "class")
    require_width("head", rows.shape[1], features)
    offset = None
    if bias is not None:
        offset = numeric(bias, "bias")
        if offset.shape != (len(rows),):
            raise ValueError(
                f"bias: expected a number for each of {len(rows):,} classes, got the shape "
                f"{offset.shape}"
            )
        offset = as_matrix(offset[:, None], "bias", "class", "number")[:, 0]
    return Head(rows, offset, as_value(normalize_features, bool, "normalize_features"))


def as_classes(
    value: Array, name: str, classes: int, images: int | None = None
) -> Int[np.ndarray, " image"]:
    """Return classes of the head: whole numbers from 0.

    Parameters
    ----------
    value : an array, a tensor or a list
    name : of the argument, for errors
    classes : how many the head has
    images : how many images have a class here; None: any number

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
    if array.shape != (array.size if images is None else images,):
        raise ValueError(
            f"{name}: expected a class for each of {images or array.size:,} images, got the shape "
            f"{array.shape}"
        )
    outside = (array < 0) | (array >= classes)
    if outside.any():
        entry = int(np.argmax(outside))
        raise ValueError(
            f"{name}: entry {entry} is {int(array[entry])}; expected 0 to {classes - 1:,}, the "
            "classes of the head"
        )
    return array.astype(np.int64)


def as_labels(
    value: Array | Mapping[Any, Array], name: str, images: int
) -> Bool[np.ndarray, "image concept"]:
    """Return which image shows which concept.

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
        columns = {f"{name}[{key!r}]": column for key, column in value.items()}
        if not columns:
            raise ValueError(f"{name}: expected at least one concept, got none")
        return np.concatenate(
            [as_labels(as_column(one, key), key, images) for key, one in columns.items()], axis=1
        )
    array = numeric(value, name)
    if array.ndim != 2 or len(array) != images or not array.size:
        raise ValueError(
            f"{name}: expected a row for each of {images:,} images and a column for each concept, "
            f"got the shape {array.shape}"
        )
    other = (array != 0) & (array != 1)
    if other.any():
        image, concept = np.argwhere(other)[0]
        raise ValueError(
            f"{name}: image {image}, concept {concept}: expected true or false, or 1 or 0, got "
            f"{array[image, concept]:g}; compare with a threshold first"
        )
    return array.astype(np.bool_)


def as_column(value: Array, name: str) -> np.ndarray:
    """Return an array of one dimension as a column."""
    array = numeric(value, name)
    if array.ndim != 1:
        raise ValueError(f"{name}: expected one dimension, got the shape {array.shape}")
    return array[:, None]


def as_texts(value: Any, name: str) -> list[str]:
    """Return texts, each as one line.

    Raises
    ------
    TypeError
        They are something else.
    """
    known = isinstance(value, Iterable) and not isinstance(value, str)
    if not known or not all(isinstance(one, str) for one in value):
        raise TypeError(f"{name}: expected a list of texts, one for each concept")
    return [one_line(one) for one in value]


def as_directions(
    value: Array | PrivilegedDirections, features: int
) -> Float[np.ndarray, "direction feature"] | PrivilegedDirections:
    """Return the result of `directions` as it is, and else rows with so many features.

    Raises
    ------
    TypeError, ValueError
        They are not an array of finite numbers, or have another number of features.
    """
    known = isinstance(value, PrivilegedDirections)
    rows = value.vectors if known else as_matrix(value, "directions", "direction")
    require_width("directions", rows.shape[1], features)
    return value if known else rows


def require_width(name: str, width: int, features: int) -> None:
    """Refuse what has not as many features as the activations."""
    if width != features:
        raise ValueError(
            f"{name}: expected {features:,} features, as activations have, got {width:,}; take "
            "both from the same encoder"
        )


def as_value(value: Any, kind: Any, name: str) -> Any:
    """Return a number, a word or a flag of a type that states what is legal.

    Raises
    ------
    ValueError
        It is something else.
    """
    try:
        return msgspec.convert(value.item() if isinstance(value, np.generic) else value, kind)
    except msgspec.ValidationError as error:
        what = str(error).partition(" - at ")[0]
        raise ValueError(f"{name}: {what}, got {one_line(repr(value))[:LONGEST]}") from None


def as_mapping(value: Any, name: str, example: str) -> dict[Any, Any]:
    """Return a mapping, such as the example.

    Raises
    ------
    TypeError
        It is something else.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}: expected a mapping such as {example}, got {described(value)}")
    return dict(value)


def described(value: object) -> str:
    """Return the class of a value in words."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
