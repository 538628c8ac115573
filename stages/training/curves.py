"""The training curve, as DVCLive writes it: `dvc plots` and the editors' extensions draw it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

Point = Mapping[str, float | int]
"""One point of a curve: `step`, the steps taken, and the metrics since the point before."""

Curve = Callable[[Point], None]
"""Takes the points of a curve, one after the other."""


@contextmanager
def open_curve(directory: Path) -> Iterator[Curve]:
    """Start a curve in `directory`, in place of what is there.

    DVCLive is imported here because it takes half a second. It is asked for the metrics alone:
    the plots are declared in dvc.yaml, the experiment is DVC's to save, and a time or a fact of
    the machine in a file would give every run other bytes.
    """
    from dvclive.live import Live

    with Live(str(directory), dvcyaml=None, report=None, save_dvc_exp=False) as live:

        def log(point: Point) -> None:
            live.step = int(point["step"])
            for name in sorted(point.keys() - {"step"}):
                live.log_metric(name, float(f"{point[name]:.6g}"))
            live.make_summary()

        yield log
