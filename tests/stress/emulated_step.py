"""A training step of each kind and a measure, for a processor that is emulated.

    python -m tests.stress.emulated_step

Prints the digest of every result.
"""

import hashlib
import json
import sys
from typing import Any

import numpy as np

from interpreting_clip.measures.kurtosis import kurtosis_and_deviations
from interpreting_clip.measures.singular_directions import importance, singular_directions
from interpreting_clip.training.callbacks import Callbacks
from interpreting_clip.training.loop import train
from interpreting_clip.training.recipes import TrainingRecipe
from tests.unit.training.conftest import IMAGES, SHARED, small_case


def main() -> None:
    results: dict[str, np.ndarray] = {}
    own: dict[str, Any] = {"epochs": 1, "batch_size": len(IMAGES), "warmup_steps": 0}
    recipe = TrainingRecipe(**SHARED | own)
    for tower, learns_from in (("rn", "labels"), ("vit", "captions")):
        encoder, objective = small_case(tower, learns_from)
        module, preprocess = encoder.module, encoder.card.preprocess
        train(module, objective, IMAGES, preprocess, recipe, callbacks=Callbacks())
        for name, value in module.state_dict().items():
            results[f"{tower} {name}"] = value.numpy()
    rng = np.random.default_rng(0)
    activations = rng.standard_normal((200, 96), np.float32)
    directions = singular_directions(rng.standard_normal((40, 96)))
    results["kurtosis"] = kurtosis_and_deviations(activations, 3.0)[0]
    results["importance"] = importance(activations, directions)
    found = {name: hashlib.sha256(value.tobytes()).hexdigest() for name, value in results.items()}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
