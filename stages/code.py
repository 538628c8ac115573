"""Stage `code`: fingerprint the code and the packages that each stage computes with.

`python -m stages code --check` writes nothing and says whether code.json is up to date.
"""

from pathlib import Path

from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_json
from runner.fingerprint import FINGERPRINTS, fingerprints, recorded_fingerprints

CHECK = "--check"


def main(option: str = "") -> None:
    """Write code.json, or with `--check` refuse one that is out of date.

    Raises
    ------
    InputError
        Another option was given, or code.json is out of date; names the stages.
    """
    if option not in ("", CHECK):
        raise InputError(f"expected {CHECK} or nothing, got {option!r}")
    present = fingerprints(Path())
    if not option:
        write_json(FINGERPRINTS, present)
        return
    recorded = recorded_fingerprints(FINGERPRINTS)
    changed = [key for key, value in present.items() if recorded.get(key) != value]
    changed += sorted(recorded.keys() - present.keys())
    if changed:
        raise InputError(
            f"{FINGERPRINTS}: out of date for {', '.join(changed)}; run `dvc repro code` and commit"
        )
