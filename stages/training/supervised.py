"""Training on labels: a classifier from scratch, or a CLIP finetuned with its zero-shot head."""

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from stages.config.encoders import AnyBackbone
from stages.config.trainings import TrainingRecipe
from stages.encoders.encoder import Encoder, classifier_encoder
from stages.encoders.heads import classifier_from_clip
from stages.encoders.loading import ImageDataset
from stages.encoders.preprocess import to_tower
from stages.runtime.errors import InputError
from stages.training.callbacks import Callbacks
from stages.training.loop import Objective, train


def supervise(
    recipe: TrainingRecipe,
    backbone: AnyBackbone,
    images: ImageDataset,
    labels: Int[np.ndarray, " image"],
    *,
    classes: list[str],
    label_smoothing: float,
    callbacks: Callbacks,
    device: torch.device | str = "cpu",
    workers: int = 0,
) -> Encoder:
    """Return a classifier trained from scratch: an image tower and a linear head with a bias.

    The towers are CLIP's, so that a supervised encoder differs from a CLIP in its training alone
    (Crabbé et al. 2024). The features go into the head as they are, not normalised. `labels` are
    indices into `classes`; `label_smoothing` is the share of the target spread over all classes.

    Raises
    ------
    InputError
        A label is out of range, there is not one per image, or the training diverges.
    """
    encoder = classifier_encoder(backbone, classes, recipe.seed, normalize_features=False)
    fit(
        encoder,
        recipe,
        images,
        labels,
        label_smoothing=label_smoothing,
        callbacks=callbacks,
        device=device,
        workers=workers,
    )
    return encoder


def finetune(
    recipe: TrainingRecipe,
    start: Encoder,
    head: Float[np.ndarray, "class_ feature"],
    images: ImageDataset,
    labels: Int[np.ndarray, " image"],
    *,
    classes: list[str],
    callbacks: Callbacks,
    device: torch.device | str = "cpu",
    workers: int = 0,
) -> Encoder:
    """Return a CLIP's image tower trained on with its zero-shot head on labels.

    The classifier starts as the zero-shot one (see `classifier_from_clip`). Tower and head are
    trained. `start` is not changed.

    Raises
    ------
    InputError
        `start` is no CLIP, the head's sizes do not fit, a label is out of range, or the training
        diverges.
    """
    encoder = classifier_from_clip(start, head, classes)
    fit(
        encoder,
        recipe,
        images,
        labels,
        label_smoothing=0.0,
        callbacks=callbacks,
        device=device,
        workers=workers,
    )
    return encoder


def fit(
    encoder: Encoder,
    recipe: TrainingRecipe,
    images: ImageDataset,
    labels: Int[np.ndarray, " image"],
    *,
    label_smoothing: float,
    callbacks: Callbacks,
    device: torch.device | str,
    workers: int,
) -> None:
    """Train a classifier on labels.

    Raises
    ------
    InputError
        A label is out of range, there is not one per image, or the training diverges.
    """
    require_labels(labels, len(images), len(encoder.card.classes or ()), callbacks.name)
    encoder.module.to(device, memory_format=torch.channels_last)  # pyright: ignore
    targets = torch.from_numpy(labels.astype(np.int64)).to(device)
    objective = label_objective(encoder, targets, label_smoothing)
    train(
        encoder.module,
        objective,
        images,
        encoder.card.preprocess,
        recipe,
        callbacks=callbacks,
        workers=workers,
    )


def label_objective(
    encoder: Encoder, targets: Int[torch.Tensor, " image"], smoothing: float
) -> Objective:
    """Return the objective of batches of labelled images: the cross entropy, labels smoothed."""
    preprocess, module = encoder.card.preprocess, encoder.module

    def objective(
        rows: Int[np.ndarray, " image"], images: UInt8[np.ndarray, "image size size 3"]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        expected = targets[torch.from_numpy(rows).to(targets.device)]
        logits = module(to_tower(images, preprocess, targets.device))
        loss = torch.nn.functional.cross_entropy(logits, expected, label_smoothing=smoothing)
        return loss, (logits.argmax(dim=1) == expected).float().mean()

    return objective


def require_labels(labels: Int[np.ndarray, " image"], images: int, classes: int, name: str) -> None:
    """Refuse labels that do not fit the images or the classes.

    Raises
    ------
    InputError
        There is not one label per image, or one is no index of a class.
    """
    if len(labels) != images:
        raise InputError(f"{name}: expected one label per image, {images}, got {len(labels)}")
    if images and not (labels.min() >= 0 and labels.max() < classes):
        raise InputError(
            f"{name}: expected labels from 0 to {classes - 1}, got {labels.min()} to "
            f"{labels.max()}; are the images and the card of one dataset?"
        )
