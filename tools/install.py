"""Installs packages with pip, and prints a line that counts them in place of pip's log.

It runs before anything is installed: `python tools/install.py WORDS…`, the words of `pip install`.
If pip fails, its log is printed. pip compiles one module after the other; here, all processors do,
which takes 32 s on two of them for 54 s of processor time. Stages, which are locked, cannot do it
later.
"""

import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence


def main(words: Sequence[str]) -> int:
    """Run `pip install`; return its exit status."""
    began, log, packages = time.monotonic(), list[str](), 0
    command = [sys.executable, "-m", "pip", "install", "--no-compile", "--progress-bar=off", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        for line in pip.stdout or ():
            log.append(line)
            packages += line.startswith("Collecting ")
            if line.startswith(("Collecting ", "Installing collected ")):
                doing = "unpacking them" if line[0] == "I" else line.split()[1]
                show(f"{packages} packages, {time.monotonic() - began:.0f} s: {doing}")
    if not pip.returncode:
        show(f"{packages} packages, {time.monotonic() - began:.0f} s: compiling them")
        # without what it says of files that no Python can compile, such as templates
        quietly = ["-m", "compileall", "-q", "-q", "-j", "0", sysconfig.get_path("purelib")]
        subprocess.run([sys.executable, *quietly], check=False)
    show("")
    if pip.returncode:
        sys.stderr.writelines(log)
    else:
        sys.stdout.write(f"Installed {packages} packages in {time.monotonic() - began:.0f} s.\n")
    return pip.returncode


def show(text: str) -> None:
    """Write a line on a terminal in place of the last one."""
    if sys.stdout.isatty():
        sys.stdout.write(f"\r\x1b[K{text[:78]}")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
