"""Studies that are broken in one place or several."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.study.check import check
from tests.pipeline.workspace import NANO

TREE = load_tree(NANO)
Complaint = Callable[[dict[str, Any]], str]


@pytest.fixture
def complaint(tmp_path) -> Complaint:
    """Change keys of the nano study (levels split by `/`; `...` removes); return the complaints."""

    def of(changes: dict[str, Any]) -> str:
        study = deepcopy(TREE)
        for path, value in changes.items():
            *above, key = path.split("/")
            node = study
            for name in above:
                node = node[name]
            node[key] = deepcopy(value)
            if value is ...:
                del node[key]
        (tmp_path / "params.yaml").write_text(json.dumps(study))  # JSON is YAML
        with pytest.raises(InputError) as caught:
            check(tmp_path / "params.yaml")
        return str(caught.value).replace(f"{tmp_path}/", "")

    return of
