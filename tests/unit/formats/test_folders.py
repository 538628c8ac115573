import errno
import hashlib
from pathlib import Path

import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.formats.files import complete_directory, file_digest, natural_order


def test_the_directory_appears_at_the_end_and_replaces_what_an_earlier_run_left(tmp_path: Path):
    for run in ("first", "second"):
        (tmp_path / "out.partial").mkdir()
        with complete_directory(tmp_path / "out") as partial:
            (partial / run).write_text("whole")
            assert (tmp_path / "out").exists() == (run == "second")
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
        assert [path.read_text() for path in (tmp_path / "out").iterdir()] == ["whole"]
    assert (tmp_path / "out/second").exists()


@pytest.mark.parametrize(
    ("error", "told", "message"),
    [
        (KeyboardInterrupt("stopped"), KeyboardInterrupt, "stopped"),
        (ValueError("wrong"), ValueError, "wrong"),
        (OSError(errno.EIO, "io"), OSError, "io"),
        (OSError(errno.ENOSPC, "No space left on device"), InputError, "disk is full"),
    ],
)
def test_nothing_is_left_after_an_error_and_a_full_disk_is_explained(
    tmp_path, error, told, message
):
    with pytest.raises(told, match=message), complete_directory(tmp_path / "out") as partial:
        (partial / "half").touch()
        raise error
    assert not list(tmp_path.iterdir())


def test_a_digest_is_that_of_the_whole_file(tmp_path: Path):
    content = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(content)
    assert file_digest(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_numbers_in_paths_are_sorted_as_numbers():
    names = ["n10", "n2_a", "a/10.tar", "10", "n2", "a/b.tar", "a/009x.tar", "9", "a/9.tar"]
    expected = ["9", "10", "a/9.tar", "a/009x.tar", "a/10.tar", "a/b.tar", "n2", "n2_a", "n10"]
    assert sorted(names, key=natural_order) == expected
