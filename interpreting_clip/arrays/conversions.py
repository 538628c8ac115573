"""What people have in a notebook, as arrays of NumPy that fit a measure.

Arrays of NumPy, tensors of PyTorch on any device and of any type, arrays of JAX and of every other
library that NumPy can read, and lists; as a head also a linear layer of PyTorch or a linear
classifier of scikit-learn. Neither library is imported. Everything else is refused, with a
TypeError or ValueError of one line that begins with the name of the argument and ends with the
remedy.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from typing import Any, TypeVar

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Int

from interpreting_clip.arrays.head import Head
from interpreting_clip.errors import listed, one_line

ArrayLike = Any
"""An array, a tensor or a list: whatever `numeric` takes."""

HeadLike = Any
"""A `Head`, an array with a row for each class, or a linear layer or classifier: see `as_head`."""

Settings = TypeVar("Settings", bound=msgspec.Struct)

LARGEST = 1e60
"""Beyond it the fourth power of a number leaves the range of double precision."""

ROWS_AT_A_TIME = 4096

MAX_QUOTED = 80
"""The most characters of somebody else's text that an error repeats."""

PARAMETERS = {"weight": "bias", "coef_": "intercept_"}
"""What linear layers of PyTorch and linear classifiers of scikit-learn call weights and bias."""

ONE_ROW_PER_IMAGE = {
    1: "; [{name}] is a single row",
    2: "; it is empty, so check how it was made",
    3: "; pool the tokens: {name}[:, 0] or {name}.mean(1)",
    4: "; encode images first, and pool feature maps: {name}.mean((2, 3)), or .mean((1, 2)) if "
    "channels are last",
}
"""By the number of dimensions of activations, how to make them a matrix."""


def numeric(value: ArrayLike, name: str, dimensions: int = 2) -> np.ndarray:
    """Return numbers as an array of NumPy: booleans, integers or floats of any size.

    bfloat16 and the types of 8 bits, which NumPy does not have, become float32. Nothing else is
    converted, and an array of NumPy is not copied.

    Parameters
    ----------
    value : an array, a tensor or a list
    name : of the argument, for errors
    dimensions : how many the array should have: a list of such arrays is a list of batches
    """
    if np.ma.is_masked(value):
        raise ValueError(f"{name}: some values are masked; fill them, or leave their images out")
    rows = isinstance(value, list | tuple)
    tensors = rows and any(is_tensor(one) for one in value)
    if rows and any(getattr(one, "ndim", 0) >= dimensions for one in value):
        cat, stack = ("torch.cat", "torch.stack") if tensors else ("np.concatenate", "np.stack")
        raise ValueError(
            f"{name}: expected one array, got a {described(value)} of {len(value):,}; concatenate "
            f"batches, {cat}({name}), stack single images, {stack}({name}), or pass one of them, "
            f"{name}[0]"
        )
    if tensors:
        value = [numeric(one, f"{name}[{place}]") for place, one in enumerate(value)]
    try:
        array = tensor_values(value) if is_tensor(value) else np.asarray(value)
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        if rows:
            raise ValueError(f"{name}: expected rows of equal length, got others") from None
        said = one_line((str(error) or type(error).__name__).splitlines()[0][:MAX_QUOTED])
        raise TypeError(
            f"{name}: NumPy cannot read {described(value)}: {said}; copy it to NumPy first"
        ) from None
    # Types that JAX and TensorFlow add to NumPy's own.
    if array.dtype.isbuiltin == 2 and array.dtype.name.startswith(("bfloat", "float")):
        array = array.astype(np.float32)
    if array.dtype.kind not in "biuf":
        of_type = f" of {array.dtype}" if array.ndim else ""
        raise TypeError(
            f"{name}: expected real numbers, got {described(value)}{of_type}"
            f"{conversion(value, array, name)}"
        )
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def conversion(value: Any, array: np.ndarray, name: str) -> str:
    """Return how to get an array of numbers from another type, if that is known."""
    advice = ""
    if isinstance(value, Mapping):
        keys = [f"{name}[{one_line(repr(key))[:MAX_QUOTED]}]" for key in value]
        advice = f"pass one of its arrays: {listed(keys) or 'it has none'}"
    elif isinstance(value, str | PurePath):
        advice = "load the file first"
    elif hasattr(value, "select_dtypes"):
        advice = f"keep its columns of numbers: {name}.select_dtypes('number').to_numpy(float)"
    elif hasattr(value, "state_dict"):
        advice = "pass a model's outputs as activations, and its last linear layer as head"
    elif name == "classes" and array.ndim and all(isinstance(one, str) for one in array.flat):
        advice = (
            "give the row of the head for each image, which is np.unique(classes, "
            "return_inverse=True)[1] if the head's rows are in the order of the sorted names"
        )
    elif array.dtype == object and array.ndim == 1 and hasattr(next(iter(array), 0), "ndim"):
        advice = f"stack its arrays: np.stack(list({name}))"
    elif isinstance(value, Iterable) and not array.ndim:
        advice = "concatenate the activations of all its batches, and pass these"
    return advice and f"; {advice}"


