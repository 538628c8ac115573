"""Contrastive training: a CLIP learns which caption belongs to which image."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch.nn.functional import normalize

from interpreting_clip.encoders.encoder import Encoder, clip_encoder
from interpreting_clip.encoders.entries import AnyBackbone, Backbone
from interpreting_clip.encoders.open_clip_import import import_open_clip
from interpreting_clip.encoders.tokenizer import build_vocabulary
from interpreting_clip.errors import InputError
from interpreting_clip.loading.batches import ImageDataset
from interpreting_clip.loading.preprocess import to_device, to_tower
from interpreting_clip.loading.processes import add_up, place
from interpreting_clip.training.callbacks import Callbacks
from interpreting_clip.training.caption_tokens import caption_tokens
from interpreting_clip.training.loop import Objective, train
from interpreting_clip.training.pieces import Piece, Pieces, forward_pass, restart_statistics
from interpreting_clip.training.recipes import TrainingPrecision, TrainingRecipe


class Pass(NamedTuple):
    """A piece's pass through a tower, and the rows of its features among the batch's."""

    compute: Callable[[], Float[torch.Tensor, "row feature"]]
    rows: slice


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
    compiled: bool = False,
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
        contrastive_objective(encoder, captions, recipe.precision, workers),
        images,
        encoder.card.preprocess,
        recipe,
        callbacks=callbacks,
        workers=workers,
        compiled=compiled,
        after_step=bound_logit_scale,
    )
    return encoder


def contrastive_objective(
    encoder: Encoder,
    captions: Sequence[str],
    precision: TrainingPrecision = "float32",
    workers: int = 0,
    compiled: bool = False,
) -> Objective:
    """Return the objective of batches of captioned images, whose captions `workers` tokenize.

    Every image is compared with every caption of its batch. So pieces pass twice, as in Gao et al.
    (2021, arXiv 2101.06983). The first time only their features are kept, and the loss gives the
    gradient of these; the second time each piece propagates its part of that gradient.
    """
    loss_of = import_open_clip().ClipLoss(cache_labels=True)
    module: Any = encoder.module
    preprocess = encoder.card.preprocess
    scale = module.get_parameter("logit_scale")
    texts = sorted(set(captions))
    number = {text: index for index, text in enumerate(texts)}
    text_of = np.fromiter((number[caption] for caption in captions), np.int64, len(captions))
    # They stay on the CPU: those of CC12M would take 6.7 GB of a GPU.
    tokens = caption_tokens(encoder, texts, workers)

    def image_features(piece: Piece) -> Float[torch.Tensor, "image feature"]:
        with forward_pass(piece.seed, scale.device, precision):
            features = module.encode_image(to_tower(piece.images, preprocess, scale.device))
        # Outside of autocast, in float32: a cosine in bfloat16 has two or three digits, and the
        # loss multiplies it by up to 100.
        return normalize(features.float(), dim=-1)

    def text_features(numbers: np.ndarray, seed: int) -> Float[torch.Tensor, "text feature"]:
        chosen = torch.from_numpy(tokens[numbers].astype(np.int64))
        with forward_pass(seed, scale.device, precision):
            features = module.encode_text(to_device(chosen, scale.device))
        return normalize(features.float(), dim=-1)

    def features_of(passes: list[Pass], rows: int) -> Float[torch.Tensor, "row feature"]:
        """Return the features of all pieces; this process computes its own."""
        # The rows of other processes stay zero, so the sum over processes puts all features
        # together.
        features = torch.zeros(rows, encoder.card.feature_width, device=scale.device)
        with torch.no_grad():
            for compute, where in passes:
                features[where] = compute()
        add_up([features])
        # A leaf: the gradient of the loss stops here, and waits for the second pass.
        return features.requires_grad_()

    def objective(pieces: Pieces) -> tuple[torch.Tensor, torch.Tensor]:
        rows, total = pieces.rows, pieces.total
        # A caption that several images share goes through the text tower once. In the miniature
        # this saves a fifth of the tower's work, and the loss is the same.
        distinct, places = np.unique(text_of[rows], return_inverse=True)
        own = to_device(torch.from_numpy(places), scale.device)
        # Some captions repeat if there are fewer of them than pieces: each piece needs one at
        # least.
        shown = np.resize(distinct, max(len(distinct), total))
        of_images, of_texts = even_parts(len(rows), total), even_parts(len(shown), total)
        towers = [], []
        for number, piece in enumerate(pieces.own, pieces.first):
            texts = shown[of_texts[number]]
            towers[0].append(Pass(partial(image_features, piece), of_images[number]))
            # Another seed than the image's, so that the towers' dropout is not the same.
            towers[1].append(Pass(partial(text_features, texts, piece.seed + 1), of_texts[number]))
        # A single piece keeps its graph, so one pass is enough.
        if total == 1:
            image, text = (compute() for ((compute, _),) in towers)
        else:
            image, text = features_of(towers[0], len(rows)), features_of(towers[1], len(shown))
        # One column per image: copies of a caption count as negatives of one another, as in CLIP.
        loss = loss_of(image, text[own], scale.exp())
        loss.backward()
        if total > 1:
            # The loop adds up gradients over processes, and each has computed all of this one.
            scale.grad.div_(place().size)
            # The first pass does not count for the running statistics: the second has the same
            # pieces.
            restart_statistics(module)
            for features, passes in zip((image, text), towers, strict=True):
                for compute, where in passes:
                    # The seed is that of the first pass, so dropout repeats and the gradient fits
                    # these features.
                    compute().backward(features.grad[where])  # pyright: ignore
        # Without the repeated captions at the end, which would tie with the first ones.
        return loss.detach(), own_caption(image, text[: len(distinct)], own)

    return objective


def even_parts(rows: int, parts: int) -> list[slice]:
    """Cut rows into parts in order, of which the first have one row more if they are not even."""
    each, more = divmod(rows, parts)
    ends = [part * each + min(part, more) for part in range(parts + 1)]
    return [slice(begin, end) for begin, end in pairwise(ends)]


@torch.no_grad()
def own_caption(
    image: Float[torch.Tensor, "image feature"],
    text: Float[torch.Tensor, "text feature"],
    own: Int[torch.Tensor, " image"],
) -> Float[torch.Tensor, ""]:
    """Return the share of images whose nearest text is their `own`, by its index."""
    return ((image @ text.T).argmax(dim=1) == own).float().mean()
