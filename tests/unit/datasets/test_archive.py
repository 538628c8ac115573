import hashlib
from pathlib import Path

import pytest

from stages.datasets.tar import ArchiveWriter, iterate_members, open_archive
from stages.runtime.errors import InputError


@pytest.fixture
def archive(tmp_path: Path) -> tuple[Path, str]:
    path = tmp_path / "x.tar"
    with ArchiveWriter(path) as writer:
        writer.add("a", b"one")
        writer.add("b", b"two" * 400)
    return path, writer.sha256


def test_the_hash_is_the_file_s(archive: tuple[Path, str]):
    path, sha256 = archive
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    with open_archive(path, sha256) as view:
        assert [member.name for member in iterate_members(view, "x")] == ["a", "b"]


def test_an_open_archive_reads_what_is_asked_for_and_maps_nothing(archive: tuple[Path, str]):
    path, sha256 = archive
    whole = path.read_bytes()
    with open_archive(path, sha256) as view:
        assert len(view) == len(whole)
        for part in (
            slice(0, 5),
            slice(500, 1500),
            slice(-9, None),
            slice(7, 7),
            slice(9**9, None),
        ):
            assert view[part] == whole[part]
        maps = Path("/proc/self/maps")
        assert not maps.exists() or str(path) not in maps.read_text()
    with pytest.raises(ValueError, match="closed file"):
        view[0:1]


def test_an_interrupted_archive_counts_as_truncated(tmp_path: Path):
    with pytest.raises(RuntimeError), ArchiveWriter(tmp_path / "x.tar") as writer:
        writer.add("a", b"one" * 999)
        raise RuntimeError
    with pytest.raises(InputError, match="truncated"), open_archive(tmp_path / "x.tar", ""):
        pass


@pytest.mark.parametrize("kept", [0, 100, 1024, -512, -1])
def test_a_truncated_archive_is_refused(kept: int, archive: tuple[Path, str]):
    path, sha256 = archive
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"x\.tar: truncated"), open_archive(path, sha256):
        pass


def test_a_rotten_archive_is_refused(archive: tuple[Path, str]):
    path, sha256 = archive
    data = bytearray(path.read_bytes())
    data[600] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"x\.tar: SHA-256"), open_archive(path, sha256):
        pass


def test_a_missing_archive_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="not there"), open_archive(tmp_path / "x.tar", ""):
        pass
