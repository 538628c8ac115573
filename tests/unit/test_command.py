"""The command measures what the files allow, lists what is missing, and writes a report."""

import json
import os
import re
import sys
import warnings
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from safetensors.numpy import save_file

import interpreting_clip as ic
from interpreting_clip.__main__ import start
from interpreting_clip.array_measures import COMPARISONS
from interpreting_clip.command import main
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import DIGITS, rounded
from interpreting_clip.formats.saved_activations import write_activations
from interpreting_clip.formats.saved_heads import write_head
from interpreting_clip.given_files import NAMES
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.result import Label, Result, plain
from interpreting_clip.summary import inputs_in_words, number_texts
from tests.reads import ROOT

RNG = np.random.default_rng(1)
IMAGES, FEATURES, CLASSES = 120, 16, 4
CLASS = np.arange(IMAGES) % CLASSES
HEAD = RNG.normal(size=(CLASSES, FEATURES)).astype(np.float32)
VALUES = (RNG.normal(size=(IMAGES, FEATURES)) + HEAD[CLASS]).astype(np.float32)
HOSTILE = '<img src=x onerror=alert("1")>&'
ALONE = ["kurtosis", "participation_ratio", "privileged_basis"]
MINE = ("mine.safetensors", "--head", "head.safetensors")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder with activations, a head and classes."""
    monkeypatch.chdir(tmp_path)
    save_file({"activations": VALUES}, "mine.safetensors")
    save_file({"head.weight": HEAD, "head.bias": np.zeros(CLASSES, np.float32)}, "head.safetensors")
    np.save("classes.npy", CLASS)


def report(*words: str) -> dict:
    main(["measure", *words, "--report", "out"])
    return json.loads(Path("out/measures.json").read_text())


def page() -> str:
    """Return the report, which loads and runs nothing, and whose links lead to its sections."""
    text = Path("out/index.html").read_text()
    tags = " ".join(re.findall("<[^>]*>", text))
    for section in re.findall(r' href="#(\w+)"', tags):
        assert f'<section id="{section}">' in tags
    tags = re.sub(r' href="#\w+"', "", tags)
    assert not re.search(r"<(script|img|link|iframe)|\b(src|href|on\w+)=", tags)
    assert not re.search(r"url\((?!#)|@import", text) and "prefers-color-scheme: dark" in text
    return text


def test_activations_alone_have_three_measures_and_the_rest_says_what_it_needs(capsys):
    found = report("mine.safetensors")
    assert {*found["measures"]} == {*ALONE}
    missing = found["not_measured"]
    assert "--head" in missing["Privileged directions"] and "--labels" in missing["Pruning"]
    shown = capsys.readouterr().out
    assert "mean kurtosis per image" in shown and "Not measured: CKA" in shown
    assert re.search("Not measured: CKA, .*; need --compare", shown)
    assert "Concepts; needs --concepts" in shown
    assert "--compare" in missing["CKA"]
    assert shown.endswith("out/index.html\nout/measures.json\n")
    assert page().count("<svg") == 2


def test_ten_images_have_no_ten_nearest_others_but_all_else():
    np.save("ten.npy", VALUES[:10])
    np.save("other.npy", VALUES[:10] * (np.arange(10) != 2)[:, None])  # its image 2 is all 0
    found = report("ten.npy", "--compare", "other.npy")
    assert {*found["measures"]} == {*ALONE, "cka"}
    assert found["not_measured"]["Mutual neighbours"] == "11 images"
    np.save("three.npy", VALUES[:3])
    assert report("three.npy", "--compare", "three.npy")["not_measured"]["CKA"] == "4 images"
    blocks = ic.participation_ratio(VALUES[:10], blocks=5)  # 20 need 40 images
    expected = pytest.approx(blocks.dimensions.low, abs=1e-5)
    assert found["measures"]["participation_ratio"]["dimensions"]["low"] == expected


def test_the_results_are_those_of_the_functions():
    found = report(*MINE, "--labels", "classes.npy", "--compare", "mine.safetensors")
    head = {"head": HEAD, "bias": np.zeros(CLASSES)}
    results = {
        "kurtosis": ic.kurtosis(VALUES),
        "directions": ic.directions(VALUES, head=HEAD),
        "accuracy": ic.accuracy(VALUES, **head, classes=CLASS),
        "pruning": ic.pruning(VALUES, **head, classes=CLASS),
        **{name: compare(VALUES, VALUES) for name, compare in COMPARISONS.items()},
    }
    assert {*found["measures"]} == {*ALONE, *results}
    for name, result in results.items():
        expected = rounded(plain(result, without_beside=True), DIGITS, name)
        assert found["measures"][name] == expected
    head = found["inputs"]["head"]
    assert head["array"] == "head.weight" and head["shape"] == [CLASSES, FEATURES]
    assert page().count("<svg") == 4


def test_a_head_beside_the_activations_is_taken_and_may_want_them_of_unit_length():
    spread = VALUES * np.linspace(0.01, 4, IMAGES, dtype=np.float32)[:, None]
    head = {"weight": HEAD, "bias": np.linspace(0, 9, CLASSES, dtype=np.float32)}
    arrays = {"activations": spread, "classes": CLASS, **head}
    measured = []
    for unit in (0, 1):
        save_file({**arrays, "normalize_features": np.array(unit, np.uint8)}, "whole.safetensors")
        found = report("whole.safetensors")
        own = ic.accuracy(
            spread, head=HEAD, bias=head["bias"], classes=CLASS, normalize_features=bool(unit)
        )
        measured.append(found["measures"]["accuracy"]["accuracy"]["value"])
        assert measured[-1] == pytest.approx(own.accuracy.value, abs=1e-6)
        assert found["inputs"]["head"]["array"] == "weight"
    assert measured[0] != measured[1]
    other = report("whole.safetensors", "--head", "head.safetensors")
    assert other["inputs"]["head"]["array"] == "head.weight"


def test_the_files_of_a_study_are_read_as_they_are():
    write_activations(
        Path("study"), "imagenet_val", VALUES, classes=CLASS, class_indices=np.arange(CLASSES)
    )
    write_head(Path("heads"), Head(HEAD, None, True), "zero_shot")
    found = report("study/imagenet_val.safetensors", "--head", "heads/head.safetensors")
    assert found["measures"]["accuracy"]["images"] == IMAGES


def test_a_shift_that_has_no_line_has_an_accuracy_and_a_reason():
    some = CLASS < 2
    save_file({"activations": VALUES[some], "classes": CLASS[some]}, "shift.safetensors")
    shifts = [f"--shift={name}=shift.safetensors" for name in ("snow", "imagenet_r")]
    found = report(*MINE, "--labels", "classes.npy", *shifts)
    own = ic.accuracy(VALUES[some], head=HEAD, classes=CLASS[some], among=[0, 1]).accuracy
    for name in ("accuracy_snow", "accuracy_imagenet_r"):
        assert found["measures"][name]["accuracy"]["value"] == pytest.approx(own.value, abs=1e-6)
    needs = found["not_measured"]
    assert "a line of standard models" in needs["Effective robustness on snow"]
    assert "1,000 classes" in needs["Effective robustness on imagenet_r"]


def test_measured_accuracies_on_shifts_have_an_effective_robustness():
    rng = np.random.default_rng(2)
    head, classes = rng.normal(size=(1000, 12)).astype(np.float32), np.repeat(np.arange(1000), 2)
    values = head[classes] + 0.55 * rng.normal(size=(2000, 12)).astype(np.float32)
    in_r = np.flatnonzero(classes < 200)
    save_file({"activations": values, "classes": classes}, "val.safetensors")
    save_file({"weight": head}, "head.safetensors")
    shift = {"activations": values[in_r], "classes": classes[in_r]}
    save_file(shift, "r.safetensors")
    save_file(shift | {"aliases": np.array([[900, 0]])}, "o.safetensors")
    found = report(
        *("val.safetensors", "--head", "head.safetensors", "--shift", "imagenet_r=r.safetensors"),
        *("--shift", "objectnet=o.safetensors", "--shift", "imagenet_v2=val.safetensors"),
    )
    whole = ic.accuracy(values, head=head, classes=classes)
    on_r = ic.accuracy(values[in_r], head=head, classes=classes[in_r], among=np.arange(200))
    # The same images, since here ImageNet's of these classes are those of the shift.
    given = {"imagenet": whole, "imagenet_r": on_r, "imagenet_on_r_classes": on_r}
    expected = ic.effective_robustness({**given, "imagenet_v2": whole}).robustness
    robust = found["measures"]["effective_robustness"]
    assert expected is not None
    assert robust["robustness"]["value"] == pytest.approx(expected.value, abs=1e-5)
    assert {*robust["per_shift"]} == {"imagenet_r", "imagenet_v2"}
    assert "113 classes" in found["not_measured"]["Effective robustness on objectnet"]


def test_known_accuracies_need_no_other_file():
    found = report("--accuracy", "imagenet=76.2", "--accuracy", "imagenet_v2=70.1")
    expected = ic.effective_robustness({"imagenet": 76.2, "imagenet_v2": 70.1}).robustness
    assert expected is not None and list(found["measures"]) == ["effective_robustness"]
    robust = found["measures"]["effective_robustness"]["robustness"]["value"]
    assert robust == pytest.approx(expected.value, abs=1e-6) and found["inputs"] == {}
    assert page().count("<svg") == 1


def test_a_known_accuracy_takes_the_place_of_one_that_has_no_line():
    known = ("--accuracy", "imagenet=76.2", "--accuracy", "imagenet_v2=70.1")
    found = report(*MINE, "--labels", "classes.npy", *known)
    assert "effective_robustness" in found["measures"] and "accuracy" in found["measures"]
    assert not any("robustness" in title for title in found["not_measured"])


def test_concepts_are_those_of_their_own_images_with_names_that_are_escaped():
    shown = np.stack([VALUES[:, 0] > 0.3, VALUES[:, 1] > 0.3], axis=1)
    save_file({"concepts": shown, "activations": VALUES * 2}, "concepts.safetensors")
    Path("names.txt").write_text(f"{HOSTILE}\nb\n")
    named = ("--concepts", "concepts.safetensors", "--concept-names", "names.txt")
    found = report(*MINE, *named)["measures"]["concepts"]
    assert found["features"]["unique"]["value"] == 2 and found["directions"] is not None
    assert found["concepts"] == [HOSTILE, "b"]
    page()


CONCEPTS = ("mine.safetensors", "--concepts", "three.npy")
REFUSED = {
    "nothing": ([], "expected a FILE of activations"),
    "head without images": (["--head", "head.safetensors"], "--head: .*activations"),
    "NaN": (["nan.npy"], r"nan\.npy: activations: image 3"),
    "head": (["mine.safetensors", "--head", "narrow.npy"], r"narrow\.npy: .*15"),
    "labels": ([*MINE, "--labels", "few.npy"], r"few\.npy: classes: .*120"),
    "labels without a head": (["mine.safetensors", "--labels", "few.npy"], "--labels: .*--head"),
    "equal rows": (["mine.safetensors", "--head", "equal.npy"], r"equal\.npy: .*rows .* equal"),
    "zero image": (["zero.npy"], r"zero\.npy: image 2"),
    "one activation": (["same.npy"], r"same\.npy: all images"),
    "one activation to compare": ([*MINE, "--compare", "same.npy"], r"same\.npy: all images"),
    "shift": (["mine.safetensors", "--shift", "a=shift.safetensors"], "--shift: .*--head"),
    "shift without classes": ([*MINE, "--shift", "a=mine.safetensors"], "called classes or labels"),
    "twice": (["--accuracy", "imagenet=7", "--accuracy", "imagenet=8"], "imagenet: .*twice"),
    "imagenet": ([*MINE, "--labels=few.npy", "--shift=imagenet=shift.safetensors"], "twice"),
    "other images": ([*MINE, "--compare", "narrow.npy"], r"narrow\.npy: first has 120.*second 4"),
    "text": (["--accuracy", "imagenet=many", "--accuracy", "objectnet=3"], "--accuracy: .*many"),
    "concepts": (["mine.safetensors", "--concepts", "mine.safetensors"], "true or false"),
    "names": ([*CONCEPTS, "--concept-names", "two.txt"], r"two\.txt: names: expected 3.*got 2"),
    "names of nothing": ([*MINE, "--concept-names", "two.txt"], "--concept-names: .*--concepts"),
    "no head": (["mine.safetensors", "--normalize-features"], "--normalize-features: .*--head"),
    "rare": (["mine.safetensors", "--concepts", "rare.npy"], r"rare\.npy: .*concept 0, is on 1"),
    "class": ([*MINE, "--labels", "far.npy"], r"far\.npy: .*entry 0: .*0 to 3, got 9"),
    "aliases": ([*MINE, "--labels=classes.npy", "--shift=a=halves.safetensors"], "aliases.*float"),
    "set": ([*MINE, "--labels=classes.npy", "--shift=a=part.safetensors"], "part.*of class 1"),
    "known": (["mine.safetensors", "--accuracy", "imagnet=70"], "imagnet"),
    "spelling": ([*MINE, "--labels=few.npy", "--shift=ImageNet-V2=part.safetensors"], "net_v2"),
    "zero": ([*MINE, "--compare", "zero.npy"], r"zero\.npy: second, image 2"),
    "concepts' images": ([*MINE, "--concepts", "wide.safetensors"], r"wide.*: head: expected 32"),
    "below a file": ([*MINE, "--report", "classes.npy/out"], r"classes\.npy: expected a folder"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_in_one_line_before_anything_is_measured(case, monkeypatch):
    words, said = REFUSED[case]
    monkeypatch.setattr("interpreting_clip.command.table", None)  # of what is measured
    np.save("three.npy", VALUES[:, :3] > 0)
    wide = {"activations": np.tile(VALUES, 2), "concepts": VALUES > 0}
    save_file(wide, "wide.safetensors")
    np.save("equal.npy", HEAD[[0, 0]])
    np.save("same.npy", VALUES[[0] * IMAGES])
    np.save("rare.npy", np.eye(IMAGES, 2))
    np.save("far.npy", CLASS + 9)
    np.save("zero.npy", VALUES * (np.arange(IMAGES) != 2)[:, None])
    Path("two.txt").write_text("a\nb\n")
    part = {"activations": VALUES, "classes": CLASS, "class_indices": np.array([0])}
    save_file(part, "part.safetensors")
    save_file(part | {"aliases": np.array([[3.5, 0]])}, "halves.safetensors")
    np.save("nan.npy", np.where(np.arange(IMAGES)[:, None] == 3, np.nan, VALUES))
    np.save("narrow.npy", HEAD[:, 1:])
    np.save("few.npy", CLASS[:5])
    save_file({"activations": VALUES, "classes": CLASS}, "shift.safetensors")
    before = sorted(Path().iterdir())
    with pytest.raises(InputError, match=said) as caught:
        main(["measure", "--report", "out", *words])
    assert "\n" not in str(caught.value)
    assert sorted(Path().iterdir()) == before


def test_a_name_is_for_a_report():
    with pytest.raises(InputError, match=r"--name: .*--report"):
        main(["measure", "mine.safetensors", "--name", "mine"])


def test_a_report_is_replaced_and_files_of_others_are_kept():
    report("mine.safetensors")
    assert "directions" in report(*MINE)["measures"]
    Path("out/index.html").write_text("<p>mine</p>")
    with pytest.raises(InputError, match=r"out/index\.html: "):
        report("mine.safetensors")
    assert Path("out/index.html").read_text() == "<p>mine</p>"


def test_a_folder_without_permission_is_refused(monkeypatch):
    monkeypatch.setattr("os.access", lambda place, mode: False)
    with pytest.raises(InputError, match="permission"):
        report("mine.safetensors")
    assert not Path("out").exists()


def test_the_report_has_the_encoder_s_name_and_its_numbers_in_words():
    about = {"interpreting-clip extract": json.dumps({"encoder": f"timm:{HOSTILE}"})}
    save_file({"activations": VALUES}, "made.safetensors", about)
    report("made.safetensors")
    assert f"<h1>timm:{escape(HOSTILE)}</h1>" in page()
    found = report(*MINE, "--labels", "classes.npy")
    accuracy = found["measures"]["accuracy"]
    text = page().replace("\N{NO-BREAK SPACE}", " ")
    assert found["name"] == "mine" and "<title>mine</title>" in text
    assert "120 images × 16 features, a head of 4 classes" in text
    assert f"right on {accuracy['accuracy']['value']:.1f} % [" in text
    assert "guessing would be right on 25.0 %" in text and "of 16 dimensions" in text
    assert "population σ" in text  # the definition of kurtosis
    assert report("mine.safetensors", "--name", "My CLIP")["name"] == "My CLIP"


def test_concepts_by_themselves_have_the_name_of_their_file():
    save_file({"concepts": VALUES[:, :1] > 0, "activations": VALUES}, "shown.safetensors")
    assert report("--concepts", "shown.safetensors")["name"] == "shown"
    assert "Measured: 1 concept." in page()


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Counted(Result):
    count: Annotated[int, Label("count", 0, chance="expected")]
    expected: float


def test_words_have_the_digits_of_the_table_and_every_feature_of_a_map():
    assert number_texts(Counted(count=2, expected=0.4)) == {"count": ("2", "0.4")}
    assert "24 features of another" in inputs_in_words({"compare": (9, 2, 3, 4)})


def test_long_measures_count_their_draws_on_a_terminal_alone(capsys, monkeypatch):
    main(["measure", *MINE])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    main(["measure", *MINE])
    shown = capsys.readouterr().err
    assert "\rPrivileged basis: 40 of 40 \r" in shown and "Directions: 20 of 20" in shown


def test_the_command_has_one_thread_of_blas_unless_the_user_sets_more(monkeypatch):
    for words, asked, expected in (
        ("measure", "", "1"),
        ("measure", "3", "3"),
        ("extract", "", ""),
    ):
        monkeypatch.setattr(sys, "argv", ["interpreting-clip", words])
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", asked)
        if not asked:
            monkeypatch.delenv("OPENBLAS_NUM_THREADS")
        with pytest.raises(SystemExit):  # nothing is given
            start()
        assert os.environ.get("OPENBLAS_NUM_THREADS", "") == expected


def test_errors_and_warnings_are_one_line(monkeypatch, capsys):
    def run(*words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["interpreting-clip", "measure", *words])
        start()

    monkeypatch.setattr(warnings, "showwarning", None)
    with pytest.raises(SystemExit, match=r"^error: none\.npy: .*$"):
        run("none.npy")
    with pytest.raises(SystemExit):
        run("--accuracy", "76")
    assert "NAME=VALUE" in capsys.readouterr().err
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn("once", stacklevel=1)
    assert capsys.readouterr().err == "warning: once\n"


def test_once_nobody_reads_the_tables_only_a_report_is_finished(monkeypatch):
    def closed_pipe():
        read, write = os.pipe()
        os.close(read)
        return os.fdopen(write, "w")

    with closed_pipe() as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert {*report("mine.safetensors")["measures"]} == {*ALONE}
    monkeypatch.setattr("interpreting_clip.command.table", None)  # of what is measured
    with closed_pipe() as stream, pytest.raises(SystemExit) as caught:
        monkeypatch.setattr(sys, "stdout", stream)
        main(["measure", "mine.safetensors"])
    assert caught.value.code == 141


@pytest.mark.parametrize("place", ["command.table", "report.write_json"])
def test_an_interrupted_command_keeps_the_files_that_there_are(place, monkeypatch, capsys):
    report("mine.safetensors")
    before = {file: file.read_bytes() for file in Path("out").iterdir()}

    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"interpreting_clip.{place}", interrupt)
    monkeypatch.setattr(sys, "argv", ["interpreting-clip", "measure", *MINE, "--report", "out"])
    with pytest.raises(SystemExit) as caught:
        start()
    shown = capsys.readouterr().err
    assert caught.value.code == 130 and "interrupted" in shown and shown.count("\n") == 1
    assert before == {file: file.read_bytes() for file in Path("out").iterdir()}


def test_the_documentation_lists_every_function_and_every_name_of_an_array():
    text = (ROOT / "docs/arrays.md").read_text()
    assert {*re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)} == {*ic.__all__}
    for _, names in NAMES.values():
        assert ", ".join(f"`{name}`" for name in names) in text
