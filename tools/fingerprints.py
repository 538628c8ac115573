"""Is code.json up to date? `make check` asks; `dvc repro code` writes it."""

from pathlib import Path

from interpreting_clip.errors import InputError
from runner.fingerprint import FINGERPRINTS, fingerprints, recorded_fingerprints


def main() -> None:
    """Refuse a code.json that is out of date."""
    present, recorded = fingerprints(Path()), recorded_fingerprints(FINGERPRINTS)
    changed = [key for key, value in present.items() if recorded.get(key) != value]
    changed += sorted(recorded.keys() - present.keys())
    if changed:
        raise InputError(
            f"{FINGERPRINTS}: out of date for {', '.join(changed)}; run `dvc repro code` and commit"
        )
