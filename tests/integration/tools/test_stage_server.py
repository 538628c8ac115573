"""The stage server runs stages as DVC's shell does, only that torch is imported already."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dvc.stage.exceptions import StageCmdFailedError

from tests.processes import wait_for
from tests.reads import ROOT
from tools.stage_server import ADDRESS, COMMAND, ask, is_served, stage_server

STAGE = """
import json, os, sys, time
from pathlib import Path

if sys.argv[1] == "fail":
    sys.exit("error: no such key")
if sys.argv[1] == "meet":
    Path(sys.argv[2]).touch()
    while not Path(sys.argv[3]).exists():
        time.sleep(0.05)
if sys.argv[1] == "sleep":
    Path("process").write_text(str(os.getpid()))
    time.sleep(600)
print("on stdout", flush=True)
facts = {"argv": sys.argv[1:], "modules": [*sys.modules], "env": dict(os.environ)}
facts["threads"] = len(os.listdir(f"/proc/{os.getppid()}/task"))
Path("facts.json").write_text(json.dumps(facts))
"""
ASK = "import os; from tools.stage_server import *; ask(f'{COMMAND}%s', dict(os.environ))"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the server is for Linux")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Serve in a folder with a program `stages` of the test's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("served"))
        patch.setenv("PYTHONPATH", str(ROOT))
        Path("params.yaml").write_text("kernels: portable\n")
        Path("stages").mkdir()
        Path("stages/__main__.py").write_text(STAGE)
        Path("stages/__init__.py").touch()
        with stage_server():
            yield Path.cwd()
    assert not [*Path(".scratch").glob("stages-*")]


@pytest.fixture(autouse=True)
def no_facts(folder: Path) -> None:
    for name in ("facts.json", "process"):
        (folder / name).unlink(missing_ok=True)


def asker(words: str) -> subprocess.Popen:
    """Ask from another process, as the jobs of `make repro JOBS=2` do."""
    return subprocess.Popen(
        [sys.executable, "-c", ASK % words],
        # which a shell lets commands in the background ignore
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def test_a_stage_has_the_libraries_and_none_of_our_packages(capfd):
    env = {**os.environ, "DVC_STAGE": "kurtosis@rn", "OMP_NUM_THREADS": "7"}
    assert ask(f"{COMMAND}kurtosis rn", env)
    facts = json.loads(Path("facts.json").read_text())
    assert facts["argv"] == ["kurtosis", "rn"] and capfd.readouterr().out == "on stdout\n"
    assert {"torch", "open_clip", "sklearn"} < {*facts["modules"]}
    assert not {"interpreting_clip", "runner"} & {*facts["modules"]}
    assert facts["env"]["DVC_STAGE"] == "kurtosis@rn"
    assert facts["threads"] == 1  # a process with threads should not fork
    assert facts["env"]["OMP_NUM_THREADS"] == "1"  # the study's, with which torch was imported


def test_an_error_of_a_stage_is_printed_and_stops_dvc(capfd):
    with pytest.raises(StageCmdFailedError, match="exited with 1"):
        ask(f"{COMMAND}fail", os.environ)
    assert capfd.readouterr().err == "error: no such key\n"


def test_stages_of_several_askers_run_at_the_same_time():
    with asker("meet one other") as first, asker("meet other one") as second:
        assert first.wait(60) == second.wait(60) == 0


def test_a_stage_ends_with_the_process_that_asked_for_it():
    with asker("sleep") as process:
        assert wait_for(lambda: (file := Path("process")).exists() and file.read_text())
        stage = Path("/proc", Path("process").read_text())
        assert stage.exists()
        process.kill()
    assert wait_for(lambda: not stage.exists()) and ask(f"{COMMAND}kurtosis", os.environ)


def test_the_process_that_asks_is_interrupted_until_the_stage_has_been_started(monkeypatch):
    monkeypatch.setenv(ADDRESS, "slow")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind("slow")
        server.listen()
        with asker("kurtosis") as process, server.accept()[0] as asking:
            asking.recv(1 << 20)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == -signal.SIGINT
        with asker("kurtosis") as process, server.accept()[0] as asking:
            asking.recv(1 << 20)
            asking.send(b"started")
            assert wait_for(lambda: ignores_interrupts(process.pid))
            process.send_signal(signal.SIGINT)
            asking.send(b"0")
            assert process.wait(60) == 0


def test_a_stage_is_interrupted_from_the_moment_it_is_started():
    for _ in range(20):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
            asking.connect(os.environ[ADDRESS])
            request = json.dumps([["sleep"], dict(os.environ)]).encode()
            socket.send_fds(asking, [request], [1, 2])
            assert asking.recv(100) == b"started"
            (server,) = (pid for pid in children(os.getpid()) if children(pid))
            (stage,) = children(server)
            os.kill(stage, signal.SIGINT)
            asking.settimeout(60)
            assert asking.recv(100) == b"130"


def ignores_interrupts(process: int) -> bool:
    status = Path(f"/proc/{process}/status").read_text()
    return bool(int(status.split("SigIgn:")[1].split()[0], 16) >> signal.SIGINT - 1 & 1)


def children(process: int) -> list[int]:
    """Return the numbers of a process's children."""
    return [*map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())]


def test_other_commands_are_not_served():
    here = {**os.environ, "PATH": str(Path(sys.executable).parent)}
    assert is_served(f"{COMMAND}kurtosis rn", here)
    assert not is_served(f"{COMMAND}study", here)
    assert not is_served("cp a b", here)
    assert not is_served(f"{COMMAND}kurtosis rn", {"PATH": "/usr/bin"})  # another python, or none


def test_without_a_server_the_stage_is_left_to_dvc(monkeypatch):
    monkeypatch.setenv(ADDRESS, "ended")
    assert not ask(f"{COMMAND}kurtosis", os.environ)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind("ended")
        server.listen()

        def accept_and_end() -> None:
            server.accept()[0].close()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(accept_and_end)
            assert not ask(f"{COMMAND}kurtosis", os.environ)
