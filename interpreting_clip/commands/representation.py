"""Whether the features that the command is given are rectified, and what has no meaning then."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from interpreting_clip.arrays.conversions import as_matrix
from interpreting_clip.catalogue import Step
from interpreting_clip.commands.given_files import recorded
from interpreting_clip.measures.privileged_basis import privileged_basis
from interpreting_clip.statistics.rectified import Representation, zero_share


def recorded_representation(file: Path) -> Representation | None:
    """Return what `extract` recorded about a file of activations; None if it is another file.

    Beside activations in `mine.npy`, `extract` writes the record into `mine.safetensors`.
    """
    about = recorded(file) or recorded(file.with_suffix(".safetensors"))
    return about.get("card", {}).get("representation")


def meaningful_steps(
    steps: Iterable[Step], activations: Any, representation: Representation | None
) -> Iterator[Step]:
    """Yield the measures, but `privileged_basis` of rectified features as one that lacks something.

    They differ from random directions by construction.

    Parameters
    ----------
    steps : the measures of these activations
    activations : one row per image; None if there are none
    representation : as recorded; None: the numbers decide (`zero_share`)
    """
    zeros = None
    if activations is not None:
        zeros = zero_share(as_matrix(activations, "activations"), representation)
    for name, title, needs, measure in steps:
        if name == privileged_basis.__name__ and zeros is not None:
            how = "as recorded" if representation else "by their numbers"
            lacking = (
                f"features that end in a linear layer; these are rectified ({how}: "
                f"{100 * zeros:.0f} % are exactly 0), so they differ from random directions by "
                "construction"
            )
            yield name, title, (lacking,), measure
        else:
            yield name, title, needs, measure
