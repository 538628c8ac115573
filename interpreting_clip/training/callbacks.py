"""Where a training reports while it runs: its curve, its checkpoint and its progress bar."""

import hashlib
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from interpreting_clip.config.machine import Machine
from interpreting_clip.errors import one_line
from interpreting_clip.formats.json import write_whole
from interpreting_clip.kernels import are_portable
from interpreting_clip.loading.processes import is_first

SCRATCH = Path(".scratch")
"""The folder of checkpoints: outside of what DVC deletes before a run."""

FILE = "checkpoint.safetensors"

Point = Mapping[str, float | int]
"""One point of a training curve: `step`, the steps taken, and the metrics since the last point."""


class Checkpoint:
    """The checkpoint of one training, saved whole or not at all, at most every so many seconds.

    Tensors are in safetensors, and everything else is JSON in its header, so nothing is ever
    executed. The header also has a SHA-256 of all this and of the folder's name, which is the
    training's key. A thread computes it and writes the file, while the training goes on.
    """

    def __init__(self, directory: Path, seconds: float = 60.0) -> None:
        self.file = directory / FILE
        self.seconds = seconds
        self.saved = time.monotonic()
        self.thread = ThreadPoolExecutor(1)
        self.writing: Future[None] | None = None

    def is_due(self) -> bool:
        """Say whether the last save was long enough ago."""
        return time.monotonic() - self.saved >= self.seconds

    def save(self, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
        """Copy all this, and begin to replace the checkpoint; wait first for the last save to end.

        Raises
        ------
        OSError
            The last save has failed.
        """
        self.finish()
        # Copies, since the next step changes weights and moments. safetensors refuses tensors that
        # are not contiguous, such as kernels with channels last.
        layout = torch.contiguous_format
        copies = {
            key: tensor.detach().to("cpu", copy=True, memory_format=layout)
            for key, tensor in tensors.items()
        }
        self.writing = self.thread.submit(self._write, copies, json.dumps(facts))
        self.saved = time.monotonic()

    def _write(self, copies: Mapping[str, torch.Tensor], facts: str) -> None:
        from safetensors.torch import save

        header = {"facts": facts, "sha256": self._digest(copies, facts)}
        write_whole(self.file, save(dict(copies), header))

    def finish(self) -> None:
        """Wait until the last save has ended.

        Raises
        ------
        OSError
            It has failed.
        """
        writing, self.writing = self.writing, None
        if writing is not None:
            writing.result()

    @contextmanager
    def finished(self) -> Iterator[None]:
        """Let the last save end, well or not, if what is inside the `with` block fails."""
        try:
            yield
        except BaseException:
            with suppress(Exception):  # the other error is the cause of the end
                self.finish()
            raise

    def load(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Return what was saved, or None if there is no checkpoint.

        A checkpoint that is damaged or belongs to another training is ignored: the training starts
        again.
        """
        from safetensors import SafetensorError, safe_open

        self.finish()
        try:
            with safe_open(self.file, "pt") as stream:
                tensors = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118
                header = stream.metadata()
            if self._digest(tensors, header["facts"]) != header["sha256"]:
                raise ValueError("not the bytes that were saved here")
            return tensors, json.loads(header["facts"])
        except FileNotFoundError:
            return None
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            why = one_line(str(error))
            sys.stderr.write(f"{self.file}: damaged ({why}); the training starts again\n")
            return None

    def _digest(self, tensors: Mapping[str, torch.Tensor], facts: str) -> str:
        # With the folder's name, the training's key, so that another training's file is refused
        # here.
        digest = hashlib.sha256(f"{self.file.parent.name} {facts}".encode())
        for key, tensor in sorted(tensors.items()):
            digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()

    def remove(self) -> None:
        """Delete the checkpoint of a finished training, and its folder if that is empty."""
        self.finish()
        self.file.unlink(missing_ok=True)
        if self.file.parent.exists() and not any(self.file.parent.iterdir()):
            self.file.parent.rmdir()


@dataclass(frozen=True)
class Callbacks:
    """The callbacks of a training; each is optional.

    `log` gets each point of the curve; `checkpoint` is saved to and resumed from; `name` is shown
    beside the progress bar and in errors.
    """

    log: Callable[[Point], None] | None = None
    checkpoint: Checkpoint | None = None
    name: str = "training"

    def remove_checkpoint(self) -> None:
        """Delete the checkpoint of a training whose weights are in place."""
        if self.checkpoint:
            self.checkpoint.remove()


def training_callbacks(name: str, directory: Path, machine: Machine, *facts: object) -> Callbacks:
    """Return the callbacks of a training: its curve in a folder, and the checkpoint for the facts.

    `facts` are everything that decides the result besides the machine's kind of device and whether
    it compiles: recipe, backbone, fingerprint of the code, digests of the data.
    """
    kind = torch.device(machine.device).type + (" compiled" if machine.compile else "")
    checkpoint = Checkpoint(SCRATCH / training_key(kind, *map(msgspec.json.encode, facts)))

    def log(point: Point) -> None:
        if is_first():
            log_point(directory, point)

    return Callbacks(log, checkpoint, name)


def log_point(directory: Path, point: Point) -> None:
    """Add a point to the curve in a folder, in the files that DVCLive writes and `dvc plots` draws.

    `plots/metrics/<metric>.tsv` has a row per point, and `metrics.json` the last one. Times and
    facts about the machine are left out: they would give every run other bytes.
    """
    step = int(point["step"])
    values = {name: float(f"{point[name]:.6g}") for name in sorted(point.keys() - {"step"})}
    metrics = directory / "plots" / "metrics"
    metrics.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        with (metrics / f"{name}.tsv").open("a") as stream:
            header = "" if stream.tell() else f"step\t{name}\n"
            stream.write(f"{header}{step}\t{value}\n")
    text = json.dumps({**values, "step": step}, indent=4)
    write_whole(directory / "metrics.json", f"{text}\n".encode())


def training_key(device: str, *facts: bytes) -> str:
    """Return the name under which a training is resumed: a hash of all that decides its result.

    The caller gives the kind of device, the recipe, the fingerprint of the code and the digests of
    the data. The hash adds the kind of processor, its vector instructions and the kernels of this
    process, so that a training never resumes from another program's weights. It leaves out the
    number of processes and workers, which decides nothing.
    """
    kernels = "portable" if are_portable() else "native"
    # torch calls the instructions of an ARM processor and of an old x86-64 one DEFAULT.
    capability = platform.machine(), torch.backends.cpu.get_cpu_capability()
    machine = device, *capability, kernels
    digest = hashlib.sha256()
    for fact in (*facts, *map(str.encode, machine)):
        # Each fact's length comes first, so that no two lists of facts give the same bytes.
        digest.update(len(fact).to_bytes(8, "little") + fact)
    return digest.hexdigest()[:32]
