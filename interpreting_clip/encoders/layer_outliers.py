"""Outlier features of a layer, found where its output is, for the Gram matrix without them."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int

from interpreting_clip.encoders.gram import FEATURES_AT_A_TIME, in_memory_order


class OutlierLimits(NamedTuple):
    """What an outlier feature is: beyond `sigma` σ of its image in at least `share` of the images.

    These are `kurtosis.outlier_sigma` and `kurtosis.outlier_share` of a study.
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
    are read twice, block by block on their device, since a layer can have millions of them.

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
    moments = [torch.var_mean(block.to(dtype), dim=1, correction=0) for block in blocks]
    variances, means = (
        torch.stack([pair[which] for pair in moments]).cpu().double() for which in range(2)
    )
    # Joined from the blocks' own means: squares less a squared mean would cancel.
    sizes = [[block.shape[1] / rows.shape[1]] for block in blocks]
    parts = torch.tensor(sizes, dtype=torch.float64)
    mean = (parts * means).sum(dim=0)
    variance = (parts * (variances + (means - mean) ** 2)).sum(dim=0)
    centre = mean.to(rows.device, dtype)[:, None]
    limit = (limits.sigma * variance.sqrt()).to(rows.device, dtype)[:, None]
    beyond = [(block.to(dtype) - centre).abs_().gt_(limit).sum(dim=0) for block in blocks]
    share = torch.cat(beyond).double() / len(rows)
    return (share >= limits.share).nonzero().flatten()
