"""The rows of a claim's chart, and what replicas add to an interval."""

from interpreting_clip.measures.intervals import Estimate
from page.claim_charts import DotRow
from page.replicas import format_replicas
from page.results import StudyEncoder


def dot_row(
    encoder: StudyEncoder, estimate: Estimate, widest: Estimate | None, text: str
) -> DotRow:
    """Return the row of an encoder; `widest` is its interval over replicas too."""
    low, high = estimate.ends
    return DotRow(
        name=encoder.entry.label,
        text=text,
        training=encoder.entry.training,
        value=estimate.value,
        low=low,
        high=high,
        widest=widest.ends if widest else None,
    )


def with_seeds(encoder: StudyEncoder, number: str, estimate: Estimate) -> Estimate:
    """Widen an interval to hold the values of all replicas: a claim has to hold beyond both."""
    low, high = estimate.ends
    if found := encoder.replicas.get(number):
        low, high = min(low, found.low), max(high, found.high)
    return Estimate(estimate.value, low, high)


def over_seeds(encoder: StudyEncoder, number: str, digits: int = 1) -> str:
    """Return what stands after an interval in a finding, if the encoder has replicas."""
    said = format_replicas(encoder.replicas.get(number), digits)
    return f",{said} over seeds" if said else ""
