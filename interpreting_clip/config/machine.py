"""What a computer gives to a computation: it decides how long that takes, and no result."""

import os
from typing import Annotated

import msgspec

from interpreting_clip.quantities import Count, Place, StrictStruct, Url


def usable_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Machine(StrictStruct, frozen=True, kw_only=True):
    """A computer's device, memory, processors and folders.

    `device` is torch's name of it, and `batch_size` the images of a forward pass. `processes` share
    the batches of a training or of an extraction, and `workers` load images, in all processes
    together. `downloads` keeps downloaded files; relative paths of a study begin in `folders`; the
    files of any host but the hub's are taken from `mirror`, if there is one.
    """

    device: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^(cpu|cuda(:\d+)?|mps)$", extra={"legal": "cpu, cuda, cuda:1 or mps"}
        ),
    ] = "cpu"
    batch_size: Count = 256
    processes: Count = 1
    workers: Count = msgspec.field(default_factory=usable_processors)
    downloads: Place = ".scratch/downloads"
    folders: Place = "."
    mirror: Url | None = None
