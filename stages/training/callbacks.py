"""What a training reports to while it runs: its curve, its checkpoint and its progress bar."""

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from stages.files.json import write_whole
from stages.runtime.errors import InputError

SCRATCH = Path(".scratch")
"""The folder of checkpoints: outside of what DVC deletes before a run."""

FILE = "checkpoint.safetensors"

Point = Mapping[str, float | int]
"""One point of a training curve: `step`, the steps taken, and the metrics since the last point."""


class Checkpoint:
    """The checkpoint of one training, saved whole or not at all, at most every so many seconds.

    Tensors are in safetensors, all else is JSON in its header: nothing in it is ever executed.
    """

    def __init__(self, directory: Path, seconds: float = 60.0) -> None:
        self.file = directory / FILE
        self.seconds = seconds
        self.saved = time.monotonic()

    def is_due(self) -> bool:
        """Say whether the last save is long enough ago."""
        return time.monotonic() - self.saved >= self.seconds

    def save(self, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
        """Replace the checkpoint."""
        from safetensors.torch import save

        copies = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
        write_whole(self.file, save(copies, {"facts": json.dumps(facts)}))
        self.saved = time.monotonic()

    def load(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Return what was saved, or None if there is no checkpoint.

        A damaged checkpoint counts as none: the training starts again.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.file, "pt") as stream:
                tensors = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118
                return tensors, json.loads(stream.metadata()["facts"])
        except FileNotFoundError:
            return None
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            sys.stderr.write(f"{self.file}: damaged ({error}); the training starts again\n")
            return None

    def remove(self) -> None:
        """Delete the checkpoint of a training that is done, and its folder when it is empty."""
        self.file.unlink(missing_ok=True)
        if self.file.parent.exists() and not any(self.file.parent.iterdir()):
            self.file.parent.rmdir()


@dataclass(frozen=True)
class Callbacks:
    """What is called during a training, each where it is given.

    `log` takes each point of the curve; `checkpoint` is saved to and resumed from; `name` stands
    beside the progress bar and in errors.
    """

    log: Callable[[Point], None] | None = None
    checkpoint: Checkpoint | None = None
    name: str = "training"


@contextmanager
def training_callbacks(key: str, *facts: object) -> Iterator[Callbacks]:
    """Open the curve of encoder `key`, and the checkpoint of the training with these facts.

    `facts` are all that decides the result beside the code: recipe, backbone, digests of the data.
    A training that refuses its input leaves no curve.
    """
    checkpoint = Checkpoint(SCRATCH / training_key(*map(msgspec.json.encode, facts)))
    with dvclive_logger(Path("data/training") / key) as log:
        yield Callbacks(log, checkpoint, key)


@contextmanager
def dvclive_logger(directory: Path) -> Iterator[Callable[[Point], None]]:
    """Start a curve in `directory`, in place of what is there; `dvc plots` and editors draw it.

    DVCLive writes the metrics alone: the plots are declared in dvc.yaml, DVC saves the experiment,
    and times or facts of the machine would give every run other bytes.
    """
    from dvclive.live import Live

    try:
        with Live(str(directory), dvcyaml=None, report=None, save_dvc_exp=False) as live:

            def log(point: Point) -> None:
                live.step = int(point["step"])
                for name in sorted(point.keys() - {"step"}):
                    live.log_metric(name, float(f"{point[name]:.6g}"))
                live.make_summary()

            yield log
    except InputError:
        shutil.rmtree(directory, ignore_errors=True)
        raise


def training_key(*facts: bytes) -> str:
    """Return the name under which a training is resumed: a hash of all that decides its result.

    The caller gives the recipe and the digests of the data. The source of every module of this
    project that is imported, torch's version and the name of the machine's processor are added:
    a training never goes on from the weights of another program.
    """
    program = torch.__version__, torch.backends.cpu.get_cpu_capability()
    digest = hashlib.sha256()
    for fact in (*facts, *loaded_sources(), *map(str.encode, program)):
        digest.update(len(fact).to_bytes(8, "little") + fact)
    return digest.hexdigest()[:32]


def loaded_sources() -> Iterable[bytes]:
    """Yield the source of every imported module of this project, in the order of their names."""
    package = __name__.partition(".")[0]
    for name in sorted(name for name in sys.modules if name.startswith(f"{package}.")):
        file = getattr(sys.modules[name], "__file__", None)
        if file:
            yield name.encode() + b"\0" + Path(file).read_bytes()
