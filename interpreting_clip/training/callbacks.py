"""Where a training reports while it runs: its curve, its checkpoint and its progress bar."""

import hashlib
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping
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
    """The checkpoint of one training, saved whole or not at all.

    Tensors are in safetensors, and everything else is JSON in its header, so nothing is executed.
    Saves are `seconds` apart, or 60 times as long as the last one took, if that is longer: a large
    CLIP's 5 GB are written every ten minutes.
    """

    def __init__(self, directory: Path, seconds: float = 60.0) -> None:
        self.file, self.seconds = directory / FILE, seconds
        self.due = time.monotonic() + seconds

    def is_due(self) -> bool:
        """Say whether the last save was long enough ago."""
        return time.monotonic() >= self.due

    def save(self, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
        """Replace the checkpoint."""
        from safetensors.torch import save

        began = time.monotonic()
        # safetensors refuses tensors that share memory (tied weights), and those that are not
        # contiguous (kernels with channels last).
        layout = torch.contiguous_format
        copies = {
            key: tensor.detach().to("cpu", copy=True, memory_format=layout)
            for key, tensor in tensors.items()
        }
        said = json.dumps(facts)
        header = {"facts": said, "sha256": self._digest(copies, said)}
        write_whole(self.file, save(copies, header))
        ended = time.monotonic()
        self.due = ended + self.seconds * max(1.0, ended - began)

    def load(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Return the saved checkpoint, or None if it is missing or damaged."""
        from safetensors import SafetensorError, safe_open

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
        digest = hashlib.sha256(facts.encode())
        for key, tensor in sorted(tensors.items()):
            digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()

    def remove(self) -> None:
        """Delete the checkpoint of a finished training, and its folder if that is empty."""
        self.file.unlink(missing_ok=True)
        if self.file.parent.exists() and not any(self.file.parent.iterdir()):
            self.file.parent.rmdir()


@dataclass(frozen=True)
class Callbacks:
    """The callbacks of a training; each is optional.

    `log` gets each point of the curve; `checkpoint` is saved to and resumed from; `name` is shown
    with the progress bar and in errors.
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

    `facts` are all that decides the result besides the machine's kind of device: recipe, backbone,
    fingerprint of the code, digests of the data.
    """

    def log(point: Point) -> None:
        if is_first():
            log_point(directory, point)

    key = training_key(torch.device(machine.device).type, *facts)
    return Callbacks(log, Checkpoint(SCRATCH / key), name)


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


def training_key(device: str, *facts: object) -> str:
    """Return the name under which a training is resumed: a hash of all that decides its result.

    To the facts belong the processor's vector instructions and the kernels of this process: other
    ones compute other last digits. The number of processes and workers decides nothing.
    """
    kernels = "portable" if are_portable() else "native"
    # torch calls the instructions of an ARM processor and of an old x86-64 one DEFAULT.
    machine = device, platform.machine(), torch.backends.cpu.get_cpu_capability(), kernels
    return hashlib.sha256(msgspec.json.encode((*facts, *machine))).hexdigest()[:32]
