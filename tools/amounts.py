"""Amounts that are exact, estimated, partial or unknown, and how to print them."""

from collections.abc import Iterable
from dataclasses import dataclass

import humanize


@dataclass(frozen=True)
class Amount:
    """A number of images, bytes, operations or hours.

    `exact` is false for an estimate. `complete` is false if a part is unknown: `value` is then the
    sum of the known parts, 0 if nothing is known.
    """

    value: float
    exact: bool = True
    complete: bool = True

    def __add__(self, other: "Amount") -> "Amount":
        """Return the sum, which is exact and complete only if both summands are."""
        return self._combined(self.value + other.value, other)

    def __mul__(self, other: "Amount | float") -> "Amount":
        """Return the product; zero times an unknown amount is zero."""
        factor = other if isinstance(other, Amount) else Amount(other)
        if Amount(0) in (self, factor):
            return Amount(0)
        return self._combined(self.value * factor.value, factor)

    def _combined(self, value: float, other: "Amount") -> "Amount":
        return Amount(value, self.exact and other.exact, self.complete and other.complete)

    def marked(self, text: str) -> str:
        """Return `text`, the value in words, as `~text` if estimated, `text + ?` if partial."""
        if not self.complete and not self.value:
            return "?"
        return f"{'' if self.exact else '~'}{text}{'' if self.complete else ' + ?'}"


UNKNOWN = Amount(0, complete=False)


def about(value: float) -> Amount:
    """Return an estimate."""
    return Amount(value, exact=False)


def total(amounts: Iterable[Amount]) -> Amount:
    """Return the sum of amounts."""
    return sum(amounts, Amount(0))


def count(amount: Amount) -> str:
    """Return a whole number: `50,000`, `~4,000`, `?`."""
    return amount.marked(humanize.intcomma(round(amount.value)))


def size(amount: Amount) -> str:
    """Return bytes: `6.7 GB`."""
    return amount.marked(humanize.naturalsize(amount.value))


def metric(amount: Amount) -> str:
    """Return a number of operations or parameters: `8.80 G`."""
    return amount.marked(humanize.metric(amount.value))


def hours(amount: Amount) -> str:
    """Return hours, or minutes if less than one hour: `64,714.2 h`, `1.9 min`."""
    if amount.value >= 1:
        return amount.marked(f"{humanize.intcomma(amount.value, 1)} h")
    return amount.marked(f"{60 * amount.value:.1f} min")
