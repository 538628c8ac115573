"""Brings a real dataset into its folder: one explicit dispatch over the kinds."""

from pathlib import Path

from stages.datasets.entries import Broden, Captions, ImageNetCaptions, RealEntry, Shards
from stages.datasets.imagenet_classes import read_imagenet_classes
from stages.datasets.published_sets import published_set
from stages.datasets.real_broden import write_real_broden
from stages.datasets.real_source import write_real_dataset
from stages.datasets.real_sources import open_captions, open_classified, open_imagenet_captions
from stages.storage.machine import Machine


def write_real(
    key: str, entry: RealEntry, shards: Shards, directory: Path, machine: Machine
) -> None:
    """Download or read the dataset `key` and write it to `directory`, whole or not at all.

    Raises
    ------
    InputError
        The source cannot be had, is not what the entry says, or is not the whole set.
    """
    if isinstance(entry, Broden):
        write_real_broden(key, entry, shards, directory, machine)
        return
    if isinstance(entry, Captions):
        source = open_captions(entry, machine)
    else:
        published = published_set(entry, read_imagenet_classes())
        if isinstance(entry, ImageNetCaptions):
            source = open_imagenet_captions(entry, published, machine)
        else:
            source = open_classified(entry, published, machine)
    write_real_dataset(key, entry, source, shards, directory, workers=machine.workers)
