"""The README and the navigation of the site lead to every document."""

from tests.reads import ROOT


def test_readme_and_navigation_lead_to_every_document():
    readme, site = ((ROOT / name).read_text() for name in ("README.md", "zensical.toml"))
    for file in (ROOT / "docs").rglob("*.md"):
        page = file.relative_to(ROOT / "docs").as_posix()
        assert f"](docs/{page})" in readme and f'"{page}"' in site, page
