"""How a stage's process starts and ends."""

import contextlib
import errno
import os
import re
import select
import signal
import subprocess
import sys

import pytest

from interpreting_clip.errors import InputError
from runner.process import explained
from tests.reads import ROOT

STAGE = """
import os, signal, sys
{before}
from interpreting_clip.errors import InputError
from runner.process import launch
def main(*arguments):
    {body}
launch(main)
"""

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl(2) is Linux's")


def run(body: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a stage whose `main` is one line."""
    ours = ("CUBLAS_WORKSPACE_CONFIG", "OMP_WAIT_POLICY")
    kept = {k: v for k, v in os.environ.items() if k not in ours}
    command = [sys.executable, "-c", STAGE.format(before="", body=body), *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=kept | variables, capture_output=True, text=True, check=False
    )


def test_computes_nothing_in_lower_precision():
    done = run("print('computed')", ONEDNN_DEFAULT_FPMATH_MODE="BF16")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "ONEDNN_DEFAULT_FPMATH_MODE" in done.stderr


NO_SPACE = OSError(errno.ENOSPC, "No space left on device", "data/x.json")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NO_SPACE, "data/x.json: No space .*free the disk.* run it again"),
        # the folder is gone by then
        (InputError("data/x.partial/a.json: odd"), "data/x/a.json: odd"),
        (AssertionError("Torch not compiled with CUDA enabled"), "`device`: .*compute.yaml"),
        (RuntimeError("\x1b[31m\n\udcff"), r".*\\x1b\[31m\\n\\udcff.*--debug"),
    ],
)
def test_an_error_is_one_line_with_advice(monkeypatch, error, expected):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as ended, explained("python -m a", debug=False):
        raise error
    said = str(ended.value.code)
    assert re.match(f"error: {expected}", said) and "\n" not in said
    with pytest.raises(type(error)), explained("python -m a", debug=True):
        raise error


@LINUX  # where pidfd_open(2) tells when a process ends that is nobody's child
@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_a_stage_ends_when_its_parent_is_killed(system):
    body = "print(os.getpid(), flush=True); signal.pause()"
    stage = STAGE.format(before=f"sys.platform = {system!r}", body=body)
    shell = ["sh", "-c", '"$0" -c "$1" & wait', sys.executable, stage]
    with subprocess.Popen(shell, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        process = os.pidfd_open(int(parent.stdout.readline()))
        try:
            parent.kill()
            ended, _, _ = select.select([process], [], [], 20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
            os.close(process)
    assert ended
