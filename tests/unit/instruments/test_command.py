"""The command measures what the files allow, says what is missing, and writes all or nothing."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import interpreting_clip
from interpreting_clip.errors import InputError
from interpreting_clip.formats.saved_activations import write_activations
from interpreting_clip.formats.saved_heads import write_head
from interpreting_clip.instruments.command import main
from interpreting_clip.instruments.measure_files import ACTIVATIONS, CONCEPTS, WEIGHT
from interpreting_clip.instruments.measure_files import CLASSES as CLASSES_NAMED
from interpreting_clip.measures.head import Head
from tests.instruments import ic
from tests.reads import ROOT

RNG = np.random.default_rng(1)
IMAGES, FEATURES, CLASSES = 120, 16, 4
CLASS = np.arange(IMAGES) % CLASSES
HEAD = RNG.normal(size=(CLASSES, FEATURES)).astype(np.float32)
VALUES = (RNG.normal(size=(IMAGES, FEATURES)) + HEAD[CLASS]).astype(np.float32)
HOSTILE = '<img src=x onerror=alert("1")>&'
ALONE = ["kurtosis", "outlier_features", "participation_ratio", "privileged_basis"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder with activations, a head and classes."""
    monkeypatch.chdir(tmp_path)
    save_file({"activations": VALUES}, "mine.safetensors")
    save_file({"head.weight": HEAD, "head.bias": np.zeros(CLASSES, np.float32)}, "head.safetensors")
    np.save("classes.npy", CLASS)
    return tmp_path


def report(*words: str) -> dict:
    main(["measure", *words, "--report", "out"])
    return json.loads(Path("out/measures.json").read_text())


class Page(HTMLParser):
    """What a browser would load or run, and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [v for k, v in attrs if k in ("src", "href", "onerror", "onload")]


def page() -> Page:
    text = Path("out/index.html").read_text()
    found = Page(text)
    assert not found.loads and not {"script", "img", "link", "iframe"} & {*found.tags}
    assert "url(" not in text and "@import" not in text and "prefers-color-scheme:dark" in text
    return found


def test_activations_alone_have_four_measures_and_the_rest_says_what_it_needs(capsys):
    found = report("mine.safetensors")
    assert {*found["measures"]} == {*ALONE}
    needs = {one["title"]: one["needs"] for one in found["not_measured"]}
    assert "--head" in needs["Privileged directions, accuracy and pruning"]
    assert "--accuracy" in needs["Effective robustness"] and "--compare" in needs["CKA"]
    assert "--concepts" in needs["Concepts"]
    assert capsys.readouterr().out.endswith("out/index.html\nout/measures.json\n")
    assert page().tags.count("svg") == 2


def test_the_numbers_are_those_of_the_instruments():
    found = report("mine.safetensors", "--head", "head.safetensors", "--labels", "classes.npy")
    assert {*found["measures"]} == {*ALONE, "directions", "accuracy", "pruning"}
    for name, result in (
        ("kurtosis", ic.kurtosis(VALUES)),
        ("directions", ic.directions(HEAD, VALUES)),
        ("accuracy", ic.accuracy(VALUES, HEAD, CLASS, bias=np.zeros(CLASSES))),
        ("pruning", ic.pruning(VALUES, HEAD, CLASS, bias=np.zeros(CLASSES))),
    ):
        for number in result.numbers:
            written = found["measures"][name]["numbers"][number.name]
            for end in ("value", "low", "high", "chance"):
                assert written[end] == pytest.approx(getattr(number, end), abs=1e-6), number.name
            assert written["label"] == number.label and written["unit"] == number.unit
    assert found["measures"]["pruning"]["arrays"]["fractions"][:2] == [0.0, 0.1]
    assert "per_image" not in found["measures"]["kurtosis"]["arrays"]
    inputs = found["inputs"]
    assert inputs["activations"]["shape"] == [IMAGES, FEATURES]
    assert inputs["head"]["array"] == "head.weight" and len(inputs["head"]["sha256"]) == 64
    assert page().tags.count("svg") == 4


def test_the_files_of_a_study_are_read_as_they_are():
    write_activations(
        Path("study"), "imagenet_val", VALUES, classes=CLASS, class_indices=np.arange(CLASSES)
    )
    write_head(Path("heads"), Head(HEAD, None, True), "zero_shot")
    found = report("study/imagenet_val.safetensors", "--head", "heads/head.safetensors")
    assert found["measures"]["accuracy"]["numbers"]["images"]["value"] == IMAGES


def test_a_shift_that_has_no_line_has_an_accuracy_and_a_reason():
    some = CLASS < 2
    save_file({"activations": VALUES[some], "classes": CLASS[some]}, "shift.safetensors")
    common = ("mine.safetensors", "--head", "head.safetensors", "--labels", "classes.npy")
    found = report(*common, "--shift", "snow=shift.safetensors", "--shift",
                   "imagenet_r=shift.safetensors")  # fmt: skip
    expected = ic.accuracy(
        VALUES[some], HEAD, CLASS[some], bias=np.zeros(CLASSES), among=[0, 1]
    ).accuracy.value
    for name in ("accuracy_snow", "accuracy_imagenet_r"):
        numbers = found["measures"][name]["numbers"]
        assert numbers["accuracy"]["value"] == pytest.approx(expected, abs=1e-6)
        assert numbers["accuracy"]["chance"] == 50
    needs = {one["title"]: one["needs"] for one in found["not_measured"]}
    assert "a line of standard models" in needs["Effective robustness on snow"]
    assert "1,000 classes" in needs["Effective robustness on imagenet_r"]


@pytest.fixture(scope="module")
def whole() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images of 1,000 classes, their classes, and a head that is right about most."""
    rng = np.random.default_rng(2)
    head = rng.normal(size=(1000, 12)).astype(np.float32)
    classes = np.repeat(np.arange(1000), 2)
    values = head[classes] + 0.55 * rng.normal(size=(2000, 12)).astype(np.float32)
    return values.astype(np.float32), classes, head


