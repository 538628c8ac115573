"""What makes image encoders robust: measures for arrays.

    import interpreting_clip as ic

    ic.kurtosis(activations)                # a row for each image
    ic.directions(activations, head=head)   # a row of the head for each class

* activations alone: `kurtosis`, `outlier_features`, `participation_ratio`, `privileged_basis`
* and a head: `accuracy`, `directions`, `pruning`
* and which image shows which concept: `concepts`
* the same images through two encoders: `cka` and others
* accuracies alone: `effective_robustness`
* `chart` draws a result, or those of several encoders

Activations come first, and everything else is a keyword. They may be arrays of NumPy, tensors of
PyTorch on any device, arrays of JAX or lists. A result shows itself as a table; `to_frame()` is
this table in pandas, `to_dict()` all of it as plain values. docs/arrays.md introduces the
functions; docs/measures.md defines what they measure.

They are the functions of the modules in `interpreting_clip.measures`, and need no PyTorch; the
encoders, trainings and datasets in the other packages do.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors: completion and types of what `__getattr__` imports
    from interpreting_clip.catalogue import *  # noqa: F403
    from interpreting_clip.charts.chart import chart as chart

    __version__: str


def __getattr__(name: str) -> Any:
    """Import the measures, or the charts, when the first of them is used (PEP 562).

    So a stage, which imports the module of its measure, loads no other; and its fingerprint counts
    no other (`runner.source_code`).
    """
    from importlib.util import find_spec

    if name == "__version__":
        from importlib.metadata import version

        return version("interpreting-clip")
    if name == "chart":
        from interpreting_clip.charts.chart import chart

        return chart
    # `from interpreting_clip import measures` asks for the name before it imports the module.
    if name == "__all__" or not (name.startswith("_") or find_spec(f"{__name__}.{name}")):
        from interpreting_clip.catalogue import MEASURES

        if name == "__all__":
            return (*MEASURES, "chart")
        if name in MEASURES:
            return MEASURES[name].function
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the names, those of the measures too, for completion."""
    return sorted([*globals(), *__getattr__("__all__"), "__version__"])
