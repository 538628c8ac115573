"""Archives, whole and broken, kind and hostile."""

import gc
import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from interpreting_clip.downloads.archives import PASSWORD, iterate_archive
from interpreting_clip.errors import InputError
from tests.integration.downloads.encrypted_zip import encrypted_zip
from tests.reads import said_within

FILES = {"set/b.jpg": bytes(range(256)) * 50, "set/a/c.jpg": b"c" * 512, "top.txt": b""}
SECRET = "the published one"  # noqa: S105


def tar_bytes(files: dict[str, bytes], mode: str = "w", *others: tarfile.TarInfo) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:  # pyright: ignore
        for name, data in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(data)
            tar.addfile(item, io.BytesIO(data))
        for other in others:
            tar.addfile(other)
    return stream.getvalue()


def zip_bytes(files: dict[str, bytes], kind: int = 0o100000) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            item = zipfile.ZipInfo(name)
            item.external_attr = (kind | 0o644) << 16
            archive.writestr(item, data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    item = tarfile.TarInfo(name)
    item.type, item.linkname = kind, target
    return item


ARCHIVES = {f"tar-{mode}": tar_bytes(FILES, mode) for mode in ("w", "w:gz", "w:bz2", "w:xz")}
ARCHIVES["zip"] = zip_bytes(FILES)


@pytest.fixture
def write(tmp_path):
    def write(data: bytes) -> Path:
        file = tmp_path / "archive"
        file.write_bytes(data)
        return file

    return write


def read(file: Path, wanted: Callable[[str], bool] = lambda name: True) -> list[tuple[str, bytes]]:
    return list(iterate_archive(file, str(file), wanted))


def refused(file: Path, expected: str) -> None:
    """Hold that an archive is refused, and that nothing is left."""
    with pytest.raises(InputError, match=f"{file}.*{expected}"):
        read(file)
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("kind", ARCHIVES)
def test_reads_every_kind(write, kind):
    file = write(ARCHIVES[kind])
    assert read(file) == list(FILES.items())


@pytest.mark.parametrize("kind", ARCHIVES)
def test_passes_over_what_is_not_wanted(write, kind):
    file, asked = write(ARCHIVES[kind]), []
    assert read(file, lambda name: bool(asked.append(name))) == []
    assert asked == list(FILES)
    assert read(file, lambda name: name.endswith("c.jpg")) == [
        ("set/a/c.jpg", FILES["set/a/c.jpg"])
    ]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_in_a_tar_becomes_a_folder(write, mode):
    inner = {
        f"n0{n}.tar": tar_bytes({f"n0{n}_{i}.JPEG": b"%d" % i for i in (2, 1)}) for n in (2, 1)
    }
    file = write(tar_bytes(inner | {"train/n03.tar": tar_bytes({"./x.JPEG": b"x"})}, mode))
    names = [name for name, _ in read(file)]
    assert names[:3] == ["n02/n02_2.JPEG", "n02/n02_1.JPEG", "n01/n01_2.JPEG"]
    assert names[-1] == "train/n03/x.JPEG"


def odd(kind: bytes, target: str = "") -> bytes:
    return tar_bytes(FILES, "w", special("odd", kind, target))


OUTSIDE, ODD = "outside of its own folder", "'odd' is a link, a device or a pipe; .*source: folder"
SAME = ("a/./b", "a//b", "./a/b")
NAMES = ("../x", "a/../../x", "/etc/x", "a\\..\\x")
TWICE, SPARSE = "holds 'a/b' twice", "sparse.*--sparse"
LINKS, DEVICES = (tarfile.SYMTYPE, tarfile.LNKTYPE), (tarfile.CHRTYPE, tarfile.FIFOTYPE)


def pack_twice() -> bytes:
    """Return a zip with one name twice."""
    return zip_bytes({"a/b": b"1", "a/c": b"2"}).replace(b"a/c", b"a/b")


EXABYTE = 1 << 60


def header(kind: bytes, size: int, **fields: bytes) -> bytes:
    """Return the header of `odd`, with bytes of another `size` or real size than it can have."""
    data = bytearray(special("odd", kind).tobuf(tarfile.GNU_FORMAT))
    data[124:136] = (
        b"\x80\0\0\0" + size.to_bytes(8) if size >= 0 else size.to_bytes(12, signed=True)
    )
    if kind == tarfile.GNUTYPE_SPARSE:
        data[483:495] = b"\x80\0\0\0" + EXABYTE.to_bytes(8)
    data[148:156] = b"%06o\0 " % (sum(data[:148] + data[156:]) + 8 * ord(" "))
    return bytes(data) + bytes(1024)


def described(**fields: str) -> bytes:
    """Return a tar of PAX whose file `odd` has further fields."""
    item = tarfile.TarInfo("odd")
    item.pax_headers = {name.replace("_", "."): value for name, value in fields.items()}
    return item.tobuf(tarfile.PAX_FORMAT) + b"1\n0\n512\n".ljust(2048, b"\0")


def nested(tars: int) -> bytes:
    return tar_bytes({"t.tar": nested(tars - 1)} if tars else {"a.jpg": b"a"})


HOLES = (
    described(GNU_sparse_map="0,512", GNU_sparse_size=str(EXABYTE)),
    described(GNU_sparse_offset="0", GNU_sparse_numbytes="512", GNU_sparse_size=str(EXABYTE)),
    described(GNU_sparse_major="1", GNU_sparse_minor="0", GNU_sparse_realsize=str(EXABYTE)),
    header(tarfile.GNUTYPE_SPARSE, 512),
)
LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE)
STORED = tar_bytes({"a": b"1" * 512, "b": b"2" * 512})
METHODS = b"\x08\0\0\0\x21\0", b"\x63\0\0\0\x21\0"
REFUSED = [
    *((pack({"good": b"1", x: b"2"}), OUTSIDE) for x in NAMES for pack in (tar_bytes, zip_bytes)),
    (tar_bytes({"inner.tar": tar_bytes({"../x": b"1"})}), OUTSIDE),
    *((pack({"a/b": b"1", x: b"2"}), TWICE) for x in SAME for pack in (tar_bytes, zip_bytes)),
    (pack_twice(), TWICE),
    *((pack({"a/" * 20 + "x": b"1"}), "21 parts, at most 16") for pack in (tar_bytes, zip_bytes)),
    *((data, SPARSE) for data in HOLES),
    *((header(kind, 2 << 30), "announces 2,147,483,648 bytes") for kind in LONG),
    *((header(kind, -1024), "announces -1,024 bytes") for kind in (tarfile.REGTYPE, *LONG)),
    (described(size="-1024"), "end mark is missing"),
    (header(tarfile.REGTYPE, EXABYTE), "unpacks to more than 10 times its size"),
    (nested(3), r"t\.tar/t/t\.tar: 't/t/t\.tar' is a tar in 3 archives, 2 at most"),
    (zip_bytes({"set.tar": nested(2)}), "is a tar in 3 archives"),
    *((odd(kind, target), ODD) for kind in LINKS for target in ("/etc/passwd", "set/b.jpg")),
    *((odd(kind), ODD) for kind in DEVICES),
    *((zip_bytes({"odd": b"x"}, kind), ODD) for kind in (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO)),
    (STORED[:1024], "its end mark is missing"),
    *((data, "no tar or zip.*get a whole copy") for data in (b"", b"<html>" * 100, bytes(100))),
    (zip_bytes({"a": b"1" * 99}).replace(*METHODS), "source: folder"),
    (zip_bytes({"a": b"1" * 99})[:33] + zip_bytes({"a": b"1" * 99})[34:], "damaged"),
]


