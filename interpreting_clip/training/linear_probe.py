"""A linear probe: multinomial logistic regression on the features of a frozen encoder."""

import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from interpreting_clip.errors import InputError
from interpreting_clip.training.probes import ProbeSettings

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression


@dataclass(frozen=True)
class Fit:
    """A head for features as they are, not standardised.

    `converged` says that the search ended before it had used up its iterations: at the tolerance,
    or where float32 resolves no lower loss.
    """

    weight: Float[np.ndarray, "class_ feature"]
    bias: Float[np.ndarray, " class_"]
    iterations: int
    converged: bool


@dataclass(frozen=True)
class Tried:
    """A penalty, and what the head that was fitted with it does on the images that were held out.

    `log_loss` is their mean, in nats, `accuracy` the share of them that are classified correctly.
    """

    penalty: float
    log_loss: float
    accuracy: float
    iterations: int
    converged: bool


@dataclass(frozen=True)
class FittedProbe:
    """The head of a probe, the penalty that it was fitted with, and all that were tried.

    The order of `tried` is that of the fits, from the strongest penalty to the weakest. `images`
    counts the images of the last fit, `held_out` the images among them that chose the penalty.
    """

    head: Fit
    penalty: float
    tried: list[Tried]
    images: int
    held_out: int

    @property
    def summary(self) -> dict[str, Any]:
        """All but the head itself."""
        return {
            "penalty": self.penalty,
            "iterations": self.head.iterations,
            "images": self.images,
            "held_out": self.held_out,
            "tried": [asdict(fit) for fit in self.tried],
        }


def hold_out(classes: Int[np.ndarray, " image"], share: float) -> Bool[np.ndarray, " image"]:
    """Return which images are held out: that share of each class, at least one, evenly spaced."""
    held = np.zeros(len(classes), bool)
    for class_ in np.unique(classes):
        members = np.flatnonzero(classes == class_)
        count = max(1, round(share * len(members)))
        held[members[np.arange(count) * len(members) // count]] = True
    return held


def fit_probe(
    features: Float[np.ndarray, "image feature"],
    classes: Int[np.ndarray, " image"],
    settings: ProbeSettings,
    device: str = "cpu",
) -> FittedProbe:
    """Return the head with the best penalty, fitted to all images by scikit-learn.

    Minimises the mean log loss of the images plus λ/2 · ‖W‖², over the weights W of standardised
    features and a bias that is not penalised. Every penalty is tried on the images that are not
    held out, from the strongest to the weakest, each fit starting from the last fit's result. The
    one with the lowest log loss on those held out is fitted again, to all images: standardised
    anew, and beginning with the chosen head.

    The paper has no probes, so grid, criterion and second fit are our choice. The log loss, since
    the accuracy on a few held-out images has ties. (Radford et al. 2021, appendix A.3, choose by
    accuracy on a validation set, and fit again to both.)

    A fit ends when no component of the gradient is larger than `tolerance`, scikit-learn's `tol`,
    or when float32 resolves no lower loss. Of 1,000 images with 64 features in ten classes, the
    weights for λ = 0.0001 are 1.8 % away from the minimum's at a tolerance of 1e-4, and
    0.2 % at 1e-6, where float32 ends. With more classes the gradient is smaller: of 10,000 images
    in 500 classes, the weights are 7.8 % away at 1e-4, and 0.1 % at 1e-6.

    On CUDA the GPU multiplies, through scikit-learn's array API, which asks for SCIPY_ARRAY_API=1
    in the environment; with `mps` the CPU does. Memory is four times that of the features, and 2.5
    float32 (CUDA: 7) per image and class. The weights do not depend on any random number. Another
    number of threads rounds products in another way, and moves the weights by about 0.03 %.

    Parameters
    ----------
    features : one row per image; `classes` has their classes, each of 0 to the largest twice
    """
    if classes.max() == 0:
        raise InputError("the images to learn are all of one class, expected two or more")
    from sklearn.linear_model import LogisticRegression

    held = hold_out(classes, settings.held_out)
    model = LogisticRegression(
        tol=settings.tolerance, max_iter=settings.iterations, warm_start=True
    )
    tried, starts = list[Tried](), []
    learnt, learnt_classes = features[~held], classes[~held]
    for penalty in sorted(settings.penalties, reverse=True):
        fit = fit_head(model, learnt, learnt_classes, penalty, device)
        tried.append(score(fit, features[held], classes[held], penalty))
        starts.append((model.coef_, model.intercept_))
    del learnt, learnt_classes  # a copy of most features
    best = min(range(len(tried)), key=lambda place: tried[place].log_loss)
    penalty = tried[best].penalty
    model.coef_, model.intercept_ = starts[best]
    head = fit_head(model, features, classes, penalty, device)
    if not head.converged:
        raise InputError(
            f"heads.probe.iterations: with the penalty {penalty:g} the fit did not converge in "
            f"{head.iterations:,} iterations; raise `iterations` or `tolerance`, or leave the "
            "smallest of the `penalties` out"
        )
    return FittedProbe(head, penalty, tried, len(held), int(held.sum()))


def score(
    fit: Fit,
    features: Float[np.ndarray, "image feature"],
    classes: Int[np.ndarray, " image"],
    penalty: float,
) -> Tried:
    """Return what a fit does on images that it has not seen."""
    from scipy.special import log_softmax

    logits = features @ fit.weight.T + fit.bias
    losses = -log_softmax(logits, axis=1)[np.arange(len(logits)), classes]
    hits = logits.argmax(1) == classes
    return Tried(penalty, float(losses.mean()), float(hits.mean()), fit.iterations, fit.converged)


def fit_head(
    model: "LogisticRegression",
    features: Float[np.ndarray, "image feature"],
    classes: Int[np.ndarray, " image"],
    penalty: float,
    device: str,
) -> Fit:
    """Standardise features and fit a head to them, from where the model's last fit ended."""
    from sklearn import config_context
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features)
    # The remainder of a constant after rounding to float32 is not variation.
    mean, deviation = np.asarray(scaler.mean_), np.asarray(scaler.scale_)
    constant = deviation <= np.finfo(np.float32).eps * np.abs(mean)
    scaler.scale_ = np.where(constant, 1.0, deviation)
    given = scaler.transform(features)
    on_gpu = device not in ("cpu", "mps")
    if on_gpu:
        given = torch.from_numpy(given).to(device)
    # Of two classes scikit-learn fits one row, their difference: 4 w² where w and -w have 2 w².
    two = classes.max() == 1
    model.set_params(C=(2 if two else 1) / (penalty * len(classes)))
    with config_context(array_api_dispatch=on_gpu), warnings.catch_warnings():
        # Also raised where float32 resolves no lower loss, which is not a failure.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(given, classes)
    weight, bias = (torch.as_tensor(a).cpu().numpy() for a in (model.coef_, model.intercept_))
    if two:
        weight, bias = (np.concatenate([-a, a]) / 2 for a in (weight, bias))
    weight = weight / scaler.scale_
    bias = bias - weight @ mean
    iterations = int(model.n_iter_[0])
    return Fit(weight, bias, iterations, iterations < model.max_iter)