def test_measured_accuracies_on_shifts_have_an_effective_robustness(whole):
    values, classes, head = whole
    in_r = np.flatnonzero(classes < 200)
    save_file({"activations": values, "classes": classes}, "val.safetensors")
    save_file({"weight": head}, "head.safetensors")
    shift = {"activations": values[in_r], "classes": classes[in_r]}
    save_file(shift, "r.safetensors")
    save_file(shift | {"aliases": np.array([[900, 0]])}, "o.safetensors")
    found = report(
        *("val.safetensors", "--head", "head.safetensors", "--shift", "imagenet_r=r.safetensors"),
        *("--shift", "objectnet=r.safetensors", "--shift", "imagenet_v2=val.safetensors"),
    )
    robust = found["measures"]["effective_robustness"]["numbers"]
    whole_set = ic.accuracy(values, head, classes)
    on_r = ic.accuracy(values[in_r], head, classes[in_r], among=np.arange(200))
    expected = ic.effective_robustness(
        {
            "imagenet": whole_set,
            "imagenet_r": on_r,
            # The same images, since here ImageNet's of these classes are those of the shift.
            "imagenet_on_r_classes": on_r,
            "imagenet_v2": whole_set,
        }
    )
    assert robust["robustness"]["value"] == pytest.approx(expected.robustness.value, abs=1e-5)
    assert {"imagenet_r", "imagenet_v2"} <= robust.keys() and "objectnet" not in robust
    needs = {one["title"]: one["needs"] for one in found["not_measured"]}
    assert "113 classes" in needs["Effective robustness on objectnet"]


def test_known_accuracies_need_no_other_file():
    found = report("--accuracy", "imagenet=76.2", "--accuracy", "imagenet_v2=70.1")
    expected = ic.effective_robustness({"imagenet": 76.2, "imagenet_v2": 70.1}).robustness
    robust = found["measures"]["effective_robustness"]["numbers"]["robustness"]
    assert robust["value"] == pytest.approx(expected.value, abs=1e-6)
    assert list(found["measures"]) == ["effective_robustness"] and found["inputs"] == {}
    page()


