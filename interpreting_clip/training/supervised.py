"""Training on labels: of a classifier from scratch, or of a CLIP with its zero-shot head."""

import numpy as np
import torch
from jaxtyping import Int

from interpreting_clip.encoders.encoder import Encoder
from interpreting_clip.loading.batches import ImageDataset
from interpreting_clip.loading.preprocess import to_device, to_tower
from interpreting_clip.loading.processes import add_up
from interpreting_clip.training.callbacks import Callbacks
from interpreting_clip.training.loop import Objective, train
from interpreting_clip.training.pieces import Pieces, forward_pass
from interpreting_clip.training.recipes import TrainingPrecision, TrainingRecipe


def train_classifier(
    encoder: Encoder,
    recipe: TrainingRecipe,
    images: ImageDataset,
    labels: Int[np.ndarray, " image"],
    *,
    label_smoothing: float = 0.0,
    callbacks: Callbacks,
    device: torch.device | str = "cpu",
    workers: int = 0,
) -> None:
    """Train a classifier, its image tower and its head, on labels.

    `labels` are indices into the classes of the encoder's card; `label_smoothing` is the share of
    the target spread over all classes.
    """
    encoder.module.to(device, memory_format=torch.channels_last)  # pyright: ignore
    targets = torch.from_numpy(labels.astype(np.int64)).to(device)
    train(
        encoder.module,
        label_objective(encoder, targets, label_smoothing, recipe.precision),
        images,
        encoder.card.preprocess,
        recipe,
        callbacks=callbacks,
        workers=workers,
    )


def label_objective(
    encoder: Encoder,
    targets: Int[torch.Tensor, " image"],
    smoothing: float,
    precision: TrainingPrecision = "float32",
) -> Objective:
    """Return the objective of batches of labelled images: the cross entropy, labels smoothed."""
    preprocess, module, device = encoder.card.preprocess, encoder.module, targets.device

    def objective(pieces: Pieces) -> tuple[torch.Tensor, torch.Tensor]:
        sums = torch.zeros(2, device=device)
        for piece in pieces.own:
            expected = targets[to_device(torch.from_numpy(piece.rows), device)]
            with forward_pass(piece.seed, device, precision):
                logits = module(to_tower(piece.images, preprocess, device))
            # The cross entropy is computed outside of autocast, in float32.
            logits = logits.float()
            loss = torch.nn.functional.cross_entropy(logits, expected, label_smoothing=smoothing)
            # The batch's loss is the mean over all of its equal pieces, also over pieces of other
            # processes.
            loss = loss / pieces.total
            loss.backward()
            correct = (logits.argmax(dim=1) == expected).float().mean() / pieces.total
            sums += torch.stack((loss.detach(), correct))
        add_up([sums])
        return sums[0], sums[1]

    return objective
