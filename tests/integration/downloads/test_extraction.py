"""Archives, whole and broken, kind and hostile."""

import io
import stat
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.downloads.archives import PASSWORD, iterate_archive
from stages.runtime.errors import InputError
from tests.integration.downloads.encrypted_zip import encrypted_zip

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


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "a\\..\\x"])
@pytest.mark.parametrize("pack", [tar_bytes, zip_bytes])
def test_refuses_a_name_that_leaves_the_folder(write, pack, name):
    refused(write(pack({"good": b"1", name: b"2"})), "outside of its own folder")


def test_refuses_an_escape_in_an_inner_tar(write):
    refused(write(tar_bytes({"inner.tar": tar_bytes({"../x": b"1"})})), "outside of its own folder")


@pytest.mark.parametrize("target", ["/etc/passwd", "set/b.jpg"])
@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE],
)
def test_refuses_links_and_devices_in_a_tar(write, target, kind):
    data = tar_bytes(FILES, "w", special("odd", kind, target))
    refused(write(data), "'odd' is a link, a device or a pipe; .*source: folder")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_refuses_links_and_devices_in_a_zip(write, kind):
    refused(write(zip_bytes({"odd": b"set/b.jpg"}, kind)), "'odd' is a link, a device or a pipe")


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("share", [0.03, 0.5, 0.7])
def test_refuses_what_is_cut_short(write, kind, share):
    data = ARCHIVES[kind]
    refused(write(data[: int(len(data) * share)]), "damaged, cut short.*get a whole copy")


def test_refuses_a_tar_cut_between_two_files(write):
    data = tar_bytes({"a": b"1" * 512, "b": b"2" * 512})
    refused(write(data[:1024]), "its end mark is missing")


@pytest.mark.parametrize("kind", [kind for kind in ARCHIVES if kind != "tar-w"])
def test_refuses_a_wrong_checksum(write, kind):
    data = bytearray(ARCHIVES[kind])
    data[len(data) // 3] ^= 0x10
    refused(write(bytes(data)), "damaged, cut short")


@pytest.mark.parametrize("data", [b"", b"<html>log in</html>" * 100, bytes(5000)[:100]])
def test_refuses_what_is_no_archive(write, data):
    refused(write(data), "no tar or zip.*get a whole copy")


def test_refuses_what_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no such archive"):
        read(tmp_path / "none")


def test_opens_an_encrypted_zip(write, monkeypatch):
    file = write(encrypted_zip(FILES, SECRET.encode()))
    monkeypatch.setenv(PASSWORD, SECRET)
    assert dict(read(file)) == FILES


def test_says_where_the_password_is(write, monkeypatch):
    monkeypatch.delenv(PASSWORD, raising=False)
    refused(write(encrypted_zip(FILES, SECRET.encode())), f"objectnet.dev.*variable {PASSWORD}")


def test_says_that_the_password_is_wrong(write, monkeypatch):
    file = write(encrypted_zip(FILES, SECRET.encode()))
    for password in ("wrong", "Wrong", "other"):
        monkeypatch.setenv(PASSWORD, password)
        refused(file, f"password.*{PASSWORD} is wrong|opened with a wrong password")


def test_says_that_the_method_is_unknown(write):
    data = zip_bytes({"a": b"1" * 99})
    refused(write(data.replace(b"\x08\0\0\0\x21\0", b"\x63\0\0\0\x21\0")), "source: folder")


@pytest.mark.parametrize("kind", ARCHIVES)
def test_refuses_a_file_that_fills_the_memory(write, kind, monkeypatch):
    largest = len(FILES["set/b.jpg"])
    monkeypatch.setattr("stages.downloads.archives.LARGEST", largest)
    file = write(ARCHIVES[kind])
    assert len(read(file)) == len(FILES)
    monkeypatch.setattr("stages.downloads.archives.LARGEST", largest - 1)
    refused(file, f"'set/b.jpg' unpacks to more than {largest - 1:,} bytes, .*nothing was taken")


def test_a_bomb_is_not_unpacked_to_its_end(write, monkeypatch):
    monkeypatch.setattr("stages.downloads.archives.LARGEST", 1 << 20)
    bomb = write(zip_bytes({"a.jpg": bytes(1 << 28)}))
    assert bomb.stat().st_size < 1 << 20
    tracemalloc.start()
    refused(bomb, "'a.jpg' unpacks to more than 1,048,576 bytes")
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()
