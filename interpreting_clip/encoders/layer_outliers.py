"""Outlier features of a layer, found where its output is, for the Gram matrix without them."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int

from interpreting_clip.encoders.gram import FEATURES_AT_A_TIME, in_memory_order


class OutlierLimits(NamedTuple):
    """What an outlier feature is: beyond `sigma` σ of its image in at least `share` of the images.

    These are `cka.outlier_sigma` and `cka.outlier_share` of a study.
    """

    sigma: float
    share: float


def outlier_columns(
    features: Float[torch.Tensor, "image ..."], limits: OutlierLimits
) -> Int[torch.Tensor, " outlier"]:
    """Find the outlier features of one layer's output for one minibatch.

    A feature of a layer is one number of its output for an image: a channel at a position of a
    convolution, a channel of a token of a transformer. It is an outlier feature if `|h_i - μ| >
    sigma · σ` in at least `share` of the minibatch's images, with μ and σ over all features of the
    layer for that image (Crabbé et al. 2024, who measure only the last layer's; the share is ours).
    `kurtosis_and_deviations` and `outlier_features` say the same of activations. Here the features
    are read block by block on their device, since a layer can have millions of them.

    Parameters
    ----------
    features : finite, one entry per image, of any shape

    Returns
    -------
    ascending places among an image's features in memory order (`in_memory_order`). An image whose
    features are all equal has no outlier
    """
    rows = in_memory_order(features.detach())
    # Half precision is too coarse to take moments in.
    dtype = torch.promote_types(features.dtype, torch.float32)
    blocks = rows.split(FEATURES_AT_A_TIME, dim=1)
    width = rows.shape[1]
    # `torch.var_mean` takes ten times as long as these passes. The mean is subtracted before the
    # square: squares less a squared mean would cancel.
    sums = torch.stack([block.sum(dim=1, dtype=dtype) for block in blocks]).double().sum(dim=0)
    centre = (sums / width).to(dtype)[:, None]
    lengths = [torch.linalg.vector_norm(block.to(dtype) - centre, dim=1) for block in blocks]
    spread = (torch.stack(lengths).double().square().sum(dim=0) / width).sqrt()
    limit = (limits.sigma * spread).to(dtype)[:, None]
    beyond = [(block.to(dtype) - centre).abs_().gt_(limit).sum(dim=0) for block in blocks]
    share = torch.cat(beyond).double() / len(rows)
    return (share >= limits.share).nonzero().flatten()
