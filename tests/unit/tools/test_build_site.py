"""`make site` replaces no folder of anything else."""

from pathlib import Path

import pytest

from interpreting_clip.errors import InputError
from tools import build_site


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("browse: {encoders: [rn]}")
    pages = [Path(page) for page in (*build_site.PAGES, "plots/directions/rn/index.html")]
    for page in pages:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.touch()
    return pages


@pytest.mark.parametrize("place", ["plots", "params.yaml"])
def test_no_other_folder_is_replaced(pages, place):
    with pytest.raises(InputError, match=f"{place}.*SITE="):
        build_site.main(to=Path(place))
    assert all(page.is_file() for page in pages)
