"""Many untrained encoders of a backbone: the null of what training does to activations."""

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.config.machine import Machine
from interpreting_clip.encoders.activations import embed, image_tower
from interpreting_clip.encoders.encoder import forward_passes, initialise
from interpreting_clip.encoders.encoder_card import EncoderCard
from interpreting_clip.encoders.entries import AnyBackbone, ComputeType
from interpreting_clip.loading.batches import ImageDataset, image_batches
from interpreting_clip.loading.preprocess import Pixels, to_tower


def untrained_activations(
    backbone: AnyBackbone,
    seeds: Iterable[int],
    images: ImageDataset,
    rows: Int[np.ndarray, " image"],
    *,
    machine: Machine,
    precision: ComputeType,
) -> Iterator[tuple[EncoderCard, Float[np.ndarray, "image feature"]]]:
    """Yield the card and the activations of the untrained encoder of each seed.

    Each is the encoder that an entry of `weights` with `source: untrained` and this seed has. The
    images are preprocessed once and stay in memory, since seeds do not change how.

    Parameters
    ----------
    rows : which images
    """
    device, batches = machine.device, list[Pixels]()
    for seed in seeds:
        encoder = initialise(backbone, seed)
        preprocess = encoder.card.preprocess
        batches = batches or list(
            image_batches(
                images, rows, preprocess, machine.batch_size, machine.workers, device=device
            )
        )
        tower = image_tower(encoder, device)
        with forward_passes(device, precision):
            values = [embed(tower, to_tower(batch, preprocess, device)) for batch in batches]
        yield encoder.card, np.concatenate(values)
