"""A linear probe: multinomial logistic regression on the features of a frozen encoder."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import nn

from interpreting_clip.config.probes import ProbeSettings
from interpreting_clip.encoders.encoder import forward_passes
from interpreting_clip.errors import InputError

CHUNK = 8192
"""How many images have their logits in memory at once: 33 MB for 1,000 classes."""

CORRECTIONS = 10
"""How many steps L-BFGS remembers, each with two vectors of all weights; scipy's default."""

SMALLEST_GAIN = 64 * float(np.finfo(np.float64).eps)
"""The relative gain of a step below which rounding hides any further one; as scikit-learn has it.
"""

SEARCH_FAILED = 2
"""scipy's status of L-BFGS-B when no step along its direction lowers the objective enough."""


@dataclass(frozen=True)
class Standardisation:
    """The mean of each feature, and its standard deviation; 1 for a feature that never varies."""

    mean: Float[torch.Tensor, " feature"]
    deviation: Float[torch.Tensor, " feature"]


@dataclass(frozen=True)
class Fit:
    """A head for features as they are, not standardised, and how the search for it ended.

    An iteration evaluates the objective once or more. `gradient` is the largest component of the
    gradient, as a share of the largest at the start.
    """

    weight: Float[np.ndarray, "class_ feature"]
    bias: Float[np.ndarray, " class_"]
    iterations: int
    evaluations: int
    gradient: float
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
    evaluations: int
    converged: bool


