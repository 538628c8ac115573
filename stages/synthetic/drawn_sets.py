"""Write the synthetic datasets: images are drawn and written block by block."""

from collections.abc import Iterator
from pathlib import Path

from stages.config.synthetic import CLASSES, Adversarial, Captioned, Labelled, Probe, Recipe, World
from stages.datasets.broden.writer import broden_files
from stages.datasets.card import DatasetCard, write_card
from stages.datasets.images import encode_png
from stages.datasets.shards import write_images
from stages.datasets.tar import write_shards
from stages.files.folders import complete_directory
from stages.synthetic.blocks import Block, block_captions, draw_blocks
from stages.synthetic.probe import draw_probe, probe_concepts

LICENCE = "Apache-2.0"


def write_drawn_set(name: str, recipe: Recipe, world: World, directory: Path) -> None:
    """Draw the set `name` and write its shards and card to `directory`, all of it or nothing.

    Raises
    ------
    InputError
        The disk is full, or an adversarial set's reference net errs too rarely.
    """
    with complete_directory(directory) as partial:
        if isinstance(recipe, Probe):
            # In one shard: the tables count labels and can be written only after the last image.
            files = broden_files(draw_probe(recipe, world), probe_concepts(), "world")
            shards = write_shards(files, recipe.images + 1, partial)
        else:
            shards = write_images(_images(recipe, world), world.images_per_shard, partial)
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
        # Imported here because no other synthetic set needs PyTorch.
        from stages.synthetic.adversarial import adversarial_blocks

        return adversarial_blocks(recipe, world)
    return draw_blocks(recipe, world)


def _images(
    recipe: Labelled | Captioned | Adversarial, world: World
) -> Iterator[tuple[bytes, int | None, str | None]]:
    for block in _blocks(recipe, world):
        captions: list[str | None] = [None] * len(block.images)
        if isinstance(recipe, Captioned):
            captions = [*block_captions(recipe, world, block)]
        classes = block.attributes.class_.tolist()
        yield from zip(map(encode_png, block.images), classes, captions, strict=True)
