"""Studies that differ from the nano study in one place or several."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.study.check import check
from tests.pipeline.workspace import NANO

Changed = Callable[..., Path]


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    """Change keys of a study (levels split by `/`; `...` removes); return its file."""

    def write(changes: dict[str, Any], file: Path = NANO) -> Path:
        study = deepcopy(load_tree(file))
        for path, value in changes.items():
            *above, key = path.split("/")
            node = study
            for name in above:
                node = node[name]
            node[key] = deepcopy(value)
            if value is ...:
                del node[key]
        (tmp_path / "params.yaml").write_text(json.dumps(study))  # JSON is YAML
        return tmp_path / "params.yaml"

    return write


@pytest.fixture
def complaint(changed: Changed) -> Callable[..., str]:
    """Return what is said of such a study."""

    def of(changes: dict[str, Any], study: Path = NANO) -> str:
        file = changed(changes, study)
        with pytest.raises(InputError) as caught:
            check(file)
        return str(caught.value).replace(f"{file.parent}/", "")

    return of
