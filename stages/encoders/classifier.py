"""A classifier: an image tower with a linear head."""

import torch
from jaxtyping import Float
from torch import nn

from stages.storage.errors import InputError


class Classifier(nn.Module):
    """An image tower and a linear head, on features of unit length or on the features as they are.

    A head on unit features has no bias, since a zero-shot head has none.
    """

    def __init__(self, visual: nn.Module, width: int, classes: int, normalize: bool) -> None:
        super().__init__()
        self.visual, self.normalize = visual, normalize
        self.head = nn.Linear(width, classes, bias=not normalize) if classes else None

    def forward(
        self, images: Float[torch.Tensor, "image 3 size size"]
    ) -> Float[torch.Tensor, "image class_"]:
        """Return the logits of images.

        Raises
        ------
        InputError
            The classifier has no head.
        """
        if self.head is None:
            raise InputError("an encoder without a head has no logits; train it first")
        features = self.visual(images)
        return self.head(nn.functional.normalize(features, dim=-1) if self.normalize else features)