@dataclass(frozen=True)
class FittedProbe:
    """The head of a probe, the penalty that it was fitted with, and all that were tried.

    The order of `tried` is that of the fits, from the strongest penalty to the weakest. `images`
    counts those of the last fit, `held_out` those among them that chose the penalty.
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
            "evaluations": self.head.evaluations,
            "gradient": self.head.gradient,
            "images": self.images,
            "held_out": self.held_out,
            "tried": [asdict(one) for one in self.tried],
        }


def hold_out(classes: Int[np.ndarray, " image"], share: float) -> Bool[np.ndarray, " image"]:
    """Return which images are held out: that share of each class, at least one, evenly spaced."""
    held = np.zeros(len(classes), bool)
    for class_ in np.unique(classes):
        own = np.flatnonzero(classes == class_)
        count = max(1, round(share * len(own)))
        held[own[np.arange(count) * len(own) // count]] = True
    return held


def fit_probe(
    features: Float[np.ndarray, "image feature"],
    classes: Int[np.ndarray, " image"],
    settings: ProbeSettings,
    device: str = "cpu",
) -> FittedProbe:
    """Return the head with the best penalty, fitted to all images.

    Minimises the mean log loss of the images plus λ/2 · ‖W‖², over the weights W of standardised
    features and a bias that is not penalised; scikit-learn's `C` is 1/(λ · images). Every penalty
    is tried on the images that are not held out, from the strongest to the weakest, each fit
    beginning where the one before ended. The one with the lowest log loss on those held out is
    fitted again, to all images: standardised anew, and beginning with the chosen head.

    The paper has no probes, so grid, criterion and second fit are our choice. The log loss, since
    the accuracy on a few held-out images has ties. (Radford et al. 2021, appendix A.3, choose by
    accuracy on a validation set, and fit again to both.)

    Memory is that of the features in float32, on the device, and some vectors of all weights in
    float64. The weights do not depend on any random number.

    Parameters
    ----------
    features : one row per image; `classes` has their classes, each of 0 to the largest twice

    Raises
    ------
    InputError
        The fit to all images did not converge within `iterations`.
    """
    held = hold_out(classes, settings.held_out)
    # Those held out last, so that both parts are slices.
    order, count = np.argsort(held, kind="stable"), int((~held).sum())
    # Apple's GPUs have no float64.
    data = Examples(features[order], classes[order], "cpu" if device == "mps" else device)
    every, learnt, kept = slice(0, len(held)), slice(0, count), slice(count, len(held))
    fits, tried = list[Fit](), list[Tried]()
    for penalty in sorted(settings.penalties, reverse=True):
        fit = data.fit(learnt, penalty, settings, fits[-1] if fits else None)
        loss, accuracy = data.score(fit, kept)
        fits.append(fit)
        ended = fit.iterations, fit.evaluations, fit.converged
        tried.append(Tried(penalty, loss, accuracy, *ended))
    best = min(range(len(fits)), key=lambda place: tried[place].log_loss)
    penalty = tried[best].penalty
    head = data.fit(every, penalty, settings, fits[best])
    if not head.converged:
        raise InputError(
            f"heads.probe.iterations: with the penalty {penalty:g} the fit did not converge in "
            f"{head.iterations:,} iterations: the gradient is still {head.gradient:.2g} of its "
            f"first, expected {settings.tolerance:g}; raise `iterations` or `tolerance`, or leave "
            "the smallest of the `penalties` out"
        )
    return FittedProbe(head, penalty, tried, len(held), int(held.sum()))


class Examples:
    """Features and classes on a device, and fits to some of them."""

    def __init__(
        self,
        features: Float[np.ndarray, "image feature"],
        classes: Int[np.ndarray, " image"],
        device: str,
    ) -> None:
        self.features = torch.from_numpy(features).to(device, torch.float32)
        self.classes = torch.from_numpy(classes).to(device, torch.int64)
        self.count = int(classes.max()) + 1

    def chunks(self, part: slice) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield features and classes of a part of the images, some at a time."""
        for start in range(part.start, part.stop, CHUNK):
            own = slice(start, min(start + CHUNK, part.stop))
            yield self.features[own], self.classes[own]

    def standardisation(self, part: slice) -> Standardisation:
        """Return the mean and the standard deviation of each feature, computed in float64."""
        width, device = self.features.shape[1], self.features.device
        count = part.stop - part.start
        total, squares = (torch.zeros(width, dtype=torch.float64, device=device) for _ in range(2))
        for features, _ in self.chunks(part):
            total += features.double().sum(0)
        mean = total / count
        # Around the mean, in a second pass: the difference of two large sums would cancel.
        for features, _ in self.chunks(part):
            squares += (features.double() - mean).square().sum(0)
        deviation = (squares / count).sqrt()
        # What rounding leaves of a constant is no variation.
        constant = deviation <= torch.finfo(torch.float32).eps * mean.abs()
        return Standardisation(mean, torch.where(constant, 1.0, deviation))

    def fit(
        self,
        part: slice,
        penalty: float,
        settings: ProbeSettings,
        start: Fit | None,
    ) -> Fit:
        """Fit a head to a part of the images by L-BFGS, from zeros or from another fit.

        Products are in float32, and from where that does not suffice to converge, in float64.
        """
        from scipy.optimize import minimize
        from threadpoolctl import ThreadpoolController

        scale = self.standardisation(part)
        mean, deviation = scale.mean.cpu().numpy(), scale.deviation.cpu().numpy()
        shape = self.count, self.features.shape[1] + 1
        point = np.zeros(shape)
        _, gradient = self.objective(point, part, penalty, scale)
        # Relative to the start: components shrink with the number of classes.
        first = float(np.abs(gradient).max())
        if start is not None:
            point[:, :-1] = start.weight * deviation
            point[:, -1] = start.bias + start.weight @ mean
        iterations = evaluations = 0
        for precision in (torch.float32, torch.float64):
            # scipy's vectors are short work, and as many threads as this machine has cores would
            # add them up in an order of its own.
            with ThreadpoolController().select(prefix="libscipy_openblas").limit(limits=1):
                found = minimize(
                    lambda flat, kind=precision: tuple(
                        np.ravel(one)
                        for one in self.objective(flat.reshape(shape), part, penalty, scale, kind)
                    ),
                    point.ravel(),
                    jac=True,
                    method="L-BFGS-B",
                    options={
                        "maxcor": CORRECTIONS,
                        "maxiter": settings.iterations - iterations,
                        "maxfun": 100 * settings.iterations,
                        "maxls": 50,
                        "gtol": settings.tolerance * first,
                        "ftol": SMALLEST_GAIN,
                    },
                )
            point = found.x
            iterations, evaluations = iterations + found.nit, evaluations + found.nfev
            # Close to the optimum, the loss changes less than float32 resolves, and the search for
            # a lower one can fail; on some processors sooner than on others.
            if found.status != SEARCH_FAILED:
                break
        point = point.reshape(shape)
        weight = point[:, :-1] / deviation
        last = float(np.abs(found.jac).max())
        return Fit(
            weight,
            point[:, -1] - weight @ mean,
            int(iterations),
            int(evaluations),
            last / first if first else 0.0,
            bool(found.success) or last <= settings.tolerance * first,
        )

    def objective(
        self,
        point: Float[np.ndarray, "class_ one_more"],
        part: slice,
        penalty: float,
        scale: Standardisation,
        precision: torch.dtype = torch.float32,
    ) -> tuple[float, Float[np.ndarray, "class_ one_more"]]:
        """Return the objective and its gradient at a point: weights, and the bias as last column.

        Products are in the `precision`; what is summed over chunks of images is summed in float64.
        """
        device, count = self.features.device, part.stop - part.start
        weight = torch.from_numpy(point[:, :-1]).to(device, precision)
        bias = torch.from_numpy(point[:, -1]).to(device, precision)
        gradient = torch.zeros(point.shape, dtype=torch.float64, device=device)
        loss = torch.zeros((), dtype=torch.float64, device=device)
        mean, factor = scale.mean.to(precision), (1 / scale.deviation).to(precision)
        with forward_passes(device, "float32"):
            for features, classes in self.chunks(part):
                standard = (features - mean).mul_(factor)
                logs = nn.functional.log_softmax(torch.addmm(bias, standard, weight.T), dim=1)
                images = torch.arange(len(classes), device=device)
                loss -= logs[images, classes].sum(dtype=torch.float64)
                residual = logs.exp_()
                residual[images, classes] -= 1
                gradient[:, :-1] += residual.T @ standard
                gradient[:, -1] += residual.sum(0, dtype=torch.float64)
        gradient /= count
        found = gradient.cpu().numpy()
        found[:, :-1] += penalty * point[:, :-1]
        value = float(loss) / count + penalty / 2 * float(np.square(point[:, :-1]).sum())
        return value, found

    def score(self, fit: Fit, part: slice) -> tuple[float, float]:
        """Return the mean log loss of a part of the images, in nats, and the accuracy on it."""
        device, count = self.features.device, part.stop - part.start
        weight = torch.from_numpy(fit.weight).to(device)
        bias = torch.from_numpy(fit.bias).to(device)
        loss, hits = 0.0, 0
        for features, classes in self.chunks(part):
            logits = features.double() @ weight.T + bias
            loss += float(nn.functional.cross_entropy(logits, classes, reduction="sum"))
            hits += int((logits.argmax(1) == classes).sum())
        return loss / count, hits / count
