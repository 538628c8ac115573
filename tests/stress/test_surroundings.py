"""The nano study under another locale, time zone, order of sets and number of threads."""

import sys

import pytest

from tests.pipeline.workspace import RESULTS, new_workspace

SURROUNDINGS = {
    **{"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    **{"TZ": "Pacific/Chatham", "PYTHONHASHSEED": "4711", "INTERPRETING_CLIP_WORKERS": "7"},
}
"""Another locale, whose characters are ASCII's, time zone, order of sets, number of threads."""


@pytest.mark.long
def test_the_same_study_in_other_surroundings_has_the_same_hashes(nano, tmp_path):
    again = new_workspace(tmp_path / "deeper/than/the/other clone")
    again.surroundings, again.umask = SURROUNDINGS, 0o077
    assert again.run(sys.executable, "-c", "print(open(0).encoding)") == "ANSI_X3.4-1968\n"  # ASCII
    again.repro()
    assert again.lock() == nano.lock()
    for name in RESULTS:
        assert nano.run("git", "diff", "--no-index", "--stat", name, str(again.folder / name)) == ""
