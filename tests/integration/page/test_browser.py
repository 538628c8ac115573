"""The browser's tests can fail: each complaint, on a page that deserves it."""

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser import (
    HOSTILE,
    NARROW,
    broken_links,
    excess_width,
    violations,
    watched_page,
)

BAD = f"""<!DOCTYPE html>
<title>Bad</title>
<p style="color: #aaa; width: 500px">Pale, and too wide for a telephone</p>
<img src="http://127.0.0.1:9/outside.png" alt="from outside">
<a href="#here" id="here">1</a> <a href="#nowhere">2</a> <a href="bad.html#nowhere">3</a>
<a href="other.html#there">4</a> <a href="other.html#nowhere">5</a> <a href="none.html">6</a>
<a href="https://example.org/">7</a>
<svg><a xlink:href="#lost" xmlns:xlink="http://www.w3.org/1999/xlink"><text>8</text></a></svg>
<script>
throw Error("a fault");
</script>
<p>{HOSTILE}</p>
"""


def test_what_is_bad_on_a_page_is_found(tmp_path: Path, browser: Browser):
    (tmp_path / "bad.html").write_text(BAD)
    (tmp_path / "other.html").write_text('<p id="there">There</p>')
    with watched_page(browser) as (page, complaints):
        page.goto((tmp_path / "bad.html").as_uri())
        page.set_viewport_size(NARROW)
        assert excess_width(page) > 0
        assert [link.rpartition("/")[2] for link in broken_links(page)] == [
            *("bad.html#lost", "bad.html#nowhere", "none.html", "other.html#nowhere"),
        ]
        assert any(line.startswith("color-contrast, ") for line in violations(page))
    for complaint in ("loads http://127.0.0.1:9/outside.png", "ran", "a fault"):
        assert any(complaint in line for line in complaints), complaint
