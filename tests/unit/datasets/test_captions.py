from pathlib import Path

import pytest

from interpreting_clip.datasets.captions import read_captions
from interpreting_clip.errors import InputError


@pytest.mark.parametrize("content", [b"{", b'{"a": 1}', b'[{"filename": "\xff"}]'])
def test_what_is_no_json_is_refused(content: bytes, tmp_path: Path):
    (tmp_path / "captions.json").write_bytes(content)
    with pytest.raises(InputError, match=r"captions\.json"):
        read_captions(tmp_path / "captions.json")
