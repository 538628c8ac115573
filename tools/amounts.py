"""Amounts that say how well they are known: exactly, about, or not at all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
NUMBERS = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))

Number = int | float


@dataclass(frozen=True)
class Amount:
    """A number of images, bytes or operations.

    `exact` is false for an estimate; `whole` is false where a part is unknown, which is then not
    in `value`.
    """

    value: Number
    exact: bool = True
    whole: bool = True

    def __add__(self, other: "Amount") -> "Amount":
        """Return the sum: an estimate where one of the two is, and whole where both are."""
        return Amount(
            self.value + other.value, self.exact and other.exact, self.whole and other.whole
        )

    def __mul__(self, factor: Number) -> "Amount":
        """Return a multiple."""
        return self.times(Amount(factor))

    def times(self, other: "Amount") -> "Amount":
        """Return a product; nothing times an unknown amount is nothing."""
        if Amount(0) in (self, other):
            return Amount(0)
        return Amount(
            self.value * other.value, self.exact and other.exact, self.whole and other.whole
        )

    def plain(self) -> dict[str, Any]:
        """Return the amount for a JSON file."""
        known = self.whole or self.value
        return {
            "value": self.value if known else None,
            "estimate": not self.exact,
            "complete": self.whole,
        }


UNKNOWN = Amount(0, exact=True, whole=False)
"""What nobody has said."""


def about(value: Number) -> Amount:
    """Return an estimate."""
    return Amount(value, exact=False)


def total(amounts: Iterable[Amount]) -> Amount:
    """Return the sum of amounts."""
    return sum(amounts, Amount(0))


def count(amount: Amount) -> str:
    """Return a whole number with its thousands apart: `50,000`, `~4,000`, `?`."""
    return qualified(amount, f"{amount.value:,.0f}")


def size(amount: Amount) -> str:
    """Return bytes in their largest unit, powers of ten: `6.7 GB`."""
    return qualified(amount, scaled(amount.value, BYTES, " B"))


def operations(amount: Amount) -> str:
    """Return floating-point operations or parameters in their largest unit: `8.8 G`."""
    return qualified(amount, scaled(amount.value, NUMBERS, ""))


def hours(amount: Amount) -> str:
    """Return hours, or minutes where they are less than one."""
    value, unit = (amount.value, "h") if amount.value >= 1 else (60 * amount.value, "min")
    return qualified(amount, f"{value:,.{0 if value >= 100 else 1}f} {unit}")


def scaled(value: Number, units: Iterable[tuple[float, str]], smallest: str) -> str:
    """Return a number in three digits or so of the largest unit that it reaches."""
    for unit, name in units:
        if value >= unit:
            return f"{value / unit:,.{0 if value >= 100 * unit else 1}f} {name}"
    return f"{value:,.0f}{smallest}"


def qualified(amount: Amount, text: str) -> str:
    """Return a number with `~` before an estimate, and `+ ?` after one that lacks a part."""
    if not amount.whole and not amount.value:
        return "?"
    return f"{'' if amount.exact else '~'}{text}{'' if amount.whole else ' + ?'}"


GAP = "  "


def table(header: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """Return rows under a header: the first `words` columns to the left, numbers to the right.

    A last column without a header is a remark and stands to the left too.
    """
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    left = {*range(words), *([len(header) - 1] if not header[-1] else [])}
    return "\n".join(
        GAP.join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def titled(title: str, body: str) -> str:
    """Return a table under its title."""
    return f"{title}\n{'-' * len(title)}\n{body}\n"
