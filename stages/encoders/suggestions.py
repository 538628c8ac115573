"""What somebody may have meant who wrote a name that a library does not know."""

from collections.abc import Collection
from difflib import get_close_matches


def close_names(name: str, known: Collection[str]) -> str:
    """Return the known names that are most like `name`, in words."""
    near = get_close_matches(name, known, n=5, cutoff=0.4) or sorted(known)[:5]
    return f"legal values, among others: {', '.join(near) or 'none'}"
