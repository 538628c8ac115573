"""What `make install` prints when pip fails: its log, and nothing is taken for installed."""

import subprocess
import sys

from tests.reads import ROOT


def test_the_log_of_pip_is_printed_if_it_fails():
    command = [sys.executable, "tools/install.py", "--no-index", "no-such-package-anywhere"]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert ended.returncode == 1 and ended.stdout == ""
    assert "no-such-package-anywhere" in ended.stderr
