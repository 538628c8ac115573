"""How fast a GPU computes, by precision and encoder family: measured, given or assumed."""

from pathlib import Path
from typing import Annotated, NamedTuple

from msgspec import Meta

from interpreting_clip.config.params import convert
from interpreting_clip.config.quantities import StrictStruct

MEASURED = Path("benchmarks/gpu.json")
"""The file of rates that `make bench ONLY=gpu` has measured on this machine."""

Rate = Annotated[float, Meta(gt=0, le=1e6)]


class Rates(StrictStruct, frozen=True, kw_only=True):
    """The TFLOP/s of transformers and of convolutions in each precision, and their source.

    `memory` is the least and the largest ratio of measured to computed peaks of memory.
    """

    float32_vit: Rate
    float32_resnet: Rate
    bfloat16_vit: Rate
    bfloat16_resnet: Rate
    origin: str
    memory: tuple[Rate, Rate] | None = None

    def __str__(self) -> str:
        """Return the rates in words."""
        found = (f"{name} {getattr(self, name):.4g}" for name in RATES)
        return f"{', '.join(found)} ({self.origin})".replace("_", " ")


def equal_rates(rate: float) -> Rates:
    """Return the same given rate for everything."""
    return convert({**dict.fromkeys(RATES, rate), "origin": "given"}, Rates, "rates")


RATES = ("float32_vit", "float32_resnet", "bfloat16_vit", "bfloat16_resnet")


class Card(NamedTuple):
    """A GPU: its published dense peaks in TFLOP/s, and the shares of them that we assume.

    The peaks for float32 are those of the CUDA cores, since trainings forbid TF32.
    """

    float32: float
    bfloat16: float
    float32_vit: float
    float32_resnet: float
    bfloat16_vit: float
    bfloat16_resnet: float


# An H100's peak in bfloat16 is 3.2 times an A100's, but its memory is only 1.6 times as fast, so it
# reaches a smaller share of its peak, and the smallest for ResNets, which wait for memory.
CARDS = {
    "a100": Card(19.5, 312, 0.6, 0.375, 0.4, 0.16),
    "h100": Card(67, 989, 0.6, 0.375, 0.25, 0.08),
}


def assumed_rates(name: str) -> Rates:
    """Return the rates that we assume for a card: shares of its peaks."""
    card = CARDS[name]
    rates = {rate: getattr(card, rate) * getattr(card, rate.partition("_")[0]) for rate in RATES}
    shares = ", ".join(f"{getattr(card, rate):.3g}" for rate in RATES)
    peaks = f"{card.float32:g} and {card.bfloat16:g}"
    origin = f"assumed, nobody measured them: {shares} of an {name.upper()}'s peaks, {peaks}"
    return Rates(**rates, origin=origin)


ASSUMED = assumed_rates("h100")
