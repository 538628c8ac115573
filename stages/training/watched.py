"""A training under watch: its curve beside its weights, its checkpoint in the scratch folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from stages.training.checkpoints import SCRATCH, Checkpoint, training_key
from stages.training.curves import open_curve
from stages.training.loop import Watch


@contextmanager
def watched(key: str, *facts: object) -> Iterator[Watch]:
    """Open the curve of encoder `key`, and the checkpoint that belongs to just these facts.

    `facts` are all that decides the result beside the code: recipe, backbone, digests of the data.
    """
    checkpoint = Checkpoint(SCRATCH / training_key(*map(msgspec.json.encode, facts)))
    with open_curve(Path("data/training") / key) as curve:
        yield Watch(curve, checkpoint, key)
