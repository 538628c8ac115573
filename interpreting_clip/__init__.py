"""What makes image encoders robust: the instruments, for arrays.

    import interpreting_clip as ic

    ic.kurtosis(activations)              # a row for each image
    ic.directions(head, activations)      # a row of the head for each class

* activations alone: `kurtosis`, `outlier_features`, `participation_ratio`, `privileged_basis`
* and a head: `accuracy`, `directions`, `pruning`
* and which image shows which concept: `concepts`
* the same images through two encoders: `cka`
* accuracies alone: `effective_robustness`

They take arrays of NumPy, tensors of PyTorch on any device, arrays of JAX and lists, and return
results that show themselves as a table. docs/arrays.md introduces them; docs/measures.md defines
what they measure.

The functions behind them, with all that they leave out, are in `interpreting_clip.measures`, each
in a module of its own: pure functions of arrays of NumPy. They need NumPy alone; the encoders,
trainings and datasets in the other packages need PyTorch.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors: completion and types of what `__getattr__` imports
    from interpreting_clip.instruments.functions import (
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

__all__ = (
    "accuracy",
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
    """Import the instruments when the first of them is used (PEP 562).

    So a stage, which imports the module of its measure, loads no other; and its fingerprint counts
    no other (`runner.source_code`).
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from interpreting_clip.instruments import functions

    return getattr(functions, name)


def __dir__() -> list[str]:
    """Return the names, those of the instruments too, for completion."""
    return sorted([*globals(), *__all__])
