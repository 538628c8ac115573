import hashlib
from pathlib import Path

from interpreting_clip.formats.files import file_digest, natural_order


def test_a_digest_is_that_of_the_whole_file(tmp_path: Path):
    content = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(content)
    assert file_digest(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_numbers_in_paths_are_sorted_as_numbers():
    names = ["n10", "n2_a", "a/10.tar", "10", "n2", "a/b.tar", "a/009x.tar", "9", "a/9.tar"]
    expected = ["9", "10", "a/9.tar", "a/009x.tar", "a/10.tar", "a/b.tar", "n2", "n2_a", "n10"]
    assert sorted(names, key=natural_order) == expected
