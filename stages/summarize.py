"""Stage `summarize`: one encoder's metrics and the series of its plots, in git."""

from pathlib import Path

from stages.datasets.card import is_absent
from stages.files.json import read_json, write_json
from stages.files.tables import read_curve
from stages.reporting.summary import encoder_metrics, plot_series
from stages.runtime.launch import launch

DATA = Path("data")


def main(key: str) -> None:
    """Write encoder `key`'s metrics, with the same keys for every encoder, and its series."""
    concepts = DATA / "concepts" / key
    measured = (
        read_json(DATA / "robustness" / f"{key}.json"),
        read_json(DATA / "kurtosis" / key / "kurtosis.json"),
        read_json(DATA / "directions" / key / "directions.json"),
        None if is_absent(concepts) else read_json(concepts / "concepts.json"),
    )
    curve = read_curve(DATA / "training" / key)
    write_json(Path("metrics/encoders") / f"{key}.json", encoder_metrics(*measured), digits=4)
    write_json(Path("plots/encoders") / f"{key}.json", plot_series(*measured, curve=curve))


if __name__ == "__main__":
    launch(main)
