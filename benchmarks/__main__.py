"""Run every benchmark but `gpu`, one after the other, each in a process of its own."""

import subprocess
import sys

BENCHMARKS = ("study", "concepts", "probe", "feeding", "startup", "dag", "kernels", "growth")


def main() -> None:
    """Run the named benchmarks, or all."""
    for name in sys.argv[1:] or BENCHMARKS:
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        if code := subprocess.run(command, check=False).returncode:
            sys.exit(code)


if __name__ == "__main__":
    main()
