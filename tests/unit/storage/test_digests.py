"""Digests of what is on disk."""

import hashlib

from stages.files.folders import file_digest, folder_digests


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
