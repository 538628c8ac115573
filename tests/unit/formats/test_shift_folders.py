"""The output of stage `fetch_shifts`."""

import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.shift_folders import read_shift_folders, write_shift_names


@pytest.mark.parametrize("names", [[], ["zebra", "a_set"]])
def test_folders_keep_the_study_s_order(tmp_path, names):
    write_shift_names(tmp_path, names)
    assert list(read_shift_folders(tmp_path).items()) == [(n, tmp_path / n) for n in names]


def test_a_damaged_list_is_refused(tmp_path):
    write_json(tmp_path / "shifts.json", {"a": 1})
    with pytest.raises(InputError, match=r"shifts\.json: .*fetch_shifts"):
        read_shift_folders(tmp_path)
