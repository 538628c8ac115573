"""The check of the sections `arrays` and `array_downloads`; no file of arrays is read."""

from pathlib import Path

from interpreting_clip.config.syntax import short
from interpreting_clip.study.check_datasets import Complaints
from interpreting_clip.study.measured_arrays import DOWNLOADED, IN_GIT, NONE
from interpreting_clip.study.sections import Sections


def check_arrays(study: Sections) -> Complaints:
    """Files of arrays are in git or downloaded, and what needs a head or classes has them."""
    files = {DOWNLOADED.format(key=key): key for key in study.array_downloads}
    labels: dict[tuple[str, str], str] = {}
    for key, entry in study.arrays.items():
        name = f"'arrays.{key}"
        if (first := labels.setdefault((entry.section, entry.label), key)) != key:
            yield f"{name}.label': expected its own label, got the one of 'arrays.{first}'"
        if entry.file in files:
            if entry.sha256:
                yield f"{name}.sha256': leave it out; 'array_downloads.{files[entry.file]}' has it"
        elif not (IN_GIT.fullmatch(entry.file) and Path(entry.file).is_file()):
            legal = ", ".join(files) or f"none yet, such as {DOWNLOADED.format(key='mine')}"
            yield (
                f"{name}.file': there is no {short(entry.file)}; expected "
                f"data/arrays/….safetensors, or the file of an entry of array_downloads: {legal}"
            )
        elif not entry.sha256:
            yield f"{name}.sha256' is missing: `sha256sum {entry.file}` prints it"
        if entry.head == NONE and (
            entry.classes != NONE or entry.normalize_features or entry.bias is not None
        ):
            yield (
                f"{name}.head': classes, `bias` and `normalize_features` need a head; name its "
                f"array, or set `classes: {NONE}` and `normalize_features: false`"
            )
        if entry.activations in entry.compare or len({*entry.compare}) < len(entry.compare):
            yield f"{name}.compare': expected other arrays than '{entry.activations}', each once"
    for file, key in files.items():
        if file not in {entry.file for entry in study.arrays.values()}:
            yield f"'array_downloads.{key}': nothing uses it; take it out, or name it as a `file`"
