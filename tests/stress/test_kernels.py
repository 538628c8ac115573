"""The standard models' accuracies do not hang on the kernels of a processor."""

import os
import subprocess
import sys

from tests.reads import ROOT

MEASURE = """
import json
import numpy as np
from interpreting_clip.training.standard_models import LabelledImages, standard_model_accuracies
images = np.random.default_rng(0).integers(0, 256, (1100, 12, 12, 3)).astype(np.uint8)
classes = images[:, 2:6, 2:6].sum(axis=(1, 2)).argmax(axis=1)
train, test = (
    LabelledImages(images[part], classes[part], np.arange(3))
    for part in (slice(900), slice(900, None))
)
print(json.dumps(standard_model_accuracies(train, test, {}, 0)))
"""


def test_other_kernels_give_the_same_accuracies():
    """OpenBLAS and NumPy choose their kernels by the processor, or as a machine demands."""
    demanded = [
        {"OPENBLAS_CORETYPE": "Haswell"},
        {
            "OPENBLAS_CORETYPE": "Prescott",
            "OPENBLAS_NUM_THREADS": "2",
            "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3",
        },
    ]
    said = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", MEASURE],
            cwd=ROOT,
            env=os.environ | kernels,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for kernels in ({}, *demanded)
    }
    assert len(said) == 1
