import errno
import hashlib
from pathlib import Path

import pytest

from stages.files.folders import complete_directory, file_digest, folder_digests, natural_order
from stages.runtime.errors import InputError


def test_the_directory_appears_at_the_end(tmp_path: Path):
    with complete_directory(tmp_path / "out") as partial:
        (partial / "file").write_text("whole")
        assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "file").read_text() == "whole"


def test_what_an_earlier_run_left_is_replaced(tmp_path: Path):
    for name in ("out", "out.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old").touch()
    with complete_directory(tmp_path / "out") as partial:
        (partial / "new").touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError(), OSError(errno.EIO, "io")])
def test_nothing_is_left_after_an_error(error: BaseException, tmp_path: Path):
    with pytest.raises(type(error)), complete_directory(tmp_path / "out") as partial:
        (partial / "half").touch()
        raise error
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_explained(tmp_path: Path):
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(InputError, match="disk is full"), complete_directory(tmp_path / "out"):
        raise full
    assert not list(tmp_path.iterdir())


def test_a_file_has_the_sha256_of_its_bytes(tmp_path):
    content = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(content)
    assert file_digest(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_a_folder_has_those_of_its_files_at_any_depth(tmp_path):
    (tmp_path / "b/c").mkdir(parents=True)
    for name in ("b/c/d", "a"):
        (tmp_path / name).write_text(name)
    expected = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("a", "b/c/d")}
    assert list(folder_digests(tmp_path).items()) == list(expected.items())


def test_numbers_in_paths_are_sorted_as_numbers():
    names = ["n10", "n2_a", "a/10.tar", "10", "n2", "a/b.tar", "a/009x.tar", "9", "a/9.tar"]
    expected = ["9", "10", "a/9.tar", "a/009x.tar", "a/10.tar", "a/b.tar", "n2", "n2_a", "n10"]
    assert sorted(names, key=natural_order) == expected
