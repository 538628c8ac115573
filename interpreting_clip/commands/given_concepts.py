"""Concepts with their names: a table of objects by image (csv), or COCO's annotations (json)."""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool

from interpreting_clip.commands.given_files import GivenArray, image_names, read_array
from interpreting_clip.commands.report import Study
from interpreting_clip.errors import InputError, listed, one_line, require_content
from interpreting_clip.formats.array_files import column_names

if TYPE_CHECKING:
    import pandas as pd

# pandas is imported where a table is read: it takes longer than many measures.

TABLE, ANNOTATIONS = ".csv", ".json"

LONG = ["image", "concept", "category"]
"""The columns of a table with a row for each object in an image; the last one may be left out."""

YES, NO = ("1", "1.0", "True", "true"), ("0", "0.0", "False", "false")
"""How programs write 1 and 0 in a column of a concept."""


@dataclass(frozen=True, eq=False)
class NamedConcepts:
    """Which image shows which concept, and the name and category of each.

    `categories` is None where concepts have none. `in_order`: the rows were not matched by name.
    """

    shown: Bool[np.ndarray, "image concept"]
    names: list[str]
    categories: list[str] | None = None
    in_order: bool = False


def read_concepts(options: argparse.Namespace, study: Study) -> dict[str, Any]:
    """Read `--concepts` and `--concept-rows`, and return the arguments that they give `concepts`.

    Parameters
    ----------
    options : of the command
    study : what was read; the concepts and a remark are added

    Raises
    ------
    InputError
        A file is missing or of another form, has an image that is not one of the activations', or
        lacks one of these, or the images have no names.
    """
    inputs, place, more = study.inputs, options.concepts, dict[str, Any]()
    images = inputs.get("activations")
    if Path(place).suffix in (TABLE, ANNOTATIONS):
        if options.concept_names:
            raise InputError(f"--concept-names: {place} has names of its own; leave it out")
        if images is None:
            raise InputError(f"{place}: also expected activations, the first argument")
        found = read_named_concepts(Path(place), images)
        study.remarks.append(remark(Path(place), images, found))
        inputs["concepts"] = GivenArray(Path(place), "", found.shown, {})
        more |= {"names": found.names, "categories": found.categories}
    else:
        labels = inputs["concepts"] = read_array(place, "concepts")
        # Of one encoder: several have the concepts of their own images.
        beside = None if study.several else labels.beside_it("activations")
        images = beside or images
        images = images or labels.required_beside_it("activations")
        more["names"] = column_names(labels.file, labels.name)
    if options.concept_rows:
        inputs["concept_rows"] = read_array(options.concept_rows, "concept_rows")
        more["rows"] = inputs["concept_rows"].values  # noqa: PD011
    return {"activations": images.values, "labels": inputs["concepts"].values, **more}  # noqa: PD011


def read_named_concepts(file: Path, images: GivenArray) -> NamedConcepts:
    """Read a table or annotations."""
    if not file.is_file():
        raise InputError(f"{file}: {'is a folder' if file.is_dir() else 'no such file'}")
    require_content(file, file)
    return (read_table if file.suffix == TABLE else read_annotations)(file, images)


def remark(file: Path, images: GivenArray, found: NamedConcepts) -> str:
    """Return how many images show none of the concepts, and how rows were matched."""
    none, count = int(np.count_nonzero(~found.shown.any(axis=1))), len(found.shown)
    text = f"{file}: {len(found.names):,} concepts; {none:,} of {count:,} images show none of them"
    if found.in_order:
        text += f"; rows are in the order of the images, since {images.file} has no names of them"
    return one_line(text)


def required_names(file: Path, images: GivenArray) -> list[str]:
    """Return the names of the images, by which a file is matched, or refuse it."""
    if names := image_names(images):
        return names
    raise InputError(
        f"{file}: {images.file} has no names of its images to match; write it with "
        "`interpreting-clip extract`, or pass a table with a row for each image, in their order, "
        "and a column of 0 and 1 for each concept"
    )


def find_rows(file: Path, wanted: Sequence[str], images: GivenArray) -> list[int]:
    """Return the row of each image that a table names, by its path or by its file's name.

    Files' names count if the table has no paths.

    Raises
    ------
    InputError
        An image is not one of `images`, or several have its name.
    """
    names = required_names(file, images)
    rows = {name: row for row, name in enumerate(names)}
    different = dict.fromkeys(wanted)
    if not different.keys() <= rows.keys() and not any("/" in name for name in different):
        require_one_of_each(file, different, names)
        rows = {PurePosixPath(name).name: row for row, name in enumerate(names)}
    unknown = [name for name in different if name not in rows]
    if unknown:
        raise InputError(
            f"{file}: {len(unknown):,} of its {len(different):,} images are not in {images.file}, "
            f"{unknown[0]} for example, which has names such as {names[0]}; take them out of the "
            "table, or correct the names"
        )
    return [rows[name] for name in wanted]


def require_one_of_each(
    file: Path, wanted: Sequence[str] | dict[str, Any], names: list[str]
) -> None:
    """Refuse files' names that several images have."""
    counts = Counter(PurePosixPath(name).name for name in names)
    if several := [name for name in wanted if counts[name] > 1]:
        same = [name for name in names if PurePosixPath(name).name == several[0]]
        raise InputError(
            f"{file}: {several[0]} is the name of {len(same)} images, {listed(same, 2)}; write "
            "their paths, as `extract` has them"
        )


