"""Charts are the same bytes whatever fonts a machine has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import ImageFont

from tests.reads import ROOT

DRAW = """
import sys
from contextlib import nullcontext
from page import vega

if sys.argv[1] == "every font":
    vega.only_bundled_fonts = nullcontext
labels = [{"name": "a label of some words"}]
name = {"field": "name", "type": "nominal"}
chart = {"data": {"values": labels}, "mark": "bar", "encoding": {"y": name}}
print(vega.draw_svg(chart | {"config": {"font": sys.argv[2]}}, "chart", "a"))
"""


@pytest.fixture
def installed(tmp_path: Path) -> tuple[str, Path]:
    """Return a font's name, and a configuration of fontconfig's by which it is installed."""
    font = ImageFont.load_default(size=10)
    assert isinstance(font, ImageFont.FreeTypeFont)
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts/one.ttf").write_bytes(font.font_bytes)
    settings = tmp_path / "fonts.conf"
    settings.write_text(f"<fontconfig><dir>{tmp_path}/fonts</dir></fontconfig>")
    return str(font.getname()[0]), settings


def test_no_font_of_the_machine_changes_a_chart(installed: tuple[str, Path], tmp_path: Path):
    font, settings = installed
    (nothing := tmp_path / "nothing.conf").write_text(
        "<fontconfig><dir>/no/such</dir></fontconfig>"
    )

    def drawn(fonts: str, machine: Path) -> str:
        return subprocess.run(
            [sys.executable, "-c", DRAW, fonts, font],
            check=True,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | {"FONTCONFIG_FILE": str(machine)},
        ).stdout

    # vl-convert itself prefers the machine's font, so the test would see a difference
    assert drawn("every font", settings) != drawn("every font", nothing)
    assert drawn("bundled fonts", settings) == drawn("bundled fonts", nothing)
