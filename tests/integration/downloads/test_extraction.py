"""Archives of every kind, whole and broken, and what is refused in them."""

import stat
import tarfile
from pathlib import Path

import pytest

from interpreting_clip.downloads.archives import PASSWORD, iterate_archive
from interpreting_clip.errors import InputError
from tests.layouts import encrypted_zip, tar, zipped

FILES = {"set/b.jpg": bytes(range(256)) * 50, "set/a/c.jpg": b"c" * 512, "top.txt": b""}
SECRET = "the published one"  # noqa: S105


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    item = tarfile.TarInfo(name)
    item.type, item.linkname = kind, target
    return item


ARCHIVES = {f"tar-{mode}": tar(FILES, mode) for mode in ("w", "w:gz", "w:bz2", "w:xz")}
ARCHIVES["zip"] = zipped(FILES)


@pytest.fixture
def write(tmp_path):
    def write(data: bytes) -> Path:
        file = tmp_path / "archive"
        file.write_bytes(data)
        return file

    return write


def read(file: Path) -> list[tuple[str, bytes]]:
    return list(iterate_archive(file, str(file), lambda name: True))


def refused(file: Path, expected: str) -> None:
    with pytest.raises(InputError, match=f"{file}.*{expected}"):
        read(file)


@pytest.mark.parametrize("kind", ARCHIVES)
def test_reads_every_kind(write, kind):
    file = write(ARCHIVES[kind])
    assert read(file) == list(FILES.items())


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_in_a_tar_becomes_a_folder(write, mode):
    inner = {f"n0{n}.tar": tar({f"n0{n}_{i}.JPEG": b"%d" % i for i in (2, 1)}) for n in (2, 1)}
    file = write(tar(inner | {"train/n03.tar": tar({"./x.JPEG": b"x"})}, mode))
    names = [name for name, _ in read(file)]
    assert names[:3] == ["n02/n02_2.JPEG", "n02/n02_1.JPEG", "n01/n01_2.JPEG"]
    assert names[-1] == "train/n03/x.JPEG"


def odd(kind: bytes, target: str = "") -> bytes:
    return tar(FILES, "w", special("odd", kind, target))


OUTSIDE, ODD = "outside of its own folder", "'odd' is a link"
NAMES = ("../x", "/etc/x", "a\\..\\x")
STORED = tar({"a": b"1" * 512, "b": b"2" * 512})
REFUSED = [
    *((pack({"good": b"1", x: b"2"}), OUTSIDE) for x in NAMES for pack in (tar, zipped)),
    (tar({"inner.tar": tar({"../x": b"1"})}), OUTSIDE),
    (odd(tarfile.SYMTYPE, "/etc/passwd"), ODD),
    (zipped({"odd": b"x"}, stat.S_IFLNK), ODD),
    (STORED[:1024], "end mark"),
    (b"<html>" * 100, "no tar or zip"),
]


@pytest.mark.parametrize(("data", "expected"), REFUSED)
def test_what_leaves_its_folder_or_is_no_plain_file_or_archive_is_refused(write, data, expected):
    refused(write(data), expected)


@pytest.mark.parametrize("kind", ARCHIVES)
def test_refuses_what_is_cut_short(write, kind):
    data = ARCHIVES[kind]
    refused(write(data[: int(len(data) * 0.7)]), "cut short")


@pytest.mark.parametrize("kind", [kind for kind in ARCHIVES if kind != "tar-w"])
def test_refuses_a_wrong_checksum(write, kind):
    data = bytearray(ARCHIVES[kind])
    data[len(data) // 3] ^= 0x10
    refused(write(bytes(data)), "damaged")


def test_an_encrypted_zip_needs_its_password(write, monkeypatch):
    file = write(encrypted_zip(FILES, SECRET.encode()))
    monkeypatch.setenv(PASSWORD, SECRET)
    assert dict(read(file)) == FILES
    monkeypatch.setenv(PASSWORD, "wrong")
    refused(file, "password.* wrong|wrong password")
    monkeypatch.delenv(PASSWORD)
    refused(file, f"objectnet.dev.*variable {PASSWORD}")
