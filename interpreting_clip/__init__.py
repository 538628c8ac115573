"""What makes image encoders robust: measures for arrays.

    import interpreting_clip as ic

    ic.kurtosis(activations)                # a row for each image
    ic.directions(activations, head=head)   # a row of the head for each class

* activations alone: `kurtosis`, `outlier_features`, `participation_ratio`, `privileged_basis`
* and a head: `accuracy`, `directions`, `pruning`
* and which image shows which concept: `concepts`
* the same images through two encoders: `cka`
* accuracies alone: `effective_robustness`
* `chart` draws a result, or those of several encoders

Activations come first, and everything else is a keyword. They may be arrays of NumPy, tensors of
PyTorch on any device, arrays of JAX or lists. A result shows itself as a table; `to_frame()` is
this table in pandas, `to_dict()` all of it as plain values. docs/arrays.md introduces the
functions; docs/measures.md defines what they measure.

The functions behind them are in `interpreting_clip.measures`, each in a module of its own: pure
functions of arrays of NumPy. They need no PyTorch; the encoders, trainings and datasets in the
other packages do.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors: completion and types of what `__getattr__` imports
    from interpreting_clip.api import (
        accuracy,
        cka,
        concepts,
        directions,
        effective_robustness,
        kurtosis,
        outlier_features,
        participation_ratio,
        privileged_basis,
        pruning,
    )
    from interpreting_clip.charts.results import chart

    __version__: str

__all__ = (
    "accuracy",
    "chart",
    "cka",
    "concepts",
    "directions",
    "effective_robustness",
    "kurtosis",
    "outlier_features",
    "participation_ratio",
    "privileged_basis",
    "pruning",
)


def __getattr__(name: str) -> Any:
    """Import the measures, or the charts, when the first of them is used (PEP 562).

    So a stage, which imports the module of its measure, loads no other; and its fingerprint counts
    no other (`runner.source_code`).
    """
    if name == "__version__":
        from importlib.metadata import version

        return version("interpreting-clip")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "chart":
        from interpreting_clip.charts.results import chart

        return chart
    from interpreting_clip import api

    return getattr(api, name)


def __dir__() -> list[str]:
    """Return the names, those of the measures too, for completion."""
    return sorted([*globals(), *__all__, "__version__"])
