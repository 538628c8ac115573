"""Stage `probe`: a linear probe, the head of an encoder fitted to labelled images."""

import os
import sys

from threadpoolctl import threadpool_limits

from interpreting_clip.encoders.encoder import load_encoder, save_encoder
from interpreting_clip.encoders.encoder_card import are_given
from interpreting_clip.encoders.encoder_entries import Threads
from interpreting_clip.encoders.given_activations import write_probed
from interpreting_clip.encoders.probed import probed_encoder, with_head
from interpreting_clip.errors import error_context
from interpreting_clip.formats.array_files import read_npy
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.training.linear_probe import fit_probe
from interpreting_clip.training.probes import Probe, ProbeSettings
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s weights with the head, and the penalties that were tried."""
    threads = params.read("threads", Threads).inference
    item = params.read(f"probe.{key}", Probe)
    settings = params.read("heads.probe", ProbeSettings)
    source = inputs[f"data/weights/{item.start}"]
    learnt = inputs[f"data/train_activations/{key}"]
    activations, labels = (
        read_npy(learnt / f"{name}.npy").stored for name in ("activations", "classes")
    )
    device = read_machine().device
    if device not in ("cpu", "mps"):
        # scikit-learn asks for it before it takes a GPU's tensors.
        os.environ["SCIPY_ARRAY_API"] = "1"
    # Of NumPy's BLAS. SciPy's, which is loaded later, has one thread (`OPENBLAS_NUM_THREADS`).
    with threadpool_limits(threads, user_api="blas"):
        fitted = fit_probe(activations, labels, settings, device)
    for tried in fitted.tried:
        mark = " (chosen)" if tried.penalty == fitted.penalty else ""
        sys.stdout.write(f"penalty {tried.penalty:g}: held out, {tried.log_loss:.4f} nats{mark}\n")
    classes = read_json(learnt / "card.json")["classes"]
    head = fitted.head.weight, fitted.head.bias, classes
    if are_given(source):
        write_probed(source, outputs[f"data/weights/{key}"], *head)
    else:
        start = load_encoder(source)
        with error_context(source):
            encoder = probed_encoder(start, item.features)
        save_encoder(outputs[f"data/weights/{key}"], with_head(encoder, *head))
    folder = outputs[f"data/training/{key}"]
    write_json(folder / "ready.json", {})  # in place of a training curve
    write_json(folder / "probe.json", fitted.summary, digits=9)
