"""Starts stages as forks of one process that has imported torch, open_clip and scikit-learn.

Importing them takes 2 to 3 s of processor time in each stage that needs them. A fork is a process
of its own, with its own lock and memory, and imports our packages from source, as `python -m
stages` does. On Linux, `make repro` starts the server, and DVC's processes, of which it
can start several, ask it for a stage through a socket. A stage ends when the process that asked for
it ends, and all end with the server, which ends with the process that started it.

Ctrl-C reaches all of these processes: until a stage has been started, the process that asks for it
is interrupted, and then the stage.
"""

import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

ADDRESS = "INTERPRETING_CLIP_STAGE_SERVER"
"""The variable with the socket's path, relative to the repository: it has at most 107 bytes."""

COMMAND = "exec python -m stages "
"""How the commands in dvc.yaml begin."""

TRAININGS = ("pretrain", "finetune", "supervise")
"""Stages whose optimizers import torch's compiler, which takes another second."""

FEW = 2
"""As many stages start without a server: it costs about as much as they do."""


@contextmanager
def serve_stages() -> Iterator[None]:
    """Let DVC in this process ask a server for its stages; start one for the third stage."""
    from dvc.stage import run

    plain, commands = run._run, count()
    with ExitStack() as servers:

        def run_command(executable: Any, command: str, **options: Any) -> None:
            served = is_served(command, options["env"])
            if served and ADDRESS not in os.environ and next(commands) == FEW:
                servers.enter_context(stage_server())
            if not (served and os.environ.get(ADDRESS) and ask(command, options["env"])):
                plain(executable, command, **options)

        run._run = run_command
        try:
            yield
        finally:
            run._run = plain


@contextmanager
def stage_server() -> Iterator[None]:
    """Run a server while the `with` block runs; elsewhere than on Linux, there is none."""
    if sys.platform != "linux":
        yield
        return
    path = Path(f".scratch/stages-{os.getpid()}")
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)  # left by a killed process with the same number
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        mask = os.umask(0o077)  # no other user may connect
        listening.bind(str(path))
        os.umask(mask)
        listening.listen()
        command = [sys.executable, "-m", "tools.stage_server", str(listening.fileno())]
        process = subprocess.Popen(command, pass_fds=[listening.fileno()])
    os.environ[ADDRESS] = str(path)
    try:
        yield
    finally:
        del os.environ[ADDRESS]
        process.kill()
        process.wait()
        path.unlink()


def is_served(command: str, env: Mapping[str, str]) -> bool:
    """Return whether the server would run a command as the shell does, with the same Python."""
    python = Path(shutil.which("python", path=env.get("PATH")) or "")
    return (
        python.parent == Path(sys.executable).parent
        and command.startswith(COMMAND)
        and command not in (f"{COMMAND}code", f"{COMMAND}study")  # they import no library
    )


def ask(command: str, env: Mapping[str, str]) -> bool:
    """Let the server run a stage's command; return False if the server has ended.

    Raises
    ------
    StageCmdFailedError
        The stage failed. As in DVC, Ctrl-C ends the stage, and then it has failed.
    KeyboardInterrupt
        Ctrl-C before the stage was started; it is not, or ends at once.
    """
    from dvc.stage.exceptions import StageCmdFailedError

    request = json.dumps([command.removeprefix(COMMAND).split(), dict(env)]).encode()
    handler = signal.getsignal(signal.SIGINT)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
            asking.connect(os.environ[ADDRESS])
            socket.send_fds(asking, [request], [1, 2])
            if answer := asking.recv(100):  # the stage has been started
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                answer = asking.recv(100)
    except OSError:
        answer = b""
    finally:
        signal.signal(signal.SIGINT, handler)
    if answer and (status := int(answer)):
        raise StageCmdFailedError(command, status)
    return bool(answer)


def serve(listening: socket.socket, kernels: Mapping[str, str | None]) -> list[str]:
    """Fork for each request, and return in the fork, with its environment and a stage's words."""
    running = dict[int, tuple[int, socket.socket]]()  # by descriptor of the process
    while True:
        askers = {asking.fileno(): process for process, asking in running.values()}
        # one event at a time, the end of a stage before that of the process that asked for it
        ready = select.select([listening.fileno(), *running, *askers], [], [])[0][0]
        if ready == listening.fileno():
            asking = listening.accept()[0]
            request, outputs, *_ = socket.recv_fds(asking, 1 << 20, 2)
            if not request:  # the process that asked was interrupted before it did
                asking.close()
                continue
            words, env = json.loads(request)
            if words[0] in TRAININGS:
                importlib.import_module("torch._inductor")
            if not (process := os.fork()):
                for number, output in enumerate(outputs, 1):
                    os.dup2(output, number)
                known = {**env, **kernels}
                os.environ.clear()
                os.environ.update({k: v for k, v in known.items() if v is not None})
                return words
            for output in outputs:
                os.close(output)
            running[os.pidfd_open(process)] = process, asking
            with suppress(OSError):  # it has ended, and the stage is killed next
                asking.send(b"started")
        elif ready in running:
            process, asking = running.pop(ready)
            os.close(ready)
            status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            with asking, suppress(OSError):
                asking.send(str(status).encode())
        else:
            os.kill(askers[ready], signal.SIGKILL)  # the process that asked has ended


def preload() -> dict[str, str | None]:
    """Import the libraries with the kernels of the study, and keep none of our own packages.

    Returns the variables that choose kernels and threads, None if they are not set.
    """
    from interpreting_clip.config.params import Params
    from interpreting_clip.encoders.open_clip_import import import_open_clip
    from interpreting_clip.kernels import KERNELS, ONE_THREAD, THREADS, Kernels, use_kernels
    from runner.process import set_up
    from runner.run import PRELOADED

    set_up()
    kernels = Params().read("kernels", Kernels)
    use_kernels(kernels)
    os.environ[PRELOADED] = kernels
    # pyarrow, which pandas imports, starts a thread for its memory, and threads should not fork
    os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"
    import_open_clip()
    import pandas  # noqa: F401
    import scipy.special  # noqa: F401
    import sklearn.ensemble
    import sklearn.linear_model  # noqa: F401

    for name in [*sys.modules]:
        if name.partition(".")[0] in ("interpreting_clip", "runner"):
            del sys.modules[name]
    gc.freeze()
    names = (*KERNELS, *THREADS, *ONE_THREAD, PRELOADED)
    return {name: os.environ.get(name) for name in names}


def main() -> None:
    """Serve, and run a stage in each fork, where a SIGINT since the fork is delivered."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, signal.default_int_handler)
    listening, kernels = socket.socket(fileno=int(sys.argv[1])), preload()
    sys.argv = ["stages", *serve(listening, kernels)]
    listening.close()
    os._exit(run_stage())


def run_stage() -> int:
    """Run `python -m stages` in this process, and return its exit status.

    The normal end of the interpreter would copy the memory that the forks share.
    """
    status: Any = 0
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        runpy.run_module("stages", run_name="__main__", alter_sys=True)
    except KeyboardInterrupt:  # before the stage could explain it
        status = 128 + signal.SIGINT
    except SystemExit as end:
        status = end.code
    if isinstance(status, str):
        sys.stderr.write(f"{status}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    return status if isinstance(status, int) else int(status is not None)


if __name__ == "__main__":
    main()
