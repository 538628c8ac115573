"""What a training reports to while it runs: its curve, its checkpoint and its progress bar."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from stages.runtime.errors import InputError
from stages.training.checkpoints import SCRATCH, Checkpoint, training_key

Point = Mapping[str, float | int]
"""One point of a training curve: `step`, the steps taken, and the metrics since the last point."""


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
