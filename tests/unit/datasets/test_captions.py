from pathlib import Path

import pytest

from interpreting_clip.datasets.captions import read_captions
from interpreting_clip.errors import InputError


@pytest.mark.parametrize(
    "content", [b"{", b'[{"filename": "\xff"}]', b'[{"filename": "a", "x": ' + b"[" * 9999]
)
def test_what_is_no_json_is_refused(content: bytes, tmp_path: Path):
    (tmp_path / "captions.json").write_bytes(content)
    with pytest.raises(InputError, match=r"captions\.json: not ImageNet-Captions' JSON"):
        read_captions(tmp_path / "captions.json")
