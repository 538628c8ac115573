"""The constrained numbers and names that parameters are made of."""

from typing import Annotated

from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]
"""A whole number of things, at least one."""

Natural = Annotated[int, Meta(ge=0)]
"""A whole number of things, maybe none."""

Seed = Annotated[int, Meta(ge=0, lt=2**31)]
"""The seed of a random generator."""

Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
"""A share or a probability, 0 to 1."""

Confidence = Annotated[float, Meta(gt=0.0, lt=1.0)]
"""The confidence of an interval, such as 0.95."""

Positive = Annotated[float, Meta(gt=0.0)]
"""A number above zero."""

NonNegative = Annotated[float, Meta(ge=0.0)]
"""Zero or a number above it."""

KEY = r"^[a-z0-9_]+\Z"
"""What the name of an entry matches."""

Key = Annotated[str, Meta(pattern=KEY)]
"""The name of an entry: DVC addresses stages by it, so no dots, dashes or `@`."""
