"""How long operations take, from a throughput that is stated rather than measured."""

from dataclasses import dataclass

from stages.planning.amounts import Amount, about

GPU = 40.0
"""Default TFLOP/s of a GPU: some 60 % of an H100's 67 in single precision, which the towers use.

A guess: an A100 (peak 19.5) has a third of it, and nothing here waits for images to be decoded.
"""

CPU = 0.2
"""Default TFLOP/s of a processor: half of what four cores at 3 GHz with AVX2 reach at most."""

HOUR = 3600.0


@dataclass(frozen=True)
class Speed:
    """The sustained throughput of a GPU and of a processor, 10^12 operations per second."""

    gpu: float = GPU
    cpu: float = CPU

    def __str__(self) -> str:
        """Return the throughputs as a reader has to know them."""
        return (
            f"at {self.gpu:g} TFLOP/s of a GPU (--tflops) or {self.cpu:g} of a CPU (--cpu-tflops)"
        )

    def gpu_hours(self, operations: Amount) -> Amount:
        """Return the hours on one GPU: always an estimate."""
        return _hours(operations, self.gpu)

    def cpu_hours(self, operations: Amount) -> Amount:
        """Return the hours on the processor: always an estimate."""
        return _hours(operations, self.cpu)


def _hours(operations: Amount, tflops: float) -> Amount:
    return about(1).times(operations) * (1 / (tflops * 1e12 * HOUR))
