"""Datasets whose source is the procedural world: drawn and written block by block."""

from collections.abc import Iterator
from pathlib import Path

from stages.config.synthetic import CLASSES, Adversarial, Captioned, Labelled, Probe, Recipe, World
from stages.datasets.broden.writer import BrodenWriter
from stages.datasets.card import DatasetCard, write_card
from stages.datasets.images import encode_png
from stages.datasets.shards import ShardWriter
from stages.files.folders import complete_directory
from stages.synthetic.adversarial import adversarial_blocks
from stages.synthetic.draw import Block, block_captions, draw_blocks
from stages.synthetic.probe import draw_probe, probe_concepts

LICENCE = "Apache-2.0"


def write_world_dataset(name: str, recipe: Recipe, world: World, directory: Path) -> None:
    """Draw the set `name` and write its shards and card to `directory`, whole or not at all.

    Raises
    ------
    InputError
        The disk is full, or an adversarial set's reference net errs too rarely.
    """
    with complete_directory(directory) as partial:
        if isinstance(recipe, Probe):
            shards = _write_probe(recipe, world, partial)
        else:
            shards = _write_shards(recipe, world, partial)
        card = DatasetCard(
            dataset=name,
            images=recipe.images,
            classes=list(CLASSES),
            class_indices=recipe.class_indices,
            source="world",
            licence=LICENCE,
            shards=shards,
        )
        write_card(card, partial)


def _blocks(recipe: Labelled | Captioned | Adversarial, world: World) -> Iterator[Block]:
    if isinstance(recipe, Adversarial):
        return adversarial_blocks(recipe, world)
    return draw_blocks(recipe, world)


def _write_shards(
    recipe: Labelled | Captioned | Adversarial, world: World, directory: Path
) -> dict[str, str]:
    with ShardWriter(directory, world.images_per_shard) as writer:
        for block in _blocks(recipe, world):
            captioned = isinstance(recipe, Captioned)
            captions = block_captions(recipe, world, block) if captioned else []
            for row, image in enumerate(block.images):
                class_ = int(block.attributes.class_[row])
                writer.add(encode_png(image), class_, captions[row] if captioned else None)
    return writer.shards


def _write_probe(recipe: Probe, world: World, directory: Path) -> dict[str, str]:
    shard = "shard-00000.tar"
    with BrodenWriter(directory / shard, probe_concepts(), "world") as writer:
        for image, maps, numbers in draw_probe(recipe, world):
            writer.add(image, maps, numbers)
    return {shard: writer.sha256}
