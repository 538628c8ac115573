"""The command `interpreting-clip`, and `python -m interpreting_clip`."""

import os
import sys

# As in a study. Threads of BLAS wait for each other in small products, for minutes on a busy
# machine. NumPy's BLAS reads this when it is loaded; torch, for `extract`, may read it too.
if sys.argv[1:2] == ["measure"]:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from interpreting_clip.command import start

if __name__ == "__main__":
    start()
