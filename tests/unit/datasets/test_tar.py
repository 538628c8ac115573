import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from interpreting_clip.datasets.tar import open_archives, write_shards
from interpreting_clip.errors import InputError
from interpreting_clip.formats.files import file_digest

FILES = {"a.txt": b"", "folder/b.bin": bytes(512), "c": b"x" * 700}


def write(path: Path, files: dict[str, bytes]) -> None:
    (name,) = write_shards([files.items()], 1, path.parent)
    (path.parent / name).replace(path)


def members(path: Path) -> dict[str, bytes]:
    """Read an archive."""
    with open_archives(path.parent, [path.name]) as (archive,):
        return {name: archive.read(offset, size) for name, offset, size in archive.members()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "x.tar", FILES)
    return tmp_path / "x.tar"


def test_files_come_back_in_order(path: Path):
    assert list(members(path).items()) == list(FILES.items())


def test_a_damaged_archive_is_refused(path: Path):
    content = path.read_bytes()
    for damaged in (b"", content[:1100], content[:1795] + b"x" + content[1796:]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"x\.tar: damaged at byte (0|1536); delete"):
            members(path)


def test_the_bytes_are_those_of_ustar(tmp_path: Path):
    long = "d/" + "f" * 99
    write(tmp_path / "x.tar", {"00000000.cls": b"7", long: b"abc"})
    assert members(tmp_path / "x.tar") == {"00000000.cls": b"7", long: b"abc"}
    digest = "adcba06c15d5b7f7e7f176bd8fc2e498262aaa786d9b09a640248dc9df9be018"
    assert file_digest(tmp_path / "x.tar") == digest


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_more_archives_than_a_process_may_open_are_read_by_several_threads(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = descriptors()
    resource.setrlimit(resource.RLIMIT_NOFILE, (before + 60, hard))
    names = write_shards([[("a.txt", b"%04d" % n)] for n in range(400)], 1, tmp_path)
    with open_archives(tmp_path, names) as archives, ThreadPoolExecutor(8) as pool:
        places = [next(archive.members()) for archive in archives]

        def content(row: int) -> bytes:
            return archives[row].read(places[row].offset, places[row].size)

        assert list(pool.map(content, range(400))) == [b"%04d" % row for row in range(400)]
    assert descriptors() <= before
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
