"""Studies that are broken in one place or several."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from stages.settings.check import check
from stages.storage.errors import InputError
from tests.pipeline.workspace import NANO

Complaint = Callable[[dict[str, Any]], str]


@pytest.fixture
def complaint(tmp_path) -> Complaint:
    """Change keys of the nano study (levels split by `/`; `...` removes), return what is said."""

    def of(changes: dict[str, Any]) -> str:
        study = yaml.safe_load(NANO.read_text())
        for path, value in changes.items():
            *above, key = path.split("/")
            node = study
            for name in above:
                node = node[name]
            node[key] = value
            if value is ...:
                del node[key]
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(study))
        with pytest.raises(InputError) as caught:
            check(tmp_path / "params.yaml")
        return str(caught.value).replace(f"{tmp_path}/", "")

    return of
