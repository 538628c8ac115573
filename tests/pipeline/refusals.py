"""Runs stages that must refuse their input, and writes studies of one entry for that."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from tests.reads import accept_study, folder_digests, run_stage

DATA = Path("data")
SHARDS = {"images_per_shard": 3}


def refused(stage: str, key: str = "") -> str:
    """Run a stage that must refuse its input, and return its message."""
    accept_study()
    before = outputs()
    with pytest.raises(InputError) as caught:
        run_stage(stage, key)
    assert outputs() == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def outputs() -> tuple[dict[str, str], list[Path]]:
    """Return the digest of every file of the stages, and their folders."""
    return folder_digests(DATA), sorted(DATA.glob("*/*"))


def write_params(**sections: Any) -> None:
    """Write a study of only these sections; sets of every real source have shards of three."""
    sources = dict.fromkeys(("hub", "archive", "folder"), SHARDS)
    Path("params.yaml").write_text(
        yaml.safe_dump({"kernels": "native", "sources": sources, **sections})
    )


def change(**sections: dict[str, Any]) -> None:
    """Add entries to sections of the study."""
    tree = load_tree(Path("params.yaml"))
    for name, entries in sections.items():
        tree[name] |= entries
    Path("params.yaml").write_text(yaml.safe_dump(tree))


def write_dataset(key: str, entry: Mapping[str, Any], **more: Any) -> None:
    """Write a study of one dataset, a part of the published set unless `partial` is false."""
    write_params(datasets={key: {"partial": True, **entry, **more}})
