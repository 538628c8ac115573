"""The page of `interpreting-clip measure` in a browser: offline, in the dark, on a telephone."""

from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.commands.measure import main
from tests.stress.page.conftest import HOSTILE, NARROW, excess_width, violations

RNG = np.random.default_rng(0)


@pytest.fixture(params=["one", "several"])
def report(request, tmp_path, monkeypatch) -> tuple[Path, list[str], int]:
    """Return a page, names on it that would run if they were not escaped, and how many sections.

    It has every measure. A comparison of several encoders does not name concepts.
    """
    monkeypatch.chdir(tmp_path)
    head, classes = RNG.normal(size=(4, 12)), np.arange(80) % 4
    values = RNG.normal(size=(80, 12)) + head[classes]
    hostile = HOSTILE.replace("/", "")
    np.save("texts.npy", values[:, ::-1])
    for name, array in (("w", head), ("y", classes), (hostile, values), ("c", values[:, :2] > 0)):
        np.save(f"{name}.npy", array)
    Path("names.txt").write_text(f"{HOSTILE}\nb\n")
    words = ["measure", f"{hostile}.npy", "--head", "w.npy", "--labels", "y.npy", "--report", "out"]
    words += ["--concepts", "c.npy", "--concept-names", "names.txt", "--captions", "texts.npy"]
    if request.param == "several":
        words += [f"{hostile}.npy", "--captions", "texts.npy"]
        names, sections = [hostile], 11
    else:
        names, sections = [hostile, HOSTILE], 10
        words += ["--accuracy", "imagenet=76", "--accuracy", "objectnet=30"]
    main(words)
    return tmp_path / "out/index.html", names, sections


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_runs_nothing_loads_nothing_and_can_be_read(page, report, scheme):
    page.emulate_media(color_scheme=scheme)
    file, names, sections = report
    page.goto(file.as_uri())
    assert page.locator("section").count() == sections
    assert page.locator("svg").count() == page.locator(".panels > div").count() > 5
    assert all(name in page.locator("body").inner_text() for name in names)
    # the children of a picture are nobody's but axe's: a reader hears its alternative text
    page.eval_on_selector_all("svg > *", "all => all.forEach(one => one.remove())")
    assert page.locator("svg[role=img][aria-label]").count() == page.locator("svg").count()
    assert violations(page) == []
    page.set_viewport_size(NARROW)
    assert excess_width(page) == 0
