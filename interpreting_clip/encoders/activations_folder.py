"""A folder of activations that were computed elsewhere: how to write it, and its manifest.

    manifest.json           the contents, with the SHA-256 of every file
    imagenet_val.npy        a row per image, in the order of the dataset
    …                       further datasets, as many as there are
    head.npy, bias.npy      the classifier head, if there is one

Arrays are float16, bfloat16, float32 or float64 in .npy or safetensors files; in the latter the
array is called `activations`, `weight` or `bias`, or is the only one. All are stored as float32.
Writing needs no torch, so it works where the encoder is. The manifest:

    {
      "format": 1,
      "features": 768,
      "datasets": {
        "imagenet_val": {
          "file": "imagenet_val.safetensors",
          "sha256": "of that file",
          "images": 50000,
          "order": "as printed by python -m tools image-list"
        }
      },
      "head": {
        "weight": {"file": "head.safetensors", "sha256": "of that file"},
        "bias": {"file": "bias.npy", "sha256": "of that file"},
        "classes": ["tench", "goldfish"]
      }
    }

`head`, and `bias` in it, may be left out. `order` is the SHA-256 of the first column of the
dataset's list: `tail -n +2 lists/imagenet_val.csv | cut -d, -f1 | sha256sum`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta

from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.errors import DAMAGED_JSON, InputError, require_content
from interpreting_clip.formats.files import file_digest, require_digest
from interpreting_clip.formats.image_lists import ListedImage, order_digest, read_image_list
from interpreting_clip.formats.json import whole_file, write_json
from interpreting_clip.formats.tensors import require_finite
from interpreting_clip.quantities import Count, Key, Name, Place, Sha256, StrictStruct

MANIFEST = "manifest.json"

DATASETS = (*TEST_SETS, "broden", "imagenet_train")
"""The datasets that a folder can have activations of, besides a study's own shifts.

