"""What makes image encoders robust: measures for arrays.

    import interpreting_clip as ic

    ic.kurtosis(activations)                # a row for each image
    ic.directions(activations, head=head)   # a row of the head for each class

* activations alone: `kurtosis`, `outlier_features`, `participation_ratio`, `privileged_basis`
* and a head: `accuracy`, `directions`, `pruning`
* the same images before and after a change: `accuracy_drop`
* and which image shows which concept: `concepts`
* and the captions of the images: `modality_gap`
* the same images through two encoders: `cka` and others
* accuracies alone: `effective_robustness`
* several encoders on the same images: `compare`
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
    from interpreting_clip.charts.chart import chart as chart
    from interpreting_clip.comparison import compare as compare
    from interpreting_clip.measures.accuracy import accuracy as accuracy
    from interpreting_clip.measures.accuracy_drop import accuracy_drop as accuracy_drop
    from interpreting_clip.measures.cka import cka as cka
    from interpreting_clip.measures.concepts import concepts as concepts
    from interpreting_clip.measures.directions import directions as directions
    from interpreting_clip.measures.effective_robustness import (
        effective_robustness as effective_robustness,
    )
    from interpreting_clip.measures.kurtosis import kurtosis as kurtosis
    from interpreting_clip.measures.kurtosis import outlier_features as outlier_features
    from interpreting_clip.measures.layer_outliers import layer_outliers as layer_outliers
    from interpreting_clip.measures.massive_activations import (
        massive_activations as massive_activations,
    )
    from interpreting_clip.measures.modality_gap import modality_gap as modality_gap
    from interpreting_clip.measures.mutual_neighbours import mutual_neighbours as mutual_neighbours
    from interpreting_clip.measures.participation_ratio import (
        participation_ratio as participation_ratio,
    )
    from interpreting_clip.measures.privileged_basis import privileged_basis as privileged_basis
    from interpreting_clip.measures.pruning import pruning as pruning

    __version__: str

else:  # type checkers would take any name for one that `__getattr__` knows

    def __getattr__(name: str) -> Any:
        """Import the measures, or the charts, when the first of them is used (PEP 562).

        So a stage, which imports the module of its measure, loads no other; and its fingerprint
        counts no other (`runner.source_code`).
        """
        from importlib.util import find_spec

        if name == "__version__":
            from importlib.metadata import version

            return version("interpreting-clip")
        if name == "chart":
            from interpreting_clip.charts.chart import chart

            return chart
        if name == "compare":
            from interpreting_clip.comparison import compare

            return compare
        # `from interpreting_clip import measures` asks for the name before it imports the module.
        if name == "__all__" or not (name.startswith("_") or find_spec(f"{__name__}.{name}")):
            from interpreting_clip.catalogue import MEASURES

            if name == "__all__":
                return (*MEASURES, "compare", "chart")
            if name in MEASURES:
                return MEASURES[name].function
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        """Return the names, those of the measures too, for completion."""
        return sorted([*globals(), *__getattr__("__all__"), "__version__"])
