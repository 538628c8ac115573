"""Deterministic USTAR archives, read in place: members in the order given, mtime 0, no owner."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

from stages.storage.errors import InputError

BLOCK = 512

END = bytes(2 * BLOCK)
"""What closes an archive; without it, it counts as truncated."""


@runtime_checkable
class Archive(Protocol):
    """The bytes of an archive, in memory or where a slice reads them."""

    def __len__(self) -> int:
        """Return how many bytes there are."""
        ...

    def __getitem__(self, part: slice, /) -> bytes | memoryview:
        """Return some of the bytes."""
        ...


class Member(NamedTuple):
    """Where a file lies inside an archive."""

    name: str
    offset: int
    size: int


def member_bytes(name: str, data: bytes) -> bytes:
    """A file as it stands in a USTAR archive: header, data, padding to 512 bytes.

    Raises
    ------
    ValueError
        The name is longer than a USTAR header holds.
    """
    prefix, path = _split(name)
    header = b"%b0000644\x000000000\x000000000\x00%011o\x0000000000000\x00%b0%bustar\x0000%b%b" % (
        path.ljust(100, b"\0"),
        len(data),
        b" " * 8,
        bytes(100),
        bytes(345 - 265),
        prefix.ljust(BLOCK - 345, b"\0"),
    )
    checksum = b"%06o\x00 " % sum(header)
    return header[:148] + checksum + header[156:] + data + bytes(-len(data) % BLOCK)


def iterate_members(archive: Archive, path: str) -> Iterator[Member]:
    """The regular files of a USTAR archive, in order; `path` is the archive's name for errors.

    Raises
    ------
    InputError
        The archive is truncated, or is no plain USTAR archive.
    """
    position, end = 0, len(archive)
    while True:
        header = bytes(archive[position : position + BLOCK])
        if len(header) < BLOCK:
            raise _truncated(path, position)
        if not header[0]:
            return
        if header[257:262] != b"ustar" or header[156:157] not in b"05\0":
            raise InputError(
                f"{path}: a plain USTAR member was expected at byte {position}, something else "
                "came; pack it again with `tar --format=ustar`"
            )
        size = int(header[124:135], 8)
        position += BLOCK
        if position + size > end:
            raise _truncated(path, position)
        if header[156:157] != b"5":
            yield Member(_name(header), position, size)
        position += size + -size % BLOCK


def _split(name: str) -> tuple[bytes, bytes]:
    """A name as prefix (at most 155 bytes) and rest (at most 100), parted at a slash if need be."""
    path = name.encode()
    if len(path) <= 100:
        return b"", path
    slash = path.find(b"/", len(path) - 101, 156)
    if slash < 1:
        raise ValueError(
            f"tar member name of at most 100 bytes expected, or 155 and 100 around a slash, got "
            f"{len(path)}: {name}"
        )
    return path[:slash], path[slash + 1 :]


def _name(header: bytes) -> str:
    name = header[:100].rstrip(b"\0")
    prefix = header[345:500].rstrip(b"\0")
    return (prefix + b"/" + name if prefix else name).decode()


def _truncated(path: str, position: int) -> InputError:
    return InputError(
        f"{path}: truncated, the archive ends at byte {position} in the middle of a member or "
        "without its end mark; fetch it again"
    )
