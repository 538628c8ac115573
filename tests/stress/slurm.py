"""A SLURM cluster of two nodes on the loopback, with a key and ports of its own."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

PATIENCE = 60.0
"""How many seconds a server has to answer."""

NODES = ("node1", "node2")

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
NodeName={nodes[0]} NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4
NodeName={nodes[1]} NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[2]} CPUs=4
PartitionName=all Nodes=ALL Default=YES
"""
"""`config_overrides`: nodes have the processors given here, whatever is real. No control groups."""


def find_server(name: str, *folders: str) -> str:
    """Return the path of a server's program, or skip the test."""
    path = os.pathsep.join([os.environ["PATH"], str(Path(sys.executable).parent), *folders])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def free_ports(number: int) -> list[int]:
    """Return free ports of the loopback."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [server.getsockname()[1] for server in held]
    for server in held:
        server.close()
    return ports


@contextmanager
def serving(command: list[str], log: Path, answers: Callable[[], object]) -> Iterator[None]:
    """Run a server until the block ends; skip the test if it exits or never answers."""
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            deadline = time.monotonic() + PATIENCE
            while not answers():
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.skip(f"{command[0]} does not start here: {log.read_text()[-500:]}")
                time.sleep(0.1)
            yield
        finally:
            process.kill()


def listens(port: int) -> bool:
    """Say whether a server answers at a port of the loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Cluster:
    """A running cluster: its configuration, which clients find through a variable."""

    def __init__(self, configuration: Path) -> None:
        self.surroundings = {"SLURM_CONF": str(configuration)}

    def ask(self, *command: str) -> str:
        """Run a client and return its output."""
        environment = {**os.environ, **self.surroundings}
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout

    def is_ready(self) -> bool:
        """Say whether both nodes wait for jobs."""
        try:
            return self.ask("sinfo", "--noheader", "--Node", "-o", "%t").split() == ["idle"] * 2
        except subprocess.CalledProcessError:
            return False

    def clear(self) -> None:
        """Cancel all jobs, and wait until they have ended."""
        self.ask("scancel", "--quiet", "--user", "root")
        deadline = time.monotonic() + PATIENCE
        while not self.is_ready():
            assert time.monotonic() < deadline, self.ask("squeue") + self.ask("sinfo")
            time.sleep(0.1)


@contextmanager
def slurm_cluster(folder: Path) -> Iterator[Cluster]:
    """Start munge, SLURM's controller and two nodes, which listen only on 127.0.0.1."""
    if os.getuid():
        pytest.skip("SLURM's daemons start jobs as root")
    where = ("/usr/sbin", "/usr/local/sbin")
    munged, controller, node = (find_server(x, *where) for x in ("munged", "slurmctld", "slurmd"))
    (folder / "state").mkdir(parents=True)
    key, configuration = folder / "munge.key", folder / "slurm.conf"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    (folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
    ports = free_ports(3)
    configuration.write_text(
        CONFIGURATION.format(folder=folder, host=socket.gethostname(), ports=ports, nodes=NODES)
    )
    own = {"key-file": key, "socket": folder / "munge.socket", "seed-file": folder / "munge.seed"}
    own |= {"pid-file": folder / "munge.pid", "log-file": folder / "munge.log"}
    # Forced, since pytest's folders are accessible only to this user.
    munge = [munged, "--force", "--foreground", *(f"--{name}={file}" for name, file in own.items())]
    daemon = ["-D", "-f", str(configuration)]
    cluster = Cluster(configuration)
    with ExitStack() as stack:
        for name, command, answers in (
            ("munge", munge, own["socket"].exists),
            ("controller", [controller, *daemon], lambda: listens(ports[0])),
            (NODES[0], [node, *daemon, "-N", NODES[0]], lambda: True),
            (NODES[1], [node, *daemon, "-N", NODES[1]], cluster.is_ready),
        ):
            stack.enter_context(serving(command, folder / f"{name}.out", answers))
        yield cluster
        cluster.clear()
