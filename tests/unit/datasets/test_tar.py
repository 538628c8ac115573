import io
import tarfile

import pytest

from stages.datasets.tar import END, iterate_members, member_bytes
from stages.runtime.errors import InputError

FILES = {"a.txt": b"", "folder/b.bin": bytes(512), "c": b"x" * 700}


def packed() -> bytes:
    return b"".join(member_bytes(name, data) for name, data in FILES.items()) + END


def test_python_s_own_reader_agrees():
    with tarfile.open(fileobj=io.BytesIO(packed())) as archive:
        members = archive.getmembers()
        read = {m.name: archive.extractfile(m).read() for m in members}  # pyright: ignore[reportOptionalMemberAccess]
    assert read == FILES
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}


def test_python_s_own_archives_are_read():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo("d" * 60 + "/" + "f" * 80)
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    (member,) = iterate_members(stream.getvalue(), "x.tar")
    assert member.name == info.name
    assert stream.getvalue()[member.offset :][:3] == b"abc"


def test_members_come_back_in_order():
    data = packed()
    members = list(iterate_members(data, "x.tar"))
    assert {m.name: data[m.offset : m.offset + m.size] for m in members} == FILES


@pytest.mark.parametrize("kept", [100, 512, 1100, 2500, len(packed()) - 1024])
def test_a_truncated_archive_is_refused(kept: int):
    with pytest.raises(InputError, match=r"x\.tar: truncated"):
        list(iterate_members(packed()[:kept], "x.tar"))


def test_something_else_is_refused():
    with pytest.raises(InputError, match="USTAR"):
        list(iterate_members(b"PK\x03\x04" + bytes(2000), "x.zip"))


@pytest.mark.parametrize(
    "name", ["d/" + "f" * 99, "d" * 155 + "/" + "f" * 100, "a/" * 60 + "f", "ä/" * 40 + "f" * 60]
)
def test_a_long_name_is_parted_at_a_slash(name: str):
    data = member_bytes(name, b"abc") + END
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == [name]
    (member,) = iterate_members(data, "x.tar")
    assert (member.name, data[member.offset :][:3]) == (name, b"abc")


@pytest.mark.parametrize("name", ["n" * 101, "d" * 156 + "/f", "d/" + "f" * 101, "/" + "f" * 100])
def test_a_name_that_does_not_fit_is_refused(name: str):
    with pytest.raises(ValueError, match="at most 100 bytes"):
        member_bytes(name, b"")
