"""The classes of ImageNet's validation images where they lie in one flat folder.

The official images are named ILSVRC2012_val_00000001.JPEG to …50000.JPEG. The official ground truth
gives each an ILSVRC id, 1 to 1000, whose order is not that of the WordNet ids: the development
kit's `meta.mat` says which is which. Kaggle's `LOC_val_solution.csv` and the list
`imagenet_2012_validation_synset_labels.txt` of TensorFlow's models name the WordNet ids themselves.
"""

import csv
import io
import re
import zlib
from collections.abc import Mapping

from stages.storage.errors import InputError

SOLUTION = "LOC_val_solution.csv"
SYNSETS = "imagenet_2012_validation_synset_labels.txt"
ILSVRC_IDS = "ILSVRC2012_validation_ground_truth.txt"
META = "meta.mat"
TRUTH_FILES = (SOLUTION, SYNSETS, ILSVRC_IDS, META)
"""The files that may say which class a validation image has."""

_DAMAGES = (OSError, ValueError, KeyError, IndexError, TypeError)
_IMAGE = re.compile(r"^ILSVRC2012_val_(\d{8})\.jpe?g\Z", re.IGNORECASE)


def validation_number(name: str) -> int | None:
    """Return the number of a validation image, from 1, or None where the name is no such image."""
    match = _IMAGE.match(name)
    return int(match[1]) if match else None


def validation_wnids(found: Mapping[str, bytes], where: str) -> dict[int, str]:
    """Return the WordNet id of each validation image, by its number.

    Parameters
    ----------
    found : those of `TRUTH_FILES` that lie beside the images
    where : the images' folder or archive, for errors

    Raises
    ------
    InputError
        None of the files is there, the ILSVRC ids come without their `meta.mat`, or a file is not
        what its name says.
    """
    if SOLUTION in found:
        return _solution(found[SOLUTION], f"{where}: {SOLUTION}")
    if SYNSETS in found:
        return dict(enumerate(found[SYNSETS].decode().split(), 1))
    if ILSVRC_IDS in found and META in found:
        wnids = _meta(found[META], f"{where}: {META}")
        ids = found[ILSVRC_IDS].decode().split()
        return {number: _wnid(wnids, id_, where) for number, id_ in enumerate(ids, 1)}
    lacks = f"{ILSVRC_IDS} without its {META}" if ILSVRC_IDS in found else "none"
    raise InputError(
        f"{where}: validation images in one folder need a file that says their classes: {SOLUTION}"
        f" (Kaggle), {SYNSETS}, or {ILSVRC_IDS} with {META} (the development kit), in that folder "
        f"or below; there is {lacks}"
    )


def _solution(data: bytes, where: str) -> dict[int, str]:
    rows = csv.DictReader(io.StringIO(data.decode(), newline=""))
    wnids = {}
    for row in rows:
        number = validation_number(f"{row.get('ImageId')}.JPEG")
        words = (row.get("PredictionString") or "").split()
        if number is None or not words:
            raise InputError(
                f"{where}: expected the columns ImageId (ILSVRC2012_val_…) and PredictionString "
                f"(a WordNet id first), got {row}; take it from Kaggle again"
            )
        wnids[number] = words[0]
    return wnids


def _meta(data: bytes, where: str) -> dict[str, str]:
    """ILSVRC id -> WordNet id of the 1,000 synsets that have no children."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        synsets = loadmat(io.BytesIO(data), squeeze_me=True)["synsets"]
        rows = zip(synsets["ILSVRC2012_ID"], synsets["WNID"], synsets["num_children"], strict=True)
        return {str(int(id_)): str(wnid) for id_, wnid, children in rows if int(children) == 0}
    except (MatReadError, NotImplementedError, zlib.error, *_DAMAGES) as error:
        raise InputError(
            f"{where}: the table `synsets` of the development kit was expected ({error}); take the "
            "file from ILSVRC2012_devkit_t12.tar.gz again"
        ) from error


def _wnid(wnids: Mapping[str, str], id_: str, where: str) -> str:
    if id_ not in wnids:
        raise InputError(
            f"{where}: {ILSVRC_IDS} holds {id_!r}, which is none of the ids of {META}; take both "
            "from the same development kit"
        )
    return wnids[id_]
