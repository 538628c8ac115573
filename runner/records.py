"""What a stage computed with, compared with what DVC then records in dvc.lock.

When a stage has ended, DVC reads params.yaml, code.json and the inputs again. An edit in the
second or two after the stage's own comparison would be recorded with a result of the old values.
So a stage leaves a record in `.scratch/computed`. `make repro`'s DVC compares it before it writes
the entry in dvc.lock; after plain DVC, the next stage and the next `make repro` do.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from interpreting_clip.config.syntax import Loader
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_whole
from runner.inputs import LOCK, LockedStage, read_lock

FOLDER = Path(".scratch/computed")


def leave_record(name: str, settings: Mapping[str, Any], outs: Mapping[str, str]) -> None:
    """Record the settings and inputs that a stage computed with, and the MD5s of its outputs.

    The record also has the settings and inputs that dvc.lock lists until DVC writes the entry.
    """
    stage = read_lock().get(name)
    before = locked_settings(stage) if stage else {}
    computed = {"settings": settings, "outs": outs, "before": before}
    write_whole(record_of(name), json.dumps(computed).encode())


def record_of(name: str) -> Path:
    """Return the file of a stage's record."""
    return FOLDER / f"{name}.json"


def wrong_setting(name: str, stage: LockedStage) -> str:
    """Return a setting or input that dvc.lock records otherwise than the stage used it, or "".

    The stage's record is deleted if it agrees. It stays if DVC has not recorded the stage yet.
    """
    file = record_of(name)
    try:
        computed = json.loads(file.read_bytes())
    except FileNotFoundError:
        return ""
    if stage.outs != computed["outs"]:
        return ""
    recorded = locked_settings(stage)
    if changed := changed_settings(computed["settings"], recorded):
        # Before DVC writes the entry, it has the old settings, maybe with the same outputs.
        return "" if recorded == computed["before"] else changed[0]
    file.unlink(missing_ok=True)
    return ""


def locked_settings(stage: LockedStage) -> dict[str, Any]:
    """Return the settings and inputs that dvc.lock records of a stage, by name."""
    listed = Loader(stage.params).get_single_data() or {}
    named = {f"{of}: {key}": value for of, group in listed.items() for key, value in group.items()}
    # through JSON, which has no other keys than texts
    return json.loads(json.dumps({**named, **stage.deps}))


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the names of the settings that differ."""
    return [key for key in {**before, **now} if before.get(key) != now.get(key)]


def wrong_records() -> Iterator[tuple[str, str]]:
    """Yield the stages that plain DVC has recorded wrongly, each with the setting or input."""
    names = [file.stem for file in sorted(FOLDER.glob("*.json"))]
    lock = read_lock() if names else {}
    for name in names:
        if name in lock and (wrong := wrong_setting(name, lock[name])):
            yield name, wrong


def require_right_records() -> None:
    """Refuse to compute after plain DVC has recorded a stage wrongly."""
    for name, wrong in wrong_records():
        raise InputError(
            f"{LOCK}: stage {name} is recorded with another value of {wrong} than it computed "
            f"with, since that was changed while DVC recorded it; `make fsck MEND=1; dvc repro` "
            f"computes it again; if you used `dvc commit`, `rm {record_of(name)}` accepts it"
        )
