"""Images in parquet files, as the Hugging Face hub's library `datasets` writes them.

We looked up the layout in that library (`features/image.py`, `arrow_writer.py`, `config.py`) and in
code that reads `ILSVRC/imagenet-1k`: a column `image`, a struct of `bytes` (the image's file) and
`path` (its name, or null); a column `label`; and in the schema's metadata, under `huggingface`,
JSON with the names of the labels. Row groups have 100 images or about 100 MB.

ImageNet has `data/train-*.parquet` (294 files), `data/validation-*.parquet` (14) and
`data/test-*.parquet` (28), whose labels are all −1. A name has the WordNet id at its end:
`ILSVRC2012_val_00000293_n01440764.JPEG`.

Of `timm/objectnet`, which is gated, only the format is public: parquet with images and texts,
lossless WebP in the original size. We assume the same columns, labels that are named like
ObjectNet's folders or classes, and images with their red border.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from interpreting_clip.datasets.entries import Captions
from interpreting_clip.datasets.imagenet import PublishedSet
from interpreting_clip.datasets.label_names import label_classes, named_classes
from interpreting_clip.datasets.layout import (
    IsWanted,
    OpenedSource,
    SourceImage,
    check_wnids,
    refuse_others,
)
from interpreting_clip.errors import DAMAGED_JSON, InputError, require_content
from interpreting_clip.formats.files import natural_order

SUFFIX = ".parquet"

IMAGE, LABEL = "image", "label"
"""The columns that are read; others are ignored."""

Label = int | float | str | None


def parquet_files(place: Path) -> dict[str, Path]:
    """Return the parquet files in a folder, or those that match `folder/pattern.parquet`, by name.

    Only files in the folder itself count. Their order is that of their names, with 2 before 10.
    """
    folder, pattern = (
        (place.parent, place.name) if place.suffix == SUFFIX else (place, f"*{SUFFIX}")
    )
    files = sorted(folder.glob(pattern), key=lambda file: natural_order(file.name))
    return {file.name: file for file in files}


def fits(place: OpenedSource) -> bool:
    """Parquet files are called so; captioned sets are not read from them."""
    return bool(_files(place)) and not isinstance(place.entry, Captions)


def _files(place: OpenedSource) -> dict[str, Path]:
    if place.folder is not None:
        return parquet_files(place.folder)
    return {path: file for path, file in place.files.items() if path.endswith(SUFFIX)}


def images(place: OpenedSource, wanted: IsWanted) -> Iterator[SourceImage]:
    """Yield the images by file, row and name; row groups without a wanted image are not decoded.

    Images of classes that the set does not have are left out where the published set has others
    (ObjectNet).
    """
    known = place.known
    read = _files(place)
    if place.folder is not None and place.folder.is_dir():  # a pattern names what is read
        # Unlike `walk`, this passes over what may not be listed, such as a disk's `lost+found`.
        below = place.folder.rglob("*.*")
        refuse_others(read, (file.relative_to(place.folder).as_posix() for file in below))
    names: list[str] | None = None
    meaning: dict[Label, int | None] = {}
    for number, (file, local) in enumerate(read.items()):
        where = f"{place.where}: {file}"
        with _opened(local, where) as table:
            file_names = _label_names(table, file)
            if number and file_names != names:
                raise ValueError(f"{file}: its labels have other names than in the other files")
            if not number:
                names, meaning = file_names, _meaning(table, file_names, known)
            first = 0
            for group in range(table.num_row_groups):
                classes: dict[str, int | None] = {}
                for name, label in _rows(table, group, where):
                    path = _path(file, first + len(classes), name)
                    if isinstance(label, str) and label not in meaning:
                        meaning[label] = named_classes([label], known)[0]
                    classes[path] = _class(label, meaning, path)
                    check_wnids(name, classes[path], path, known)
                yield from _images(table, group, classes, wanted, where)
                first += len(classes)


def _meaning(
    table: Any, names: list[str] | None, published: PublishedSet
) -> dict[Label, int | None]:
    """Return the class that each number means; none where the labels are names themselves."""
    from pyarrow import types

    if not types.is_integer(table.schema_arrow.field(LABEL).type):
        return {}
    if names is not None:
        return dict(enumerate(label_classes(names, published)))
    if published.numbered:
        return dict(enumerate(published.labels))
    raise ValueError(
        "the schema's metadata have no names of the labels, so their numbers mean nothing; take "
        "another copy, or class folders"
    )


def _class(label: Label, meaning: Mapping[Label, int | None], path: str) -> int | None:
    if label in meaning:
        return meaning[label]
    advice = (
        "the images of the test split have no labels; take those of `validation`"
        if label == -1
        else "check `kind` and `files` or `folder` in params.yaml"
    )
    raise ValueError(
        f"{path}: expected a label from 0 to {len(meaning) - 1}, got "
        f"{'none' if label is None else label}; {advice}"
    )


def _rows(table: Any, group: int, where: str) -> list[tuple[str, Label]]:
    """Return each image's name as it is in the file, and its label, of a row group."""
    rows: list[tuple[str, Label]] = []
    for batch in _batches(table, group, 64, LABEL, f"{IMAGE}.path"):
        rows += zip(_names(batch), batch.column(LABEL).to_pylist(), strict=True)
    _require_rows(len(rows), table, group, where)
    return rows


