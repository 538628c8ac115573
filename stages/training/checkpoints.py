"""Where an interrupted training goes on: one file, outside of what DVC deletes before a run."""

import hashlib
import json
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from stages.files.json import write_whole

SCRATCH = Path(".scratch")
FILE = "checkpoint.safetensors"


def training_key(*facts: str | bytes) -> str:
    """Return the name under which a training is resumed: a hash of all that decides its result.

    The caller gives the recipe and the digests of the data. The source of every module of this
    project that is imported, torch's version and the name of the machine's processor are added:
    a training never goes on from the weights of another program.
    """
    digest = hashlib.sha256()
    for fact in (
        *facts,
        *loaded_sources(),
        torch.__version__,
        torch.backends.cpu.get_cpu_capability(),
    ):
        content = fact.encode() if isinstance(fact, str) else fact
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()[:32]


def loaded_sources() -> Iterable[bytes]:
    """Yield the source of every imported module of this project, in the order of their names."""
    package = __name__.partition(".")[0]
    for name in sorted(name for name in sys.modules if name.startswith(f"{package}.")):
        file = getattr(sys.modules[name], "__file__", None)
        if file:
            yield name.encode() + b"\0" + Path(file).read_bytes()


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
