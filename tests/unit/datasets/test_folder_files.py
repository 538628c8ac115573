from pathlib import Path

import pytest

from stages.datasets.sources import find_folder, folder_files, natural
from stages.runtime.errors import InputError
from tests.unit.datasets.layouts import write_files


def test_numbers_are_sorted_as_numbers():
    assert sorted(["10", "9", "n2_a", "n10", "n2"], key=natural) == ["9", "10", "n2", "n2_a", "n10"]


def test_files_come_in_order_with_their_bytes(tmp_path: Path):
    files = {"b/1.txt": b"1", "a/10.txt": b"3", "a/9.txt": b"2", "c.txt": b"0"}
    found = list(folder_files(write_files(tmp_path, files))(lambda _: True))
    assert [file.path for file in found] == ["c.txt", "a/9.txt", "a/10.txt", "b/1.txt"]
    assert [file.read() for file in found] == [b"0", b"2", b"3", b"1"]


def test_linked_folders_are_followed(tmp_path: Path):
    write_files(tmp_path / "elsewhere", {"a.txt": b"1"})
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path / "elsewhere")
    assert [file.path for file in folder_files(tmp_path / "root")(lambda _: True)] == ["link/a.txt"]


def test_relative_paths_start_at_the_machine_s_folders(tmp_path: Path):
    (tmp_path / "set").mkdir()
    assert find_folder("set", str(tmp_path)) == find_folder(str(tmp_path / "set"), "/nowhere")


def test_a_missing_folder_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="set: the folder of a dataset was expected"):
        find_folder("set", str(tmp_path))
