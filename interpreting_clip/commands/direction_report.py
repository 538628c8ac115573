"""Pages of what directions and outlier features encode, for a user's photographs.

They are the pages that a study has of its encoders.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from interpreting_clip.arrays.conversions import as_head, as_labels, as_matrix
from interpreting_clip.commands.given_files import GivenArray, image_names
from interpreting_clip.commands.report import MADE_BY
from interpreting_clip.config.machine import usable_processors
from interpreting_clip.errors import InputError
from interpreting_clip.formats.result import Result
from interpreting_clip.measures.concepts import Concepts, choose_concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.measures.kurtosis import Kurtosis
from interpreting_clip.measures.outlier_axes import examined_features, outlier_axes

if TYPE_CHECKING:
    from interpreting_clip.browser.direction_entries import Browser
    from interpreting_clip.datasets.broden.thumbnails import Thumbnails

# The pages are imported where they are made: they need jinja2 and Pillow.

NEEDED = {"jinja2": "jinja2", "pillow": "PIL"}
"""The packages that only the pages need, and their modules."""

FOLDER = "directions"
"""The folder of the pages, in that of the report."""

SHOWN = 12
"""How many images are shown of the highest values, and of the lowest; as in the studies."""


@dataclass(frozen=True)
class Photos:
    """A user's photographs: `names` are their paths below `root`, in the order of the rows."""

    root: Path
    names: list[str]


def read_photos(root: Path, given: Mapping[str, Any], images: GivenArray) -> Photos:
    """Find the photographs of some activations, by the names that `extract` noted.

    Parameters
    ----------
    root : their folder
    given : the arguments of measures, by role: concepts of the same images
    images : the activations

    Raises
    ------
    InputError
        A package is missing; the activations' file has no names, or a photograph is missing; or the
        concepts are labelled on other images.
    """
    if missing := [package for package, name in NEEDED.items() if find_spec(name) is None]:
        raise InputError(
            f"--photos: the pages need `pip install {' '.join(missing)}`, which the extra "
            "`pipeline` has, too"
        )
    names = image_names(images)
    if not names:
        raise InputError(
            f"--photos: {images.file} has no names of its images; write it with "
            "`interpreting-clip extract`"
        )
    if not root.is_dir():
        raise InputError(f"{root}: expected the folder of the images of {images.file}, got none")
    if lacking := [name for name in names if not (root / name).is_file()]:
        raise InputError(
            f"{root}: {len(lacking):,} of the {len(names):,} images of {images.file} are missing, "
            f"{lacking[0]} for example; name the folder that `extract` read"
        )
    if not np.array_equal(given["concepts"]["activations"], given["activations"]):
        raise InputError("--photos: expected --concepts of the same images, got those of others")
    return Photos(root, names)


def encoder_browser(given: Mapping[str, Any], results: Mapping[str, Result]) -> "Browser":
    """Collect what an encoder's pages show; without a head they have its outlier features only.

    Parameters
    ----------
    given : the arguments of measures, by role: `activations`, `concepts`, `photos`, maybe `head`
    results : of an encoder, by measure: `kurtosis`, `concepts`, and `directions` if it has a head
    """
    import pandas as pd

    from interpreting_clip.browser.direction_entries import LoneFeature, Probe, make_browser

    photos: Photos = given["photos"]
    named = {name: given["concepts"].get(name) for name in ("names", "categories")}
    activations = as_matrix(given["activations"], "activations")
    labels = as_labels(given["concepts"]["labels"], "labels", len(activations))
    chosen = choose_concepts(activations, labels, **named)
    concepts = pd.DataFrame(chosen.measured, columns=["name", "category"])
    outliers = cast("Kurtosis", results["kurtosis"]).outliers
    directions = cast("PrivilegedDirections | None", results.get("directions"))
    if directions is None:
        examined = examined_features(outliers).tolist()
        shares = outliers.share_of_every_feature[examined].tolist()
        are_outliers = bool(len(outliers.feature))
        axes = [LoneFeature(*one, are_outliers) for one in zip(examined, shares, strict=True)]
    else:
        head = as_head(**given["head"], features=activations.shape[1])
        axes = outlier_axes({}, head=head, directions=directions, outliers=outliers).axes
    probe = Probe(
        found=cast("Concepts", results["concepts"]),
        concepts=concepts.assign(number=chosen.numbers[chosen.enough]),
        labels=chosen.labels,
        thumbnails=photo_thumbnails(photos, ()),
        activations=activations,
        shown=SHOWN,
    )
    browser = make_browser(directions, axes, probe)
    shown = {image for entry in (*browser.directions, *browser.features) for image in entry.images}
    return replace(browser, thumbnails=photo_thumbnails(photos, shown))


def photo_thumbnails(photos: Photos, wanted: Collection[int]) -> "Thumbnails":
    """Make thumbnails of the wanted photographs in memory; the others are empty."""
    from interpreting_clip.datasets.broden.thumbnails import Thumbnails, small_jpeg
    from interpreting_clip.datasets.images import decode_image

    def jpeg(image: int) -> bytes:
        if image not in wanted:
            return b""
        file = photos.root / photos.names[image]
        return small_jpeg(decode_image(file.read_bytes(), str(file)))

    with ThreadPoolExecutor(usable_processors()) as pool:
        jpegs = list(pool.map(jpeg, range(len(photos.names))))
    none = np.empty(0, np.int64)
    return Thumbnails(
        file=photos.root,
        jpegs=np.frombuffer(b"".join(jpegs), np.uint8),
        starts=np.cumsum([0, *map(len, jpegs)]),
        masks=np.empty((0, 0), np.uint8),
        mask_images=none,
        mask_concepts=none,
    )


def require_directions(out: Path) -> None:
    """Refuse a folder of pages in a report's folder that has files of others.

    Raises
    ------
    InputError
        It is not a folder, or has a file that is not ours.
    """
    folder = out / FOLDER
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: expected a folder, got a file; name another folder")
    for file in sorted(folder.rglob("*")):
        sprite = re.fullmatch(r"(directions|features)_\d+\.jpg", file.name)
        page = file.suffix == ".html" and MADE_BY.encode() in file.read_bytes()
        if not (file.is_dir() or sprite or page):
            raise InputError(f"{file}: not written by {MADE_BY}, so kept; name another folder")


@contextmanager
def new_directions(
    out: Path, browsers: Mapping[str, "Browser"]
) -> Iterator[Sequence[tuple[str, str]]]:
    """Write encoders' pages, and replace the old ones if no error follows.

    Yield the encoders' names and the addresses of their pages in the report's folder `out`. A
    single encoder's lie in `directions`, those of several in folders of it.
    """
    if not browsers:
        yield []
        return
    from interpreting_clip.browser.direction_pages import Home, browser_files

    links = []
    # Where the report's folder is or will be, so that renaming is enough.
    there = next(folder for folder in (out, *out.parents) if folder.exists())
    with TemporaryDirectory(prefix=f".{FOLDER}", dir=there) as made:
        for number, (name, browser) in enumerate(browsers.items(), 1):
            part = f"encoder_{number}" if len(browsers) > 1 else ""
            (new := Path(made) / "new" / part).mkdir(parents=True)
            up = "../../index.html" if part else "../index.html"
            for file, content in browser_files(
                name, browser, Home(up, "Measures", "images", MADE_BY)
            ):
                (new / file).write_bytes(content)
            links.append((name, "/".join(filter(None, (FOLDER, part, "index.html")))))
        yield links
        if (out / FOLDER).exists():
            (out / FOLDER).rename(Path(made) / "old")
        (Path(made) / "new").rename(out / FOLDER)
