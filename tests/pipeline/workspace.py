"""A clone of this repository in which a test runs the real pipeline on another study."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import yaml

from interpreting_clip.config.syntax import load_tree
from runner.graph import loop_entries
from tests.reads import GRAPH, ROOT, folder_digests
from tools.stage_server import ADDRESS

NANO = ROOT / "tests/pipeline/nano.yaml"
SPY = ROOT / "tests/pipeline/spy"
SECRETS = {
    name: f"canary-{name}"
    for name in ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "INTERPRETING_CLIP_OBJECTNET_PASSWORD")
}
"""Default environment variables of every command in a workspace."""

RESULTS = ("metrics/", "plots/", "dvc.lock")
READY = ("ready", "ready-dev", "ready-light")
"""The files of .venv that tell make what has been installed."""


class Workspace:
    """A git and DVC repository in a folder of its own.

    `surroundings` are the environment variables of its commands, and `umask` their file mode mask
    (-1: the test's).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spied = folder / ".scratch/spied"
        self.printed = ""
        self.surroundings: dict[str, str] = {}
        self.umask = -1

    def run(self, *command: str, ok: bool = True, spy: bool = False) -> str:
        """Run a command in the clone; return its output, which is also added to `printed`."""
        process = self.start(*command, spy=spy)
        printed = process.communicate()[0].decode()
        self.printed += printed
        if ok and process.returncode:
            raise AssertionError(f"{' '.join(command)} failed:\n{printed}")
        return printed

    def start(
        self, *command: str, spy: bool = False, output: IO[bytes] | int = subprocess.PIPE
    ) -> subprocess.Popen[bytes]:
        own = {k: v for k, v in os.environ.items() if not k.startswith("DVC_")}
        environment = SECRETS | own
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        environment |= {"DVC_NO_ANALYTICS": "1", **self.surroundings}
        if spy:
            environment |= {"PYTHONPATH": str(SPY), "PIPELINE_SPY": str(self.spied)}
            environment[ADDRESS] = ""  # so that each stage is a program of its own
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            umask=self.umask,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def dvc(self, *command: str, spy: bool = False) -> str:
        """Run a command of DVC as `make repro` does, faster than plain DVC where the tools are."""
        tools = (self.folder / "tools").is_dir()
        dvc = (sys.executable, "-m", "tools", "fast-dvc") if tools else ("dvc",)
        return self.run(*dvc, *command, spy=spy)

    def repro(self, *options: str, spy: bool = False, restored: bool = False) -> set[str]:
        """Run `dvc repro`, and return the names of the stages that ran.

        With `restored`, those are among them whose outputs DVC took from its run cache.
        """
        said = self.dvc("repro", *options, spy=spy)
        ran = re.findall(r"^Running stage '(.+)':$", said, re.MULTILINE)
        found = re.findall(r"^Stage '(.+)' is cached", said, re.MULTILINE) if restored else ()
        return {*ran, *found}

    def params(self) -> dict[str, Any]:
        return load_tree(self.folder / "params.yaml")

    def of_every_encoder(self, *stages: str) -> set[str]:
        """Return the names that DVC gives the instances of these stages."""
        params = self.params()
        return {f"{one}@{key}" for one in stages for key in loop_entries(GRAPH[one], params)}

    def change(self, path: str, value: Any) -> None:
        """Set one key of the study, or remove it if the value is None."""
        study = self.params()
        *above, key = path.split(".")
        node = study
        for name in above:
            node = node[name]
        if value is None:
            del node[key]
        else:
            node[key] = value
        (self.folder / "params.yaml").write_text(yaml.safe_dump(study, sort_keys=False))

    def commit(self, subject: str) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "--message", subject)

    def restore(self, *options: str) -> None:
        """Check out main, and delete what git does not know; `options` are those of git clean."""
        self.run("git", "checkout", "--quiet", "--force", "main")
        self.run("git", "clean", "--quiet", "--force", *options)

    def results(self) -> dict[str, dict[str, str]]:
        """Return the SHA-256 of every result, by folder and path."""
        return {name: folder_digests(self.folder / name) for name in ("data", "metrics", "plots")}

    def lock(self) -> dict[str, Any]:
        """Return the stages in the lock file."""
        return load_tree(self.folder / "dvc.lock")["stages"]


def clone(repository: Path, folder: Path) -> Workspace:
    """Clone a repository's main, for somebody who commits; .venv is the environment of the tests.

    make finds it up to date, and nothing that it writes there reaches the environment's own folder.
    """
    Workspace(folder.parent).run(
        "git", "clone", "--quiet", "--branch", "main", str(repository), str(folder)
    )
    made = Workspace(folder)
    made.run("git", "config", "user.name", "test")
    made.run("git", "config", "user.email", "test@localhost")
    (folder / ".venv").mkdir()
    for entry in Path(sys.prefix).iterdir():
        if entry.name not in READY:
            (folder / ".venv" / entry.name).symlink_to(entry)
    for name in READY:
        (folder / ".venv" / name).touch()
    return made


def new_workspace(folder: Path) -> Workspace:
    """Copy the files that git would track here, with the nano study as params.yaml."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    files = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, files.split("\0")):
        result = name.startswith(RESULTS) and not name.endswith(".gitkeep")
        if (ROOT / name).is_file() and not result:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    shutil.copy2(NANO, folder / "params.yaml")
    workspace = Workspace(folder)
    workspace.run(sys.executable, "-m", "stages", "code")  # if code.json is not up to date
    workspace.run("git", "init", "--quiet", "--initial-branch", "main")
    workspace.run("git", "config", "user.name", "test")
    workspace.run("git", "config", "user.email", "test@localhost")
    workspace.commit("The nano study")
    return workspace