def test_concepts_are_those_of_their_own_images_with_names_that_are_escaped():
    shown = np.stack([VALUES[:, 0] > 0.3, VALUES[:, 1] > 0.3], axis=1)
    save_file({"concepts": shown, "activations": VALUES * 2}, "concepts.safetensors")
    Path("names.txt").write_text(f"{HOSTILE}\nb\n")
    found = report(
        *("mine.safetensors", "--head", "head.safetensors", "--concepts", "concepts.safetensors"),
        *("--concept-names", "names.txt"),
    )
    numbers = found["measures"]["concepts"]["numbers"]
    assert numbers["features"]["value"] == 2 and numbers["directions"]["value"] is not None
    assert "img" not in page().tags
    named = ("--concepts", "concepts.safetensors", "--concept-names", "names.txt")
    alone = report("mine.safetensors", *named)
    assert HOSTILE in "".join(alone["measures"]["concepts"]["notes"])
    assert "img" not in page().tags


REFUSED = {
    "no file": (["none.npy"], r"none\.npy: no such file"),
    "nothing": ([], "expected a FILE of activations"),
    "array": (["mine.safetensors:h"], "'h'.*activations"),
    "NaN": (["nan.npy"], r"nan\.npy: activations: image 3"),
    "head": (["mine.safetensors", "--head", "narrow.npy"], r"narrow\.npy: .*15"),
    "labels": (
        ["mine.safetensors", "--head", "head.safetensors", "--labels", "few.npy"],
        r"few\.npy: classes: .*120",
    ),
    "labels without images": (["--labels", "few.npy"], "--labels: "),
    "compared with nothing": (["--compare", "mine.safetensors"], "--compare: "),
    "shift": (["mine.safetensors", "--shift", "a=mine.safetensors"], "--shift: .*--head"),
    "pair": (["mine.safetensors", "--accuracy", "76"], "--accuracy 76: .*NAME=VALUE"),
    "twice": (["--accuracy", "imagenet=7", "--accuracy", "imagenet=8"], "imagenet: .*twice"),
    "text": (["--accuracy", "imagenet=many"], "--accuracy imagenet: .*many"),
    "concepts": (["mine.safetensors", "--concepts", "mine.safetensors"], "true or false"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_in_one_line_and_writes_nothing(case):
    words, said = REFUSED[case]
    np.save("nan.npy", np.where(np.arange(IMAGES)[:, None] == 3, np.nan, VALUES))
    np.save("narrow.npy", HEAD[:, 1:])
    np.save("few.npy", CLASS[:5])
    before = sorted(Path().iterdir())
    with pytest.raises(InputError, match=said) as caught:
        main(["measure", *words, "--report", "out"])
    assert "\n" not in str(caught.value)
    assert sorted(Path().iterdir()) == before


def test_a_report_is_replaced_and_other_files_are_kept():
    report("mine.safetensors")
    Path("out/notes.txt").write_text("mine")
    found = report("mine.safetensors", "--head", "head.safetensors")
    assert "directions" in found["measures"] and Path("out/notes.txt").read_text() == "mine"
    assert {one.name for one in Path("out").iterdir()} == {
        *("notes.txt", "index.html", "measures.json")
    }


def test_what_somebody_else_wrote_is_not_replaced():
    Path("out").mkdir()
    Path("out/index.html").write_text("<p>mine</p>")
    with pytest.raises(InputError, match=r"out/index\.html: "):
        report("mine.safetensors")
    assert [one.read_text() for one in Path("out").iterdir()] == ["<p>mine</p>"]


def test_a_report_that_cannot_be_finished_leaves_nothing(monkeypatch):
    def fails(*_):
        raise OSError(28, "No space left on device", "index.html")

    monkeypatch.setattr("interpreting_clip.instruments.measures_page.write_whole", fails)
    before = sorted(Path().iterdir())
    with pytest.raises(OSError, match="No space left"):
        report("mine.safetensors")
    assert sorted(Path().iterdir()) == before


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "interpreting_clip", *words]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_the_command_says_in_one_line_what_is_wrong():
    done = run("measure", "none.npy")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"error: none\.npy: .*\n", done.stderr)


def test_the_documentation_lists_every_instrument_and_every_name_of_an_array():
    text = (ROOT / "docs/arrays.md").read_text()
    assert {*re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)} == {*interpreting_clip.__all__}
    for names in (ACTIVATIONS, CLASSES_NAMED, WEIGHT, CONCEPTS):
        assert ", ".join(f"`{name}`" for name in names) in text
