"""Commands for people: `python -m tools VERB`; `python -m tools --help` lists the verbs.

A verb is a module of this package with a `main`, whose keywords are the options that the module's
`add_arguments`, if it has one, declares; `fsck` and `prune` are functions of one module. A module
is imported only when its verb is called.
"""

import argparse
from importlib import import_module

from runner.inputs import require_merged
from runner.process import launch

VERBS = {
    "build-site": "build the documentation and the pages as one site for any web host",
    "check-encoder": "check an encoder of params.yaml before anything is computed",
    "compare": "check whether two results agree, even if their bytes differ",
    "fast-dvc": "run DVC's command line without three costs that grow with a study",
    "fingerprints": "check whether code.json is up to date",
    "fsck": "find damaged files in DVC's cache, and what a killed DVC has left",
    "image-list": "list the images of datasets in their order, for activations made elsewhere",
    "job": "run one job of `make repro JOBS=2`; Snakemake starts it",
    "lock": "record which torch and torchvision pip chose",
    "manual": "write the tables of docs/reference, README.md and docs/results.md",
    "plan": "say what a study downloads, stores and computes; start nothing",
    "prune": "show or remove what removed encoders, datasets and comparisons left",
    "published": "check the published accuracies and list their sources",
    "replicas": "write the study of replicas, or the table of what it measured",
    "repro": "run the study in params.yaml, and list its results",
}

FUNCTIONS = {"fsck": "cache", "prune": "cache"}
"""The module of each verb that is a function."""


def main(*words: str) -> None:
    """Import the module of a verb, and run it with its options."""
    parser = argparse.ArgumentParser(
        prog="python -m tools",
        usage="%(prog)s VERB [options]",
        description="Commands for people; `VERB --help` lists the options of one.\n\n"
        + "\n".join(f"  {verb:<15}{line}" for verb, line in VERBS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("verb", choices=VERBS, metavar="VERB", help=argparse.SUPPRESS)
    parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    chosen = parser.parse_args(words)
    require_merged()
    module = import_module(f"tools.{FUNCTIONS.get(chosen.verb, chosen.verb.replace('-', '_'))}")
    line = VERBS[chosen.verb]
    options = argparse.ArgumentParser(
        prog=f"python -m tools {chosen.verb}", description=f"{line[0].upper()}{line[1:]}."
    )
    if hasattr(module, "add_arguments"):
        module.add_arguments(options)
    run = getattr(module, chosen.verb if chosen.verb in FUNCTIONS else "main")
    run(**vars(options.parse_args(chosen.words)))


if __name__ == "__main__":
    launch(main)
