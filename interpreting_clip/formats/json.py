"""JSON results: sorted keys, rounded floats, never NaN, written whole or not at all."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from interpreting_clip.errors import DAMAGED_JSON, InputError, error_context

Struct = TypeVar("Struct", bound=msgspec.Struct)

DIGITS = 6
"""Decimal places that floats keep: finer than measures resolve, coarser than rounding errors."""


def write_json(file: Path, value: Any, digits: int = DIGITS) -> None:
    """Write `value` as JSON with sorted keys and floats rounded to `digits` decimal places."""
    with error_context(file):
        plain = rounded(value, digits, "")
    text = json.dumps(plain, sort_keys=True, indent=1, allow_nan=False)
    write_whole(file, f"{text}\n".encode())


def write_whole(file: Path, content: bytes) -> None:
    """Write a file whole or not at all: under another name first, then renamed."""
    with whole_file(file) as stream:
        stream.write(content)


@contextmanager
def whole_file(file: Path) -> Iterator[IO[bytes]]:
    """Give a stream to a file with another name, and rename it at the end."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.partial")
    try:
        with partial.open("wb") as stream:
            yield stream
        partial.replace(file)
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(partial)):
            raise  # the error is about another file, which was read to write this one
        raise OSError(error.errno, error.strerror, str(file)) from error
    finally:
        partial.unlink(missing_ok=True)


def read_json(file: Path) -> Any:
    """Read a JSON file."""
    try:
        return json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; `dvc repro` or `dvc pull` makes it") from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{file}: not legal JSON ({error}); delete it and run `dvc repro`"
        ) from None


def read_struct(file: Path, kind: type[Struct]) -> Struct:
    """Read a JSON file as a msgspec struct."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; `dvc repro` or `dvc pull` makes it") from None
    except DAMAGED_JSON as error:
        raise InputError(
            f"{file}: expected a {kind.__name__}, got something else ({error}); delete it and run "
            "`dvc repro`"
        ) from None


def rounded(value: Any, digits: int, key: str) -> Any:
    """Return `value` with floats rounded, and numpy scalars and arrays turned into plain Python."""
    if isinstance(value, Mapping):
        return {str(k): rounded(v, digits, f"{key}.{k}") for k, v in value.items()}
    if hasattr(value, "tolist"):
        return rounded(value.tolist(), digits, key)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InputError(
                f"'{key.lstrip('.')}': a result must be finite, got {value}; look for NaN and "
                "infinity in what it is computed from"
            )
        return round(value, digits) + 0.0
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [rounded(v, digits, f"{key}[{i}]") for i, v in enumerate(value)]
    return value