def is_tensor(value: object) -> bool:
    """Return whether a value is a tensor of PyTorch, a parameter or another of its kinds."""
    return any(
        kind.__name__ == "Tensor" and kind.__module__.partition(".")[0] == "torch"
        for kind in type(value).__mro__
    )


def tensor_values(tensor: Any) -> np.ndarray:
    """Return the values of a tensor of PyTorch, copied to the CPU if it is elsewhere."""
    values = tensor.detach().to_dense().cpu()
    try:
        return values.numpy()
    except TypeError:  # bfloat16 and the like, which NumPy does not have
        return values.float().numpy()


def require_width(name: str, rows: Float[np.ndarray, "row column"], features: int) -> None:
    """Refuse an array whose number of features is not that of the activations."""
    height, width = rows.shape
    if width != features:
        advice = "take both from the same encoder"
        if height == features:
            advice = f"its rows are the features: pass {name}.T, or save it so"
        raise ValueError(
            f"{name}: expected {features:,} features, as activations have, got {width:,}; {advice}"
        )


def require_shape(met: bool, name: str, expected: str, array: np.ndarray, advice: str = "") -> None:
    """Refuse an array of another shape."""
    if not met:
        raise ValueError(f"{name}: expected {expected}, got the shape {array.shape}{advice}")


def as_matrix(
    value: ArrayLike, name: str, row: str = "image", column: str = "feature"
) -> Float[np.ndarray, "row column"]:
    """Return finite numbers with two dimensions; integers become float64.

    Parameters
    ----------
    value : an array, a tensor or a list
    name, row, column : the argument's name, and what its rows and columns are, for errors
    """
    array = numeric(value, name)
    expected = f"a row for each {row} and a column for each {column}"
    advice = ONE_ROW_PER_IMAGE.get(array.ndim, "").format(name=name) if row == "image" else ""
    require_shape(array.ndim == 2 and bool(array.size), name, expected, array, advice)
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


def as_representation(value: ArrayLike, name: str) -> Float[np.ndarray, "image feature"]:
    """Return a row of finite numbers for each image, from features of any shape."""
    array = numeric(value, name)
    if array.ndim > 2 and array.size:
        array = array.reshape(len(array), -1)
    return as_matrix(array, name)


def as_head(head: HeadLike, bias: ArrayLike | None, normalize_features: Any, features: int) -> Head:
    """Return a head that fits activations with so many features.

    Parameters
    ----------
    head : a `Head`, which has its own bias and normalisation; an array with a row for each class;
        or an object with `weight` and `bias`, such as `nn.Linear`, or with `coef_` and
        `intercept_`, as classifiers of scikit-learn have
    bias : a number for each class; None: that of the object, or none
    normalize_features : whether the head takes activations of unit length
    features : how many the activations have
    """
    if isinstance(head, Head):
        if bias is not None or normalize_features:
            raise ValueError(
                "head: a Head has its own bias and normalize_features; leave these out"
            )
        bias, normalize_features, head = head.bias, head.normalize_features, head.weight
    if hasattr(head, "dual_coef_"):  # of SVC and NuSVC, with a linear kernel too
        raise ValueError(
            "head: expected a row for each class, got one for each pair of classes; "
            "fit a LinearSVC instead"
        )
    for weight, offset in PARAMETERS.items():
        if hasattr(head, weight):
            head_bias = getattr(head, offset, None)
            if head_bias is not None and bias is not None:
                raise ValueError(f"bias: head.{offset} is its bias; leave bias= out")
            head, bias = getattr(head, weight), bias if head_bias is None else head_bias
    rows = as_matrix(head, "head", "class")
    require_width("head", rows, features)
    if len(rows) == 1:
        raise ValueError(
            "head: expected a row for each class, got one row; if w and b are those of a binary "
            "classifier, np.vstack([0 * w, w]) is its head, and [0, b] its bias"
        )
    offset = None
    if bias is not None:
        offset = numeric(bias, "bias", 1)
        fits = offset.shape == (len(rows),)
        require_shape(fits, "bias", f"a number for each of {len(rows):,} classes", offset)
        offset = as_matrix(offset[:, None], "bias", "class", "number")[:, 0]
    return Head(rows, offset, as_value(normalize_features, bool, "normalize_features"))