def _images(
    table: Any, group: int, classes: Mapping[str, int | None], wanted: IsWanted, where: str
) -> Iterator[SourceImage]:
    """Yield the images of a row group that have a class; one at a time is in memory."""
    chosen = {path for path in classes if wanted(path)}
    batches = _batches(table, group, 1, f"{IMAGE}.bytes") if chosen else iter(())
    rows = 0
    for path, class_ in classes.items():
        data = b""
        if chosen:
            if (batch := next(batches, None)) is None:
                break
            rows += 1
            if path in chosen:
                data = (batch.column(0)[0].as_py() or {}).get("bytes")
        if data is None:
            raise InputError(
                f"{where}: {path}: an image has a path and no bytes; get a copy that holds the "
                "images"
            )
        if class_ is not None:
            yield SourceImage(path, class_, lambda data=data: data)
    if chosen:
        _require_rows(rows, table, group, where)


def _batches(table: Any, group: int, rows: int, *columns: str) -> Iterator[Any]:
    settings = {"columns": list(columns), "use_threads": False}
    yield from table.iter_batches(rows, row_groups=[group], **settings)


def _require_rows(found: int, table: Any, group: int, where: str) -> None:
    """Refuse a file that gives another number of rows than it announces.

    pyarrow ends without an error where a damaged page announces more bytes than there are.
    """
    expected = table.metadata.row_group(group).num_rows
    if found != expected:
        raise InputError(
            f"{where}: expected {expected:,} rows, got {found:,}: it is damaged or cut short; get "
            "a whole copy"
        )


def _names(batch: Any) -> list[str]:
    """Return the names of the images of a batch, empty where there is none."""
    if IMAGE not in batch.schema.names:  # a file without `path`
        return [""] * batch.num_rows
    # null for an image without a name, and for a row without an image
    return [name or "" for name in batch.column(IMAGE).field("path").to_pylist()]


def _path(file: str, row: int, name: str) -> str:
    """Return an image's path: its file, row and name, without a WordNet id that was added.

    So the name is that of the official class folders, and a `limit` takes the same images.
    """
    official = re.sub(r"(?<=.)_n\d{8}(?=\.\w+\Z)", "", PurePosixPath(name).name)
    return f"{file}/{row}/{official}" if official else f"{file}/{row}"


def _label_names(table: Any, file: str) -> list[str] | None:
    """Return the names of the labels in the schema's metadata, if there are any."""
    text = (table.schema_arrow.metadata or {}).get(b"huggingface")
    if text is None:
        return None
    try:
        label = msgspec.json.decode(text)["info"]["features"].get(LABEL, {})
        return msgspec.convert(label.get("names"), list[str] | None)
    except (*DAMAGED_JSON, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{file}: the schema's metadata `huggingface` do not describe the columns ({error}); "
            "get it again"
        ) from error


@contextmanager
def _opened(file: Path, where: str) -> Iterator[Any]:
    """Open a parquet file and check its columns; explain it if it cannot be read."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    if not file.is_file():
        raise InputError(f"{where}: expected a file, got a pipe, a folder or a broken link")
    require_content(file, where)
    # Through a buffer, since many programs write a whole file as one row group.
    options = {"buffer_size": 1 << 20, "page_checksum_verification": True}
    try:
        with ParquetFile(file, pre_buffer=False, **options) as table:
            _check_columns(table.schema_arrow, where)
            yield table
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(
            f"{where}: no parquet file, damaged or cut short ({str(error).partition(chr(10))[0]}); "
            "get a whole copy"
        ) from error


def _check_columns(schema: Any, where: str) -> None:
    """Refuse a table without the columns of labelled images."""
    import pyarrow as pa
    from pyarrow import types

    columns = {field.name: field.type for field in schema}
    image, label = columns.get(IMAGE, pa.null()), columns.get(LABEL, pa.null())
    parts = {field.name: field.type for field in image} if types.is_struct(image) else {}
    texts = (types.is_string, types.is_large_string)
    legal = (
        (label, (*texts, types.is_integer)),
        (parts.get("bytes", pa.null()), (types.is_binary, types.is_large_binary)),
        (parts.get("path", pa.null()), (*texts, types.is_null)),
    )
    if not all(any(fits(type_) for fits in kinds) for type_, kinds in legal):
        listed = ", ".join(f"{name}: {type_}" for name, type_ in columns.items())
        raise InputError(
            f"{where}: expected a column `{IMAGE}` of bytes and path and a column `{LABEL}` of "
            f"numbers or names, got {listed}; check `files` or `folder` in params.yaml"
        )
