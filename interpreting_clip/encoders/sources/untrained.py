"""`source: untrained`: fresh weights."""

from interpreting_clip.encoders.sources.source import Source
from interpreting_clip.quantities import Seed


class Untrained(Source, frozen=True, kw_only=True, tag="untrained"):
    """Fresh weights drawn from `seed`: the null of the kurtosis and of the concepts."""

    tower = "untrained"
    from_library = False

    seed: Seed

    def heads(self, *, clip: bool) -> list[str]:
        """Return the only kind that needs no training."""
        return ["random"]
