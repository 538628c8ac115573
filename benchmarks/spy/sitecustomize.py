"""Python runs this in every process of a timed pipeline: it notes where a stage's time goes.

A line of JSON per stage goes to the file that `STAGE_TIMES` names: its name, its wall time, how
much of that was rendering, training or forward passes, and its peak memory.
"""

import time

START = time.perf_counter()

import atexit  # noqa: E402
import functools  # noqa: E402
import importlib.abc  # noqa: E402
import importlib.machinery  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

TIMED = {
    "interpreting_clip.synthetic.render": ("render", "render_masks"),
    "interpreting_clip.synthetic.adversarial": ("train_reference",),
    "interpreting_clip.training.loop": ("train",),
    "interpreting_clip.training.standard_models": ("standard_model_accuracies",),
    "interpreting_clip.encoders.activations": ("embed",),
    "interpreting_clip.encoders.layers": ("minibatch_grams",),
    "interpreting_clip.encoders.heads": ("encode_texts",),
}
"""The functions that render, train or pass images forward."""

SPENT = {"seconds": 0.0, "depth": 0}


def timed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add a function's time to the sum, once where timed functions call each other."""

    @functools.wraps(function)
    def wrapper(*arguments: Any, **named: Any) -> Any:
        start = time.perf_counter()
        SPENT["depth"] += 1
        try:
            return function(*arguments, **named)
        finally:
            SPENT["depth"] -= 1
            if not SPENT["depth"]:
                SPENT["seconds"] += time.perf_counter() - start

    return wrapper


class Finder(importlib.abc.MetaPathFinder):
    """Wraps the timed functions of a module as soon as it has been loaded."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """Find one of our modules as Python would, with a loader that wraps."""
        if name not in TIMED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            load = spec.loader.exec_module

            def load_and_wrap(module: Any) -> None:
                load(module)
                for function in TIMED[name]:
                    setattr(module, function, timed(getattr(module, function)))

            spec.loader.exec_module = load_and_wrap  # pyright: ignore
        return spec


def report() -> None:
    """Append this stage's line."""
    line = {
        "stage": "@".join(sys.argv[1:]),
        "seconds": time.perf_counter() - START,
        "compute": SPENT["seconds"],
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    with Path(os.environ["STAGE_TIMES"]).open("a") as stream:
        stream.write(f"{json.dumps(line)}\n")


if "STAGE_TIMES" in os.environ and "stages" in sys.orig_argv:
    sys.meta_path.insert(0, Finder())
    atexit.register(report)