def read_table(file: Path, images: GivenArray) -> NamedConcepts:
    """Read a table with a row for each object (`LONG`), or with a column for each concept."""
    import pandas as pd

    try:
        # The names of columns are read as a row, since pandas would rename those that are twice.
        cells = pd.read_csv(
            file,
            header=None,
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            encoding="utf-8-sig",
        )
    except (ValueError, UnicodeDecodeError) as error:  # pandas' errors are ValueErrors
        reason = str(error).strip().replace("\n", " ")
        raise InputError(f"{file}: expected a table of comma-separated values: {reason}") from None
    columns, table = cells.iloc[0].tolist(), cells.iloc[1:]
    if not all(isinstance(name, str) and name for name in columns):
        raise InputError(f"{file}: a column has no name; remove it (in pandas, save without index)")
    if twice := [name for name, count in Counter(columns).items() if count > 1]:
        raise InputError(f"{file}: expected each column once, got several called {twice[0]}")
    table.columns = columns
    if not len(table):
        raise InputError(f"{file}: expected rows below the names of the columns, got none")
    incomplete = (table.isna() | (table == "")).drop(columns="category", errors="ignore")
    if incomplete.any(axis=None):
        row, column = np.argwhere(incomplete.to_numpy())[0]
        empty = incomplete.columns[column]
        raise InputError(f"{file}: row {row + 2}: expected a value of {empty}, got none")
    return (objects_of if "concept" in columns else columns_of)(file, table, images)


def objects_of(file: Path, table: "pd.DataFrame", images: GivenArray) -> NamedConcepts:
    """Return the concepts of a table of objects, in the order in which they first appear.

    Concepts of one name and different categories are different concepts.
    """
    columns = [*table.columns]
    if not {*LONG[:2]} <= {*columns} <= {*LONG}:
        raise InputError(
            f"{file}: expected the columns image, concept and, optionally, category, got "
            f"{listed(columns)}; name them so, and remove others"
        )
    kinds = table[[name for name in LONG[1:] if name in columns]].fillna("")
    concept = kinds.groupby([*kinds.columns], sort=False).ngroup().to_numpy()
    named = kinds.drop_duplicates()
    shown = np.zeros((len(images.values), len(named)), np.bool_)
    shown[find_rows(file, table["image"].tolist(), images), concept] = True
    categories = named["category"].tolist() if "category" in columns else None
    return NamedConcepts(shown, named["concept"].tolist(), categories)


def columns_of(file: Path, table: "pd.DataFrame", images: GivenArray) -> NamedConcepts:
    """Return the concepts of a table with a row for each image and a column for each concept.

    Its rows are matched by the column `image`. If the images have no names, they have to be in
    their order.
    """
    count, names = len(images.values), image_names(images)
    cells = table.drop(columns="image", errors="ignore")
    if names and "image" not in table:
        raise InputError(
            f"{file}: expected a column `image` with names such as {names[0]}, got the columns "
            f"{listed([*table.columns])}; commas separate columns"
        )
    if not len(cells.columns):
        raise InputError(f"{file}: expected a column for each concept, got only `image`")
    shown = cells.isin(YES).to_numpy()
    other = ~shown & ~cells.isin(NO).to_numpy()
    if other.any():
        row, column = np.argwhere(other)[0]
        raise InputError(
            f"{file}: row {row + 2}, {cells.columns[column]}: expected 0 or 1, got "
            f"{cells.iloc[row, column]}; a table with a row for each object has the columns image "
            "and concept"
        )
    if not names:
        if len(cells) != count:
            raise InputError(
                f"{file}: expected {count:,} rows in the order of the images, since {images.file} "
                f"has no names of them, got {len(cells):,}"
            )
        return NamedConcepts(shown, [*cells.columns], in_order=True)
    rows = find_rows(file, table["image"].tolist(), images)
    if twice := [row for row, times in Counter(rows).items() if times > 1]:
        raise InputError(f"{file}: expected a row for each image, got several of {names[twice[0]]}")
    if lacking := sorted({*range(count)} - {*rows}):
        raise InputError(
            f"{file}: {len(lacking):,} of the {count:,} images of {images.file} have no row, "
            f"{names[lacking[0]]} for example; add them, with 0 where an image shows no concept"
        )
    return NamedConcepts(shown[np.argsort(rows)], [*cells.columns])


def read_annotations(file: Path, images: GivenArray) -> NamedConcepts:
    """Read COCO's `instances_*.json`: an image shows an object if it has a box of it with an area.

    Images are matched by `file_name`. Further images of the annotations do not count.
    """
    from interpreting_clip.datasets.broden.coco import read_instances

    instances = read_instances(file.read_bytes(), str(file))
    names = required_names(file, images)
    paths = [image.file_name for image in instances.images]
    known, kept = {*paths}, names
    if known.isdisjoint(names):
        kept, paths = ([PurePosixPath(name).name for name in one] for one in (names, paths))
        require_one_of_each(file, kept, names)
        require_one_of_each(file, kept, [image.file_name for image in instances.images])
        known = {*paths}
    if unlisted := [name for name, one in zip(names, kept, strict=True) if one not in known]:
        raise InputError(
            f"{file}: {len(unlisted):,} of the {len(names):,} images of {images.file} are not in "
            f"it, {unlisted[0]} for example; it has names such as {paths[0] if paths else 'none'}"
        )
    row_of = {name: row for row, name in enumerate(kept)}
    ids = [image.id for image in instances.images]
    rows = {number: row_of[name] for number, name in zip(ids, paths, strict=True) if name in row_of}
    columns = {category.id: column for column, category in enumerate(instances.categories)}
    shown = np.zeros((len(names), len(columns)), np.bool_)
    for one in instances.annotations:
        if one.image_id in rows and one.bbox[2] and one.bbox[3]:
            shown[rows[one.image_id], columns[one.category_id]] = True
    return NamedConcepts(shown, [category.name for category in instances.categories])
