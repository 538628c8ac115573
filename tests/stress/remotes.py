"""Remotes that DVC shares through, on this machine: a folder, an SSH server, an S3 object store."""

import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import botocore.session
import pytest
from botocore.exceptions import BotoCoreError, ClientError

PATIENCE = 60.0
"""How many seconds a server has to answer."""

BUCKET = "study"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


class Remote(NamedTuple):
    """A remote; `options` are DVC's options for everybody, `own` those of each clone."""

    url: str
    options: dict[str, str]
    own: dict[str, str]


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


@contextmanager
def ssh_remote(folder: Path) -> Iterator[Remote]:
    """Start OpenSSH's server as this user, with its own keys; ~/.ssh is not used."""
    sshd = find_server("sshd", "/usr/sbin", "/usr/local/sbin")
    (port,) = free_ports(1)
    (folder / "files").mkdir(parents=True)
    for name in ("host", "user"):
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(keygen, check=True)
    if os.getuid() == 0:
        # the folder to which root's sshd changes its root
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nPasswordAuthentication no\n"
        "Subsystem sftp internal-sftp\nMaxStartups 100\nMaxSessions 100\n"
    )
    command = [sshd, "-D", "-e", "-f", str(folder / "config")]
    with serving(command, folder / "log", lambda: listens(port)):
        own = {"user": getpass.getuser(), "keyfile": str(folder / "user")}
        url = f"ssh://127.0.0.1{folder}/files"
        yield Remote(url, {"port": str(port)}, own)


def listens(port: int) -> bool:
    """Say whether a server answers at a port of the loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def s3_remote(folder: Path) -> Iterator[Remote]:
    """Start SeaweedFS with a bucket; its credentials come only from the environment."""
    weed = find_server("weed")
    folder.mkdir()
    key, secret = CREDENTIALS.values()
    identity = {
        "name": "test",
        "credentials": [{"accessKey": key, "secretKey": secret}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    (folder / "empty").touch()
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    names = ("master", "volume", "filer", "s3")
    ports = free_ports(2 * len(names))
    chosen = [f"-{n}.port={p}" for n, p in zip(names, ports, strict=False)]
    chosen += [f"-{n}.port.grpc={p}" for n, p in zip(names, ports[len(names) :], strict=True)]
    command = [weed, "server", f"-dir={folder}", "-ip=127.0.0.1", "-s3", *chosen]
    command += [f"-s3.config={folder}/s3.json", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    command += ["-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=0"]
    endpoint = f"http://127.0.0.1:{ports[3]}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**CREDENTIALS, "AWS_DEFAULT_REGION": "us-east-1"}.items():
            patch.setenv(name, value)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(name, str(folder / "empty"))
        client = botocore.session.get_session().create_client("s3", endpoint_url=endpoint)
        with serving(command, folder / "log", lambda: has_bucket(client)):
            yield Remote(f"s3://{BUCKET}/files", {"endpointurl": endpoint}, {})


def has_bucket(client) -> bool:
    """Make the bucket and write into it; say whether the store was ready."""
    try:
        client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key="ready", Body=b"ready")
    except (BotoCoreError, ClientError):
        return False
    return True
