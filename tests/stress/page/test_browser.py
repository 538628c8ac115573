"""The browser's tests can fail: each complaint, on a page that deserves it."""

from pathlib import Path

from playwright.sync_api import Browser

from tests.stress.page.conftest import (
    HOSTILE,
    NARROW,
    excess_width,
    violations,
    watched_page,
)

BAD = f"""<!DOCTYPE html>
<title>Bad</title>
<p style="color: #aaa; width: 500px">Pale, and too wide for a telephone</p>
<img src="http://127.0.0.1:9/outside.png" alt="from outside">
<script>throw Error("a fault");</script>{HOSTILE}
"""


def test_what_is_bad_on_a_page_is_found(tmp_path: Path, browser: Browser):
    (tmp_path / "bad.html").write_text(BAD)
    with watched_page(browser) as (page, complaints):
        page.goto((tmp_path / "bad.html").as_uri())
        page.set_viewport_size(NARROW)
        assert excess_width(page) > 0
        assert "color-contrast, " in str(violations(page))
    for complaint in ("loads http://127.0.0.1:9/outside.png", "ran", "a fault"):
        assert complaint in str(complaints)