ImageNet's test images are required.
"""


class GivenFile(StrictStruct, frozen=True, kw_only=True):
    """A file of the folder with its SHA-256."""

    file: Place
    sha256: Sha256


class GivenDataset(GivenFile, frozen=True, kw_only=True):
    """The activations on one dataset: the number of images, and the digest of their order.

    `order` is `image_lists.order_digest` of the dataset's images.
    """

    images: Count
    order: Sha256


class GivenHead(StrictStruct, frozen=True, kw_only=True):
    """A linear head: its weight, one row per class, its bias, and its classes in their order."""

    weight: GivenFile
    bias: GivenFile | None = None
    classes: Annotated[list[Name], Meta(min_length=1, max_length=100_000)]


class Manifest(StrictStruct, frozen=True, kw_only=True):
    """`manifest.json`: what a folder of activations holds."""

    format: Literal[1]
    features: Annotated[int, Meta(ge=1, le=2**20)]
    datasets: dict[Key, GivenDataset]
    head: GivenHead | None = None


def write_activations_folder(
    folder: Path | str,
    activations: Mapping[str, Any],
    lists: Path | str,
    *,
    head: Any = None,
    bias: Any = None,
    classes: Sequence[str] | None = None,
) -> str:
    """Write activations as a folder that an encoder of a study can be made from.

    Arrays are NumPy's, memory-mapped or not, or convertible to NumPy's, such as JAX's.
    Float16 and float32 are kept; any other type of numbers becomes float32. The manifest is written
    last, so a folder that was interrupted has none.

    Parameters
    ----------
    folder : where to write; files of an earlier folder with the same names are replaced
    activations : by dataset, what feeds the head, before any scaling to unit length; image ×
        feature, in the order of the dataset's list. `imagenet_val` is required
    lists : the folder of the lists that `python -m tools image-list` wrote, `<dataset>.csv`
    head : class × feature; of a CLIP, the text embedding of each class
    bias : of the head, a number per class, if it has one
    classes : the names of the head's classes in its order, as `classes.txt` of the lists has them

    Returns
    -------
    the SHA-256 of the manifest, for the entry in params.yaml

    Raises
    ------
    ValueError
        ImageNet is missing; an array has another number of rows than its list or another number of
        features than the first; or the head does not fit its classes, its bias or the activations.
    InputError
        A list is missing or damaged, or an array holds NaN or infinity.
    """
    first = TEST_SETS[0]
    if first not in activations:
        raise ValueError(
            f"expected activations of {first}, and where there are any of "
            f"{', '.join(DATASETS[1:])} and the study's own shifts; got "
            f"{', '.join(activations) or 'none'}"
        )
    if (head is None) != (classes is None) or (head is None and bias is not None):
        raise ValueError("a `head` needs its `classes`, and these and a `bias` need a head")
    features, rows = np.shape(activations[first])[-1], len(classes or ())
    listed = {name: read_image_list(Path(lists) / f"{name}.csv") for name in activations}
    shapes = {name: (len(images), features) for name, images in listed.items()}
    head_arrays = {"head": head, "bias": bias}
    head_arrays = {name: values for name, values in head_arrays.items() if values is not None}
    arrays = {**activations, **head_arrays}
    for name, shape in {**shapes, "head": (rows, features), "bias": (rows,)}.items():
        if name in arrays and np.shape(arrays[name]) != shape:
            raise ValueError(f"{name}: expected the shape {shape}, got {np.shape(arrays[name])}")
    return write_files(Path(folder), arrays, listed, features, classes)


def write_files(
    folder: Path,
    arrays: Mapping[str, Any],
    listed: Mapping[str, Sequence[ListedImage]],
    features: int,
    classes: Sequence[str] | None,
) -> str:
    """Write arrays that fit together, then the manifest; return its SHA-256."""
    (folder / MANIFEST).unlink(missing_ok=True)
    files = {name: write_npy(folder, name, values) for name, values in arrays.items()}
    manifest: dict[str, Any] = {"format": 1, "features": features, "datasets": {}}
    for name, images in listed.items():
        order = order_digest(image.sha256 for image in images)
        manifest["datasets"][name] = {**files[name], "images": len(images), "order": order}
    if classes is not None:
        manifest["head"] = {"weight": files["head"], "classes": list(classes)}
        if "bias" in files:
            manifest["head"]["bias"] = files["bias"]
    write_json(folder / MANIFEST, manifest)
    return file_digest(folder / MANIFEST)


def write_npy(folder: Path, name: str, values: Any) -> dict[str, str]:
    """Write an array as .npy, whole or not at all; return the file's name and its SHA-256."""
    array, file = np.asanyarray(values), folder / f"{name}.npy"
    if array.dtype not in (np.float16, np.float32):
        array = array.astype(np.float32)
    require_finite(array, name)
    with whole_file(file) as stream:
        np.lib.format.write_array(stream, array, allow_pickle=False)
    return {"file": file.name, "sha256": file_digest(file)}


def read_manifest(folder: Path, sha256: str) -> Manifest:
    """Read the manifest of a folder and check it against the SHA-256 in params.yaml."""
    file = folder / MANIFEST
    if not file.is_file():
        raise InputError(
            f"{file}: no such file; write the folder with `write_activations_folder`, or let "
            "`folders` in compute.yaml name the folder that it is in"
        )
    advice = "if the folder was written anew, correct `sha256` in params.yaml"
    require_digest(file, sha256, advice)
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except DAMAGED_JSON as error:
        raise InputError(
            f"{file}: not a manifest ({error}); write the folder with `write_activations_folder`"
        ) from None
    if TEST_SETS[0] not in manifest.datasets:
        raise InputError(f"{file}: expected activations of {TEST_SETS[0]}, got none")
    return manifest


def given_file(folder: Path, given: GivenFile) -> Path:
    """Return the path of a file that a manifest names, after checking its content."""
    file = folder / given.file
    if not file.is_file():
        raise InputError(f"{file}: no such file, but {MANIFEST} names it; write the folder again")
    require_content(file, file)
    require_digest(file, given.sha256, "it was changed or damaged: write the folder again")
    return file
