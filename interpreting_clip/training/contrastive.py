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
from interpreting_clip.encoders.encoder_entries import AnyBackbone, Backbone
from interpreting_clip.encoders.open_clip_import import import_open_clip
from interpreting_clip.encoders.tokenizer import build_vocabulary
from interpreting_clip.loading.batches import ImageDataset, load_batches
from interpreting_clip.loading.preprocess import to_device, to_tower
from interpreting_clip.loading.processes import add_up, place
from interpreting_clip.training.callbacks import Callbacks
from interpreting_clip.training.loop import train
from interpreting_clip.training.pieces import Piece, Pieces, forward_pass, restart_statistics
from interpreting_clip.training.recipes import TrainingPrecision, TrainingRecipe

LARGEST_SCALE = math.log(100)
"""The logit scale's upper bound, as in CLIP (Radford et al. 2021, section 2.5)."""

BLOCK = 20_000
"""How many captions a process tokenizes at a time; so many take a few seconds."""


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
    """
    vocabulary = build_vocabulary(captions) if isinstance(backbone, Backbone) else None
    encoder = clip_encoder(backbone, vocabulary, recipe.seed)
    module = encoder.module.to(device, memory_format=torch.channels_last)  # pyright: ignore
    scale = module.get_parameter("logit_scale")

    def bound_logit_scale() -> None:
        with torch.no_grad():
            scale.clamp_(0, LARGEST_SCALE)

    train(
        module,
        ContrastiveObjective(encoder, captions, recipe.precision, workers),
        images,
        encoder.card.preprocess,
        recipe,
        callbacks=callbacks,
        workers=workers,
        after_step=bound_logit_scale,
    )
    return encoder


class Pass(NamedTuple):
    """A piece's pass through a tower, and the rows of its features among the batch's."""

    compute: Callable[[], Float[torch.Tensor, "row feature"]]
    rows: slice


class ContrastiveObjective:
    """The objective of batches of captioned images, whose captions `workers` tokenize.

    Every image is compared with every caption of its batch. So pieces pass twice, as in Gao et al.
    (2021, arXiv 2101.06983). The first time only their features are kept, and the loss gives the
    gradient of these; the second time each piece propagates its part of that gradient.
    """

    def __init__(
        self,
        encoder: Encoder,
        captions: Sequence[str],
        precision: TrainingPrecision = "float32",
        workers: int = 0,
    ) -> None:
        self.loss_of = import_open_clip().ClipLoss(cache_labels=True)
        self.card = encoder.card
        self.precision: TrainingPrecision = precision
        self.module: Any = encoder.module
        self.scale = encoder.module.get_parameter("logit_scale")
        texts, self.text_of = np.unique(np.array(captions, object), return_inverse=True)
        # They stay on the CPU: CC12M's tokens would take 6.7 GB of a GPU.
        self.tokens = tokenize_captions(encoder, texts.tolist(), workers)

    def __call__(self, pieces: Pieces) -> tuple[torch.Tensor, torch.Tensor]:
        """Add the gradient of a batch; return its loss and how many images pick their caption."""
        rows, total = pieces.rows, pieces.total
        # A caption that several images share goes through the text tower once. In the miniature
        # this saves a fifth of the tower's work, and the loss is the same.
        distinct, places = np.unique(self.text_of[rows], return_inverse=True)
        caption_of_image = to_device(torch.from_numpy(places), self.scale.device)
        # Captions repeat if there are fewer of them than pieces: each piece needs at least one.
        shown = np.resize(distinct, max(len(distinct), total))
        of_images, of_texts = even_parts(len(rows), total), even_parts(len(shown), total)
        images, texts = list[Pass](), list[Pass]()
        for number, piece in enumerate(pieces.own, pieces.first):
            images.append(Pass(partial(self.image_features, piece), of_images[number]))
            # Another seed than the image's, so that the towers' dropout is not the same.
            text = partial(self.text_features, shown[of_texts[number]], piece.seed + 1)
            texts.append(Pass(text, of_texts[number]))
        # A single piece keeps its graph, so one pass is enough.
        if total == 1:
            image, text = images[0].compute(), texts[0].compute()
        else:
            image, text = self.first_pass(images, len(rows)), self.first_pass(texts, len(shown))
        # One column per image: copies of a caption count as negatives of one another, as in CLIP.
        loss = self.loss_of(image, text[caption_of_image], self.scale.exp())
        loss.backward()
        if total > 1:
            self.second_pass([(images, image), (texts, text)])
        # Without the repeated captions at the end, which would tie with their originals.
        return loss.detach(), own_caption(image, text[: len(distinct)], caption_of_image)

    def image_features(self, piece: Piece) -> Float[torch.Tensor, "image feature"]:
        """Return the normalised features of a piece's images."""
        device = self.scale.device
        with forward_pass(piece.seed, device, self.precision):
            pixels = to_tower(piece.images, self.card.preprocess, device)
            features = self.module.encode_image(pixels)
        # Outside of autocast, in float32: a cosine in bfloat16 has two or three digits, and the
        # loss multiplies it by up to 100.
        return normalize(features.float(), dim=-1)

    def text_features(self, numbers: np.ndarray, seed: int) -> Float[torch.Tensor, "text feature"]:
        """Return the normalised features of captions, by their numbers."""
        chosen = torch.from_numpy(self.tokens[numbers].astype(np.int64))
        with forward_pass(seed, self.scale.device, self.precision):
            features = self.module.encode_text(to_device(chosen, self.scale.device))
        return normalize(features.float(), dim=-1)

    def first_pass(self, passes: list[Pass], rows: int) -> Float[torch.Tensor, "row feature"]:
        """Return the features of all pieces; this process computes only its own pieces."""
        # The rows of other processes stay zero, so the sum over processes puts all features
        # together.
        features = torch.zeros(rows, self.card.feature_width, device=self.scale.device)
        with torch.no_grad():
            for compute, where in passes:
                features[where] = compute()
        add_up([features])
        # A leaf: the gradient of the loss stops here, and waits for the second pass.
        return features.requires_grad_()

    def second_pass(self, towers: list[tuple[list[Pass], torch.Tensor]]) -> None:
        """Propagate the gradient of the features through the pieces of each tower."""
        # The loop adds up gradients over processes, and each process has all of this gradient.
        self.scale.grad.div_(place().size)  # pyright: ignore[reportOptionalMemberAccess]
        # The first pass does not count for the running statistics: the second has the same pieces.
        restart_statistics(self.module)
        for passes, features in towers:
            for compute, where in passes:
                # The seed is that of the first pass, so dropout repeats and the gradient fits these
                # features.
                compute().backward(features.grad[where])  # pyright: ignore


def tokenize_captions(
    encoder: Encoder, texts: Sequence[str], workers: int
) -> Int[np.ndarray, "text token"]:
    """Return the tokens of captions.

    A byte-pair tokenizer needs about 100 µs for a caption, which is 15 minutes for CC12M's, so
    `workers` processes share them.
    """

    def tokenize(start: int) -> Int[np.ndarray, "text token"]:
        return encoder.tokenize(texts[start : start + BLOCK]).astype(np.int32)

    starts = range(0, len(texts), BLOCK)
    blocks = load_batches(tokenize, starts, workers if len(starts) > 1 else 0)
    return np.concatenate([block for _, block in blocks])


def even_parts(rows: int, parts: int) -> list[slice]:
    """Cut rows into parts in order; the first parts have one row more if they cannot be even."""
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
