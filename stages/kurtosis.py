"""Stage `kurtosis`: the kurtosis of an encoder's activations, and its outlier features."""

from dataclasses import asdict
from pathlib import Path

from stages.config.measures import KurtosisSettings
from stages.config.params import Params
from stages.config.test_sets import TEST_SETS
from stages.files.activations import read_activations, read_card
from stages.files.arrays import write_tensors
from stages.files.json import write_json
from stages.files.outputs import new_output, open_outputs
from stages.measures.intervals import bootstrap_mean
from stages.measures.kurtosis import kurtosis_and_deviations, outlier_features
from stages.runtime.errors import error_context
from stages.runtime.launch import launch


def main(key: str) -> None:
    """Write encoder `key`'s kurtosis on ImageNet's test images, and its features' deviations."""
    params = Params()
    settings = params.read("kurtosis", KurtosisSettings)
    directory = Path("data/activations") / key
    inputs = open_outputs(directory)
    activations = read_activations(directory, TEST_SETS[0]).values
    with error_context(directory / TEST_SETS[0], ValueError):
        per_image, deviations = kurtosis_and_deviations(activations, settings.outlier_sigma)
    kurtosis = bootstrap_mean(per_image, settings.resamples, settings.confidence, settings.seed)
    outliers = outlier_features(deviations, settings.outlier_share)
    result = {
        "representation": read_card(directory)["representation"],
        "kurtosis": asdict(kurtosis),
        "outlier_features": asdict(outliers),
    }
    with new_output(Path("data/kurtosis") / key, inputs) as out:
        write_json(out / "kurtosis.json", result)
        write_tensors(out / "features.safetensors", asdict(deviations))


if __name__ == "__main__":
    launch(main)