@pytest.mark.parametrize(("data", "expected"), REFUSED)
def test_refuses_what_is_hostile_or_no_archive(write, data, expected):
    refused(write(data), expected)


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("share", [0.03, 0.5, 0.7])
def test_refuses_what_is_cut_short(write, kind, share):
    data = ARCHIVES[kind]
    refused(write(data[: int(len(data) * share)]), "damaged, cut short.*get a whole copy")


@pytest.mark.parametrize("kind", [kind for kind in ARCHIVES if kind != "tar-w"])
def test_refuses_a_wrong_checksum(write, kind):
    data = bytearray(ARCHIVES[kind])
    data[len(data) // 3] ^= 0x10
    refused(write(bytes(data)), "damaged, cut short")


def test_refuses_what_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no such archive"):
        read(tmp_path / "none")


def test_an_encrypted_zip_needs_its_password(write, monkeypatch):
    file = write(encrypted_zip(FILES, SECRET.encode()))
    monkeypatch.setenv(PASSWORD, SECRET)
    assert dict(read(file)) == FILES
    for password in ("wrong", "Wrong", "other"):
        monkeypatch.setenv(PASSWORD, password)
        refused(file, f"password.*{PASSWORD} is wrong|opened with a wrong password")
    monkeypatch.delenv(PASSWORD)
    refused(file, f"objectnet.dev.*variable {PASSWORD}")


@pytest.mark.parametrize("kind", ARCHIVES)
def test_refuses_a_file_that_fills_the_memory(write, kind, monkeypatch):
    monkeypatch.setattr("interpreting_clip.downloads.archives.RATIO", 1000)
    largest = len(FILES["set/b.jpg"])
    monkeypatch.setattr("interpreting_clip.downloads.archives.LARGEST", largest)
    file = write(ARCHIVES[kind])
    assert len(read(file)) == len(FILES)
    monkeypatch.setattr("interpreting_clip.downloads.archives.LARGEST", largest - 1)
    refused(file, f"'set/b.jpg' has more than {largest - 1:,} bytes, .*nothing was taken")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_tar_in_a_tar_in_a_zip_is_read(write, mode):
    assert read(write(nested(2))) == [("t/t/a.jpg", b"a")]
    assert read(write(zip_bytes({"set.tar": nested(1)}))) == [("set/t/a.jpg", b"a")]


def test_forgets_the_members_that_it_has_passed(write, monkeypatch):
    file, kept = write(tar_bytes({str(number): b"" for number in range(9)})), []
    for _ in iterate_archive(file, "x", lambda name: True):
        gc.collect()
        kept.append(sum(issubclass(type(thing), tarfile.TarInfo) for thing in gc.get_objects()))
    assert max(kept) <= kept[0] + 1


def zeros(gigabytes: int) -> bytes:
    """Return the raw deflation of some gigabytes of zeros: a megabyte's, which is repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * (gigabytes << 10) + packer.flush()


def zip_bomb(kind: int, size: int = 3 << 30) -> bytes:
    """Return a zip whose one file inflates to three gigabytes, and is said to have `size`."""
    packed, data = zeros(3), zip_bytes({"index.csv": b""}, kind)
    name, end = data.index(b"index.csv") + 9, data.index(b"PK\1\2")
    data = data[:name] + packed + data[end:]
    for start, mark in ((14, b"PK\3\4"), (16, b"PK\1\2")):
        at = data.index(mark) + start
        data = data[:at] + struct.pack("<III", 0, len(packed), size) + data[at + 12 :]
    last = data.rindex(b"PK\5\6")
    return data[: last + 16] + struct.pack("<I", data.rindex(b"PK\1\2")) + data[last + 20 :]


def gzip_bomb(start: bytes) -> bytes:
    return gzip.compress(start)[:10] + deflated(start) + zeros(3) + bytes(8)


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)


BOMBS = {
    "zip": zip_bomb(stat.S_IFREG),
    "zip of a link": zip_bomb(stat.S_IFLNK),
    "zip that lies": zip_bomb(stat.S_IFREG, 1 << 20),
    "member": gzip_bomb(header(tarfile.REGTYPE, 3 << 30)[:512]),
    "name": gzip_bomb(header(tarfile.GNUTYPE_LONGNAME, 3 << 30)[:512]),
    "description": gzip_bomb(header(tarfile.XHDTYPE, 3 << 30)[:512]),
    "hole": HOLES[0],
    "after the end": gzip_bomb(bytes(1024)),
}


@pytest.mark.parametrize(
    ("bomb", "wanted"), [*((bomb, True) for bomb in BOMBS), ("zip", False), ("member", False)]
)
def test_a_bomb_takes_little_memory(write, bomb, wanted):
    file = write(BOMBS[bomb])
    assert file.stat().st_size < 1 << 22
    said = said_within(
        256,
        "from interpreting_clip.downloads.archives import iterate_archive",
        f"list(iterate_archive(Path({str(file)!r}), 'bomb.tar', lambda name: {wanted}))",
    )
    assert "bomb.tar" in said
