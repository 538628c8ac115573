"""Check the accuracies that others published, and list their sources."""

import sys

from tabulate import tabulate

from interpreting_clip.published.figures import FOLDER, read_published

NOTABLE = 0.3
"""A notable difference of two sources' accuracies of one model, in points."""


def main() -> None:
    """Print a row per source, and how many pairs of the same weights differ."""
    published = read_published()
    rows = [
        (key, len(published.of(key)), source.licence, source.title)
        for key, source in published.sources.items()
    ]
    table = tabulate(rows, headers=("source", "models", "licence", "title"))
    differences = published.same["largest_difference"].round(3)
    notable = (differences > NOTABLE).sum()
    sys.stdout.write(
        f"{FOLDER}\n\n{table}\n\n{len(differences)} pairs of models are the same weights in two "
        f"sources; {notable} differ by more than {NOTABLE} points on some set.\n"
    )
