"""Real datasets: looked through, chosen, checked image by image and written as our shards."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from stages.datasets.card import DatasetCard, write_card
from stages.datasets.checked_photos import checked
from stages.datasets.completeness import require_complete
from stages.datasets.entries import RealEntry, Shards
from stages.datasets.photos import Source
from stages.datasets.published_sets import PublishedSet
from stages.datasets.shard_writer import ShardWriter
from stages.datasets.subset import choose
from stages.storage.complete import complete_directory
from stages.storage.errors import InputError, found_in

UNKNOWN_LICENCE = "that of the images' authors"
"""The licence of captioned images of which nothing is known."""


def write_real_dataset(
    key: str, entry: RealEntry, source: Source, shards: Shards, directory: Path, *, workers: int
) -> None:
    """Write the set `key` as shards and card to `directory`, whole or not at all.

    The bytes of an image stay as they are, and images keep the order of their source. Each is
    decoded once: a broken file is found here and not after hours of a later stage.

    Raises
    ------
    InputError
        The set is incomplete, an image is broken, or the disk is full.
    """
    published = source.published
    with found_in(source.where):
        survey = source.photos.survey()
        require_complete(survey, published, partial=entry.partial)
        chosen = choose(survey, entry.limit)
    with complete_directory(directory) as partial:
        with ShardWriter(partial, shards.images_per_shard) as writer:
            digest = _write(key, source, chosen, writer, workers)
        card = DatasetCard(
            dataset=key,
            images=writer.images,
            classes=published.classes if published else [],
            class_indices=sorted({class_ for class_ in chosen.values() if class_ is not None}),
            source=entry.source,
            licence=published.licence if published else UNKNOWN_LICENCE,
            shards=writer.shards,
            aliases=_aliases(published, chosen),
            border=published.border if published else 0,
            partial=entry.partial,
            origin={place: content or digest for place, content in source.origin.items()},
        )
        write_card(card, partial)


def _write(
    key: str, source: Source, chosen: Mapping[str, int | None], writer: ShardWriter, workers: int
) -> str:
    """Write the chosen images; return the digest of all that was read."""
    from tqdm import tqdm

    digest, border = hashlib.sha256(), source.published.border if source.published else 0
    photos = checked(source.photos.photos(chosen), border, source.where, workers)
    for photo, data in tqdm(photos, f"fetch {key}", len(chosen), unit="image", disable=None):
        digest.update(f"{photo.path}\0{hashlib.sha256(data).hexdigest()}\n".encode())
        writer.add(data, photo.class_, photo.caption)
    if writer.images != len(chosen):
        raise InputError(f"{source.where}: its files changed while they were read; fetch it again")
    return digest.hexdigest()


def _aliases(published: PublishedSet | None, chosen: Mapping[str, int | None]) -> dict[int, int]:
    """Those whose class is in the set, of which a partial one may lack some."""
    aliases = published.aliases if published else {}
    there = set(chosen.values())
    return {alias: class_ for alias, class_ in aliases.items() if class_ in there}
