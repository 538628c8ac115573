"""Run every benchmark, one after the other, each in a process of its own."""

import subprocess
import sys

BENCHMARKS = ("study", "concepts", "cka", "extraction", "startup", "dag", "measures", "growth")


def main() -> None:
    """Run those that are named, or all."""
    for name in sys.argv[1:] or BENCHMARKS:
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)


if __name__ == "__main__":
    main()