def as_classes(
    value: ArrayLike, name: str, classes: int, images: int | None = None
) -> Int[np.ndarray, " image"]:
    """Return classes of the head: whole numbers from 0.

    Parameters
    ----------
    value : an array, a tensor or a list
    name : of the argument, for errors
    classes : how many the head has
    images : how many images have a class here; None: any number
    """
    array = numeric(value, name, 1)
    images = array.size if images is None else images
    expected = f"a class for each of {images:,} images"
    advice = f"; pass {name}.ravel()" if array.size == images else ""
    require_shape(array.shape == (images,), name, expected, array, advice)
    if array.dtype.kind not in "iu":
        whole = array.dtype.kind == "f" and bool((array == np.floor(array)).all())
        advice = f"; pass {name}.astype(int)" if whole else ""
        raise TypeError(
            f"{name}: expected whole numbers from 0, got numbers of {array.dtype}{advice}"
        )
    outside = (array < 0) | (array >= classes)
    if outside.any():
        entry = int(np.argmax(outside))
        from_one = array.min() >= 1 and array.max() == classes
        advice = "; head and classes have to number the classes alike"
        if from_one:
            advice = f"; they seem to count from 1, so pass {name} - 1"
        raise ValueError(
            f"{name}: entry {entry}: expected a class of the head, 0 to {classes - 1:,}, got "
            f"{array[entry]}{advice}"
        )
    return array.astype(np.int64)


def as_labels(
    value: ArrayLike | Mapping[Any, ArrayLike], name: str, images: int
) -> Bool[np.ndarray, "image concept"]:
    """Return which image shows which concept.

    Parameters
    ----------
    value : booleans, or 0 and 1, with a row for each image and a column for each concept; or by the
        name of each concept such an array with an entry for each image
    name : of the argument, for errors
    images : how many there are
    """
    if isinstance(value, Mapping):
        columns = {f"{name}[{key!r}]": column for key, column in value.items()}
        read = [
            as_labels(numeric(one, key, 1)[..., None], key, images) for key, one in columns.items()
        ]
        value = np.concatenate([np.empty((images, 0), np.bool_), *read], axis=1)
    array = numeric(value, name)
    fits = array.ndim == 2 and len(array) == images and bool(array.size)
    expected = f"a row for each of {images:,} images and a column for each concept"
    advice = f"; pass {name}.T, or save it so" if array.shape[1:] == (images,) else ""
    require_shape(fits, name, expected, array, advice or one_hot(array, name, images))
    other = (array != 0) & (array != 1)
    if other.any():
        image, concept = np.argwhere(other)[0]
        advice = one_hot(array, name, images) or "; compare with a threshold first"
        raise ValueError(
            f"{name}: image {image}, concept {concept}: expected true or false, or 1 or 0, got "
            f"{array[image, concept]:g}{advice}"
        )
    return array.astype(np.bool_)


def one_hot(array: np.ndarray, name: str, images: int) -> str:
    """Return how to make a column for each class from one number for each image, if these are.

    Those in a mapping have a name of their own, and are one concept.
    """
    if array.size != images or array.dtype.kind not in "biu" or not name.isidentifier():
        return ""
    column = f"{name}[:, None]" if array.ndim == 1 else name
    if array.max(initial=0) <= 1:
        return f"; pass {column}" if array.ndim == 1 else ""
    return f"; if they are classes, {column} == np.arange({int(array.max()) + 1}) has a column each"


def as_texts(value: Any, name: str) -> list[str]:
    """Return texts, each as one line."""
    known = isinstance(value, Iterable) and not isinstance(value, str)
    if not known or not all(isinstance(one, str) for one in value):
        raise TypeError(f"{name}: expected a list of texts, one for each concept")
    return [one_line(one) for one in value]


def as_value(value: Any, kind: Any, name: str, *, strict: bool = True) -> Any:
    """Return a number, a word or a flag if it is legal for its type.

    Unless `strict`, numbers may be written as texts.
    """
    plain = value.item() if getattr(value, "ndim", None) == 0 else value
    try:
        return msgspec.convert(plain, kind, strict=strict)
    except msgspec.ValidationError as error:
        what = str(error).partition(" - at ")[0]
        raise ValueError(f"{name}: {what}, got {one_line(repr(value))[:MAX_QUOTED]}") from None


def as_settings(kind: type[Settings], **values: Any) -> Settings:
    """Return a measure's settings, each of which has to be legal for the type of its field."""
    fields = msgspec.structs.fields(kind)
    return kind(**{one.name: as_value(values[one.name], one.type, one.name) for one in fields})


def as_progress(value: Any) -> Any:
    """Return a function that goes through the draws of a long measure."""
    return as_value(value, Callable, "progress")


def as_mapping(value: Any, name: str) -> dict[Any, Any]:
    """Return a mapping."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}: expected a mapping, {{key: value}}, got {described(value)}")
    return dict(value)


def described(value: object) -> str:
    """Return the class of a value in words."""
    kind = type(value)
    within = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return one_line(within + kind.__qualname__)[:MAX_QUOTED]
