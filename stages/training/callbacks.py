"""The training curve, as DVCLive writes it: `dvc plots` and the editors' extensions draw it."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stages.runtime.errors import InputError

Point = Mapping[str, float | int]
"""One point of a curve: `step`, the steps taken, and the metrics since the point before."""

Curve = Callable[[Point], None]
"""Takes the points of a curve, one after the other."""


@contextmanager
def none_where_refused(directory: Path) -> Iterator[None]:
    """Remove a curve whose training came upon bad input."""
    try:
        yield
    except InputError:
        shutil.rmtree(directory, ignore_errors=True)
        raise


@contextmanager
def open_curve(directory: Path) -> Iterator[Curve]:
    """Start a curve in `directory`, in place of what is there.

    DVCLive is asked for the metrics alone: the plots are declared
    in dvc.yaml, the experiment is DVC's to save, and a time or a fact of the machine in a file
    would give every run other bytes. A training that refuses its input leaves no curve.
    """
    from dvclive.live import Live

    with (
        none_where_refused(directory),
        Live(str(directory), dvcyaml=None, report=None, save_dvc_exp=False) as live,
    ):

        def log(point: Point) -> None:
            live.step = int(point["step"])
            for name in sorted(point.keys() - {"step"}):
                live.log_metric(name, float(f"{point[name]:.6g}"))
            live.make_summary()

        yield log
