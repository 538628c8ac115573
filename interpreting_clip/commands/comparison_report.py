"""The page, the JSON and the tables of several encoders."""

from collections.abc import Sequence
from pathlib import Path

from interpreting_clip.commands.report import Study
from interpreting_clip.measures.encoder_comparison import Comparison


def write_comparison(out: Path, studies: Sequence[Study], comparison: Comparison) -> list[Path]:
    """Write the page, the JSON and the tables into a folder, and return their paths."""
    return []
