"""`measure --photos` writes pages of directions with the user's photographs, or nothing."""

import io
import json
import re
import sys
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

import interpreting_clip as ic
from interpreting_clip.__main__ import start
from interpreting_clip.commands import direction_report, given_files, measure
from interpreting_clip.commands.measure import main
from interpreting_clip.commands.several_encoders import encoder_options
from interpreting_clip.datasets.broden.thumbnails import SIDE
from interpreting_clip.errors import InputError
from tests.unit.page.conftest import Tags

IMAGES, FEATURES, SHOWN = 60, 16, direction_report.SHOWN
RNG = np.random.default_rng(4)
NAMES = [f"{'ab'[place % 2]}/{place}.png" for place in range(IMAGES)]
ROUND = RNG.random(IMAGES) < 0.5
VALUES = RNG.normal(size=(IMAGES, FEATURES)).astype(np.float32)
VALUES[:, 0] += 6 * ROUND
VALUES[:, 3] += 30
HEAD = RNG.normal(size=(3, FEATURES)).astype(np.float32)
HOSTILE = "<b>round</b>"
COLOURS = RNG.integers(0, 256, (IMAGES, 3))
GIVEN = ("mine.safetensors", "--concepts", "objects.csv", "--photos", "photos")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder with photographs of one colour each, activations and a table of objects."""
    monkeypatch.chdir(tmp_path)
    for name, colour in zip(NAMES, COLOURS.tolist(), strict=True):
        Path("photos", name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (120, 120), tuple(colour)).save(Path("photos", name))
    about = {given_files.METADATA: json.dumps({"encoder": "mine", "images": NAMES})}
    save_file({"activations": VALUES, "weight": HEAD}, "mine.safetensors", about)
    save_file({"activations": VALUES}, "headless.safetensors", about)
    rows = [f"{NAMES[place]},{HOSTILE}\n" for place in np.flatnonzero(ROUND)]
    Path("objects.csv").write_text("image,concept\n" + "".join(rows))


@pytest.fixture
def quick(monkeypatch):
    """Leave out the measures that take seconds and that the pages do not show."""
    steps = measure.steps
    kept = {"kurtosis", "directions", "concepts"}
    chosen = lambda *given: [one for one in steps(*given) if one[0] in kept]  # noqa: E731
    monkeypatch.setattr(measure, "steps", chosen)


def report(*words: str) -> dict[str, str]:
    """Return the pages by name; each is well-formed, and its links lead to what there is."""
    main(["measure", *words, "--report", "out"])
    there = {file.name for file in Path("out/directions").iterdir()}
    pages = {file.name: file.read_text() for file in Path("out/directions").glob("*.html")}
    tags = {name: Tags(text) for name, text in pages.items()}
    for name, page in tags.items():
        assert not page.wrong
        for target in page.links:
            file, _, anchor = target.partition("#")
            assert target == "../index.html" or (file or name) in there, (name, target)
            assert not anchor or anchor in tags[file or name].identifiers, (name, target)
    assert 'href="directions/index.html"' in Path("out/index.html").read_text()
    return pages


@pytest.mark.usefixtures("quick")
def test_a_direction_has_the_photographs_of_its_highest_and_lowest_values(capsys):
    pages = report(*GIVEN)
    assert capsys.readouterr().out.endswith("out/measures.json\nout/directions/index.html\n")
    directions = ic.directions(VALUES, head=HEAD)
    found = ic.concepts(VALUES, labels={HOSTILE: ROUND}, directions=directions, rotations=0)
    assert found.directions is not None
    vectors = {f"directions_{n}": one for n, one in enumerate(directions.vectors, 1)}
    for sprite, vector in {**vectors, "features_3": np.eye(FEATURES)[3]}.items():
        order = np.argsort(-(VALUES @ vector), kind="stable")
        ends = np.stack([order[:SHOWN], order[::-1][:SHOWN]])
        data = Path(f"out/directions/{sprite}.jpg").read_bytes()
        pixels = np.asarray(Image.open(io.BytesIO(data)))[SIDE // 2 :: SIDE, SIDE // 2 :: SIDE]
        np.testing.assert_allclose(pixels, COLOURS[ends], atol=6)  # JPEG twice
    article = pages["directions_1.html"].partition("<article")[2].partition("</article>")[0]
    text = f"{unescape(HOSTILE)}</a> {found.directions.precisions[0, 0]:.3f}"
    assert text in unescape(article) and HOSTILE not in "".join(pages.values())
    order = np.argsort(-(VALUES @ directions.vectors[0]))[:SHOWN]
    said = [HOSTILE if ROUND[image] else "no labelled concept" for image in order]
    assert [unescape(one) for one in re.findall('alt="(.*?)"', article)][:SHOWN] == said
    assert "Category" not in pages["index.html"] and "ImageNet" not in pages["index.html"]


@pytest.mark.usefixtures("quick")
def test_without_a_head_there_are_outlier_features_alone():
    pages = report("headless.safetensors", *GIVEN[1:])
    assert {*pages} == {"index.html", "features.html"}
    assert 'href="features.html#feature-3"' in pages["index.html"]
    assert "nearest" not in pages["features.html"].replace("the nearest follow", "")
    assert "no outlier feature" in pages["index.html"]  # 16 features reach no 6 σ
    assert (
        "Features: $" in pages["index.html"]
        and "direction" not in pages["features.html"].split("<article")[1]
    )


@pytest.mark.usefixtures("quick")
def test_categories_are_shown():
    text = (
        Path("objects.csv").read_text().replace("\n", ",shape\n").replace("t,shape", "t,category")
    )
    Path("objects.csv").write_text(text)
    assert '<td class="text">shape</td>' in report(*GIVEN)["index.html"]


@pytest.mark.usefixtures("quick")
def test_pages_are_replaced_whole_and_files_of_others_are_kept(monkeypatch):
    report(*GIVEN)
    first = {file.name for file in Path("out/directions").iterdir()}
    assert {"directions_1.jpg", "directions_1.html"} <= first
    report("headless.safetensors", *GIVEN[1:])
    before = {file: file.read_bytes() for file in Path("out").rglob("*") if file.is_file()}
    assert "directions_1.jpg" not in {file.name for file in before}

    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("interpreting_clip.commands.report.write_json", fail)
        with pytest.raises(OSError, match="No space"):
            report(*GIVEN)
    assert before == {file: file.read_bytes() for file in Path("out").rglob("*") if file.is_file()}
    for name in ("notes.txt", "index.html"):
        kept = Path("out/directions", name)
        content = kept.read_bytes() if kept.exists() else b""
        kept.write_text("mine")
        with pytest.raises(InputError, match=rf"^out/directions/{name}: not written by"):
            report(*GIVEN)
        assert kept.read_text() == "mine"
        kept.write_bytes(content) if content else kept.unlink()


@pytest.mark.usefixtures("quick")
def test_several_encoders_have_folders():
    words = measure.parse(["measure", *GIVEN, "--report", "out"])
    (options,), study = encoder_options(words), measure.Study()
    given = measure.read(options, study)
    for name, _, needs, step in measure.steps(given, study, {}):
        if {*needs} <= {*given}:
            study.results[name] = step()
    results = study.results
    headless = {name: one for name, one in results.items() if name != "directions"}
    one = direction_report.encoder_browser(given, results)
    two = direction_report.encoder_browser(given, headless)
    with direction_report.new_directions(Path("out"), {"one": one, "two": two}) as links:
        assert not Path("out").exists()
        Path("out").mkdir()  # where the report is written
    assert [name for name, _ in links] == ["one", "two"]
    for (_, page), is_there in zip(links, (True, False), strict=True):
        text = Path("out", page).read_text()
        assert 'href="../../index.html"' in text and ("directions_1.html" in text) == is_there
    direction_report.require_directions(Path("out"))


PHOTOS = ("--photos", "photos")
REFUSED = {
    "missing": (GIVEN, r"1 of the 60 images .*b/7\.png"),
    "no folder": ((*GIVEN[:-1], "other"), "^other: .*folder"),
    "no concepts": (("mine.safetensors", *PHOTOS), "--photos: .*--concepts"),
    "no names": (("new.npy", "--concepts", "shown.npy", *PHOTOS), r"new\.npy .*extract"),
    "others": (("mine.safetensors", "--concepts", "shown.safetensors", *PHOTOS), "same images"),
    "a file": (GIVEN, "out/directions: expected a folder"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_in_one_line_before_anything_is_measured(case, monkeypatch):
    words, said = REFUSED[case]
    np.save("new.npy", VALUES)
    np.save("shown.npy", ROUND[:, None])
    others = {"concepts": ROUND[:, None], "activations": VALUES[::-1].copy()}
    save_file(others, "shown.safetensors")
    if case == "missing":
        Path("photos/b/7.png").unlink()
    if case == "a file":
        Path("out").mkdir()
        Path("out/directions").touch()
    monkeypatch.setattr("interpreting_clip.commands.measure.table", None)  # of what is measured
    before = sorted(Path().rglob("*"))
    with pytest.raises(InputError, match=said) as caught:
        main(["measure", *words, "--report", "out"])
    assert "\n" not in str(caught.value) and sorted(Path().rglob("*")) == before


def test_says_which_package_is_missing(monkeypatch):
    there = direction_report.find_spec
    monkeypatch.setattr(
        direction_report, "find_spec", lambda name: there(name) if name != "PIL" else None
    )
    monkeypatch.setattr(sys, "argv", ["interpreting-clip", "measure", *GIVEN, "--report", "out"])
    with pytest.raises(SystemExit, match=r"^error: --photos: .*`pip install pillow`"):
        start()
