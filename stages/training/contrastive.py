"""Contrastive training: a CLIP learns which caption belongs to which image."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from stages.config.encoders import AnyBackbone, Backbone
from stages.config.trainings import TrainingRecipe
from stages.encoders.encoder import Encoder, clip_encoder
from stages.encoders.loading import ImageDataset
from stages.encoders.preprocess import to_tower
from stages.encoders.tokenizer import build_vocabulary
from stages.runtime.errors import InputError
from stages.runtime.imports import import_open_clip
from stages.training.callbacks import Callbacks
from stages.training.loop import Objective, train

LARGEST_SCALE = math.log(100)
"""The logit scale's upper bound, as in CLIP (Radford et al. 2021, section 2.5)."""


def pretrain(
    recipe: TrainingRecipe,
    backbone: AnyBackbone,
    images: ImageDataset,
    captions: Sequence[str],
    *,
    callbacks: Callbacks,
    device: torch.device | str = "cpu",
    workers: int = 0,
) -> Encoder:
    """Return a CLIP trained from scratch on captioned images.

    The loss is CLIP's (Radford et al. 2021, figure 3): the cross entropy of the batch's scaled
    cosines, over its captions for every image and over its images for every caption, in equal
    parts. The curve's accuracy is the share of images that pick their own caption of the batch. The
    vocabulary is that of the captions, unless the backbone is a model of open_clip, which has its
    own tokenizer.

    Raises
    ------
    InputError
        Images and captions differ in number, a caption is too long, or the training diverges.
    """
    if len(images) != len(captions):
        raise InputError(
            f"{callbacks.name}: expected one caption per image, got {len(images)} images and "
            f"{len(captions)} captions; run `dvc repro` of the dataset again"
        )
    vocabulary = build_vocabulary(captions) if isinstance(backbone, Backbone) else None
    encoder = clip_encoder(backbone, vocabulary, recipe.seed)
    module = encoder.module.to(device, memory_format=torch.channels_last)  # pyright: ignore
    scale = module.get_parameter("logit_scale")

    def bound_logit_scale() -> None:
        with torch.no_grad():
            scale.clamp_(0, LARGEST_SCALE)

    train(
        module,
        contrastive_objective(encoder, captions),
        images,
        encoder.card.preprocess,
        recipe,
        callbacks=callbacks,
        workers=workers,
        after_step=bound_logit_scale,
    )
    return encoder


def contrastive_objective(encoder: Encoder, captions: Sequence[str]) -> Objective:
    """Return the objective of batches of captioned images.

    A caption that several images of a batch have goes through the text tower once: in the
    miniature world that spares a fifth of the tower's work, and the loss is the same.
    """
    loss_of = import_open_clip().ClipLoss(cache_labels=True)
    preprocess, module = encoder.card.preprocess, encoder.module
    device = next(module.parameters()).device
    texts = sorted(set(captions))
    number = {text: index for index, text in enumerate(texts)}
    text_of = np.fromiter((number[caption] for caption in captions), np.int64, len(captions))
    tokens = torch.from_numpy(encoder.tokenize(texts)).to(device)

    def objective(
        rows: Int[np.ndarray, " image"], images: UInt8[np.ndarray, "image size size 3"]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        distinct, places = np.unique(text_of[rows], return_inverse=True)
        pixels = to_tower(images, preprocess, device)
        image, text, scale = module(pixels, tokens[torch.from_numpy(distinct).to(device)])
        own = torch.from_numpy(places).to(device)
        return loss_of(image, text[own], scale), own_caption(image, text, own)

    return objective


@torch.no_grad()
def own_caption(
    image: Float[torch.Tensor, "image feature"],
    text: Float[torch.Tensor, "text feature"],
    own: Int[torch.Tensor, " image"],
) -> Float[torch.Tensor, ""]:
    """Return the share of images whose nearest text is their `own`, by its index."""
    return ((image @ text.T).argmax(dim=1) == own).float().mean()
