"""`python -m tools`: every verb is a module, and a wrong word is refused."""

import subprocess
import sys

import pytest

from tests.reads import ROOT
from tools.__main__ import VERBS, main


def test_a_verb_that_needs_no_torch_does_not_import_it():
    code = (
        "import sys; from tools.__main__ import main; main('lock'); print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout == b"False\n"


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_lists_its_options(verb, capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        main(verb, "--help")
    assert f"python -m tools {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("nothing",), ("lock", "a"), ("prune", "--no"), ()])
def test_wrong_words_are_refused(words, capsys):
    with pytest.raises(SystemExit, match=r"^2$"):
        main(*words)
    assert capsys.readouterr().err.count("error:") == 1
