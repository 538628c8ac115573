"""The command `interpreting-clip`, and `python -m interpreting_clip`."""

import os
import sys
import warnings

from interpreting_clip.errors import InputError, one_line


def start() -> None:
    """Run the command, and explain in one line what is wrong with its input."""
    # As in a study. Threads of BLAS wait for each other in small products, for minutes on a busy
    # machine. NumPy's BLAS reads this when it is loaded; torch, for `extract`, may read it too.
    if sys.argv[1:2] == ["measure"]:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    warnings.showwarning = lambda message, *_: sys.stderr.write(f"warning: {message}\n")
    try:
        # Libraries take a second to load, which Ctrl-C may interrupt as well.
        from interpreting_clip.commands.measure import main

        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:  # as after `| head`; the usual exit would write again, and complain
        os._exit(1)
    except OSError as error:
        sys.exit(one_line(f"error: {error.filename or 'writing'}: {error.strerror}"))
    except KeyboardInterrupt as stop:
        # On a terminal, the draws of a measure may be counted in this line.
        sys.stderr.write(
            "\n" * sys.stderr.isatty() + f"interrupted: {stop or 'no file was written'}\n"
        )
        sys.exit(130)  # 128 + SIGINT, as shells count it


if __name__ == "__main__":
    start()
