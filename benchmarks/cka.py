"""CKA of two encoders against bare forward passes: the table of cka.md.

RN50 and ViT-B/32 with random weights see the same photographs, which are in memory at their size.
Ours is what the stages `extract_layers` and `cka` compute: Gram matrices of every layer, with and
without outlier features, and all comparisons. Bare is a forward pass of both towers. They take
turns in one process.
"""

from collections.abc import Mapping

import numpy as np

from benchmarks.extraction import BACKBONES
from benchmarks.tables import Row, ratios_in_turn, write_table
from interpreting_clip.config.machine import Machine
from interpreting_clip.encoders.activations import image_tower
from interpreting_clip.encoders.encoder import forward_passes, initialise
from interpreting_clip.encoders.entries import AnyBackbone
from interpreting_clip.encoders.layers import evenly_spaced_minibatches, layer_grams
from interpreting_clip.loading.preprocess import to_tower
from interpreting_clip.measures.cka import layer_cka
from interpreting_clip.measures.grams import OutlierLimits
from runner.process import keep_memory
from tests.pipeline.official_layouts import photograph

IMAGES, MINIBATCH, ROUNDS = 128, 64, 3
LIMITS = OutlierLimits(sigma=6.0, share=0.5)


def main() -> None:
    """Measure, print and write the table."""
    keep_memory()
    names = " and ".join(BACKBONES)
    title = f"CKA of {names} on {IMAGES} images in minibatches of {MINIBATCH}"
    write_table("cka", title, compared(BACKBONES, IMAGES, MINIBATCH, ROUNDS))


def compared(
    backbones: Mapping[str, AnyBackbone], images: int, minibatch: int, rounds: int
) -> list[Row]:
    """Return the lines of the table, for two towers with the same preprocessing."""
    encoders = [initialise(backbone, 0) for backbone in backbones.values()]
    preprocess, machine = encoders[0].card.preprocess, Machine(batch_size=minibatch)
    side = preprocess.size, preprocess.size
    pixels = np.stack([np.asarray(photograph(f"{i}", i, side)) for i in range(images)])
    minibatches = evenly_spaced_minibatches(images, images, minibatch)
    batches = [to_tower(pixels[rows], preprocess) for rows in minibatches]
    towers = [image_tower(encoder, machine.device) for encoder in encoders]

    def bare_passes() -> None:
        with forward_passes(machine.device, "float32"):
            for tower in towers:
                for batch in batches:
                    tower(batch)

    def ours() -> None:
        one, two = (
            layer_grams(encoder, pixels, minibatches, machine, "float32", limits=LIMITS)
            for encoder in encoders
        )
        layer_cka(one, two)

    ratio = ratios_in_turn({"bare": bare_passes, "ours": ours}, rounds)
    return [Row("ours over bare passes", f"{ratio('ours', 'bare'):.3f}", "at most 1.05")]


if __name__ == "__main__":
    main()
