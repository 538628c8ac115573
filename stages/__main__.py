"""`python -m stages <stage> [key]` runs a stage, as dvc.yaml does."""

import sys

from runner.launcher import LAUNCHED
from runner.process import DEBUG, explained, set_up
from runner.run import main

if __name__ == "__main__":
    set_up()
    words = sys.argv[1:]
    given = [word for word in words if word not in (DEBUG, LAUNCHED)]
    with explained(" ".join(["python -m stages", *given]), DEBUG in words):
        main(*words)
