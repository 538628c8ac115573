"""How a stage's process starts and ends."""

import contextlib
import os
import platform
import select
import signal
import subprocess
import sys

import pytest

from interpreting_clip.formats.json import read_json
from runner.fingerprint import FINGERPRINTS, fingerprints
from runner.process import explanation
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


def test_passes_the_command_line_on():
    done = run("print(arguments)", "rn", "vit")
    assert (done.returncode, done.stdout, done.stderr) == (0, "('rn', 'vit')\n", "")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["stages", "kurtosis"], "stage kurtosis: expected an entry of 'encoders'"),
        (["stages", "kurtosis", "a\x1b[31m", "b\n"], r"stage kurtosis: .* got a\x1b[31m b\n"),
        (["tools.lock", "a", "b\x1b[31m"], r"expected the arguments .* got a b\x1b[31m"),
    ],
)
def test_wrong_arguments_are_one_line(command, expected):
    command = [sys.executable, "-m", *command]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    start, _, end = expected.partition(".*")
    assert done.stderr.startswith(f"error: {start}") and done.stderr.rstrip().endswith(end)


def test_what_a_terminal_has_no_letters_for_is_escaped():
    done = run("print('é')", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (0, "\\xe9\n")


def test_stage_code_mends_a_code_json_that_a_merge_left_in_conflict(code_copy):
    file = code_copy / FINGERPRINTS
    file.write_text('{\n<<<<<<< HEAD\n "cka": "1"\n=======\n "cka": "2"\n>>>>>>> other\n}\n')
    command = [sys.executable, "-m", "stages", "code"]
    subprocess.run(command, cwd=code_copy, check=True)
    assert read_json(file) == fingerprints(code_copy)


def test_computes_nothing_in_lower_precision():
    done = run("print('computed')", ONEDNN_DEFAULT_FPMATH_MODE="BF16")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "ONEDNN_DEFAULT_FPMATH_MODE" in done.stderr


def test_bad_input_is_one_line_and_exit_1():
    done = run("raise InputError('params.yaml: 1 is too few')")
    assert (done.returncode, done.stderr) == (1, "error: params.yaml: 1 is too few\n")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("raise OSError(28, 'No space left on device', 'data/x.json')", "data/x.json: No space"),
        ("open('/dev/full', 'w').write('x' * 100_000)", "writing: No space left on device;"),
    ],
)
def test_what_the_system_refuses_is_one_line_with_advice(body, expected):
    done = run(body)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {expected}")
    assert "free the disk" in done.stderr and done.stderr.endswith("run it again\n")
    assert done.stderr.count("\n") == 1


def test_too_many_open_files_have_advice_of_their_own():
    done = run("raise OSError(24, 'Too many open files', 'data/x.tar')")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: data/x.tar: Too many open files; ")
    assert "ulimit -n" in done.stderr and "disk" not in done.stderr


# Roots may write everywhere, so access(2) is told what it would say to others.
NOBODY = "import os; os.access = lambda path, mode: mode == os.F_OK and os.path.exists(path); "


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("13, 'Permission denied'", "`chmod u+rwX data`"),
        ("30, 'Read-only file system'", "mount data for writing"),
        ("2, 'No such file or directory'", "`dvc repro`"),
        ("5, 'Input/output error'", "nothing was kept; run it again"),
    ],
)
def test_advice_fits_the_error_and_names_the_folder_that_is_there(error, advice):
    done = run(f"{NOBODY}raise OSError({error}, 'data/gone/x.partial/a.json')")
    assert done.stderr.startswith("error: data/gone/x/a.json: ") and advice in done.stderr
    assert "free the disk" not in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("data/x.partial/a.json", "data/x/a.json"),
        ("metrics/x.json.partial/x.json", "metrics/x.json"),
        ("data/x.partial/x.json", "data/x/x.json"),
    ],
)
def test_a_folder_that_is_gone_by_then_is_named_as_the_output(path, shown):
    done = run(f"raise InputError({path!r} + ': expected finite numbers')")
    assert done.stderr == f"error: {shown}: expected finite numbers\n"


@pytest.mark.parametrize(
    "text",
    [
        "Torch not compiled with CUDA enabled",
        "No CUDA GPUs are available",
        "Found no NVIDIA driver",
    ],
)
def test_a_gpu_that_is_not_there_is_a_setting_of_the_machine(text):
    said = explanation(AssertionError(text), "")
    assert "`device`" in said and "compute.yaml" in said and "defect" not in said


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("dict()['gone']", "KeyError: 'gone'"),
        ("raise RuntimeError(chr(27) + '[31m' + chr(10) + chr(0xdcff))", r"\x1b[31m\n\udcff"),
    ],
)
def test_a_bug_is_one_line_and_keeps_its_traceback_for_who_asks(body, what):
    done = run(body)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "--debug" in done.stderr
    assert what in done.stderr and done.stderr.count("\n") == 1
    done = run(body, "--debug")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last)")


def test_a_bug_in_the_code_is_named_with_its_line(code_copy):
    file = code_copy / "interpreting_clip/study/check.py"
    file.write_text(file.read_text() + "\n\ndel check\n")
    command = [sys.executable, "-m", "stages", "study"]
    done = subprocess.run(command, cwd=code_copy, capture_output=True, text=True, check=False)
    assert done.stderr.startswith("error: stages/study.py, line ")
    assert "`python -m stages study --debug`" in done.stderr


@pytest.mark.parametrize(
    ("name", "own", "given"),
    [
        ("CUBLAS_WORKSPACE_CONFIG", ":4096:8", ":16:8"),
        ("OMP_WAIT_POLICY", "PASSIVE", "ACTIVE"),
    ],
)
def test_libraries_are_set_before_torch_is_imported_unless_the_user_says_otherwise(
    name, own, given
):
    body = f"print(os.environ[{name!r}], 'torch' in sys.modules)"
    assert run(body).stdout == f"{own} False\n"
    assert run(body, **{name: given}).stdout == f"{given} False\n"


@pytest.mark.skipif("glibc" not in platform.libc_ver(), reason="mallopt(3) is glibc's")
def test_memory_that_is_freed_stays_and_is_used_again():
    status = "[l for l in open('/proc/self/status') if l.startswith('VmRSS')][0].split()[1]"
    body = f"""piece = bytes([1]) * 2**27
    before, address = {status}, id(piece)
    del piece
    print(int(before) - int({status}), id(bytes([1]) * 2**27) == address)"""
    freed, same = run(body).stdout.split()
    assert int(freed) < 2**16
    assert same == "True"


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
