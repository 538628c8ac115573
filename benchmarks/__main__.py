"""Run every benchmark but `gpu`, one after the other, each in a process of its own."""

import subprocess
import sys

from runner.process import set_variables

BENCHMARKS = ("concepts", "edits", "extraction")


def main() -> None:
    """Run the named benchmarks, or all."""
    # As in a stage; a process that has imported torch is too late to set it.
    set_variables()
    for name in sys.argv[1:] or BENCHMARKS:
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        if code := subprocess.run(command, check=False).returncode:
            sys.exit(code)


if __name__ == "__main__":
    main()
