"""The command measures several encoders as one by one, and compares those on the same images."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

import interpreting_clip as ic
from interpreting_clip.__main__ import start
from interpreting_clip.commands.given_files import METADATA
from interpreting_clip.commands.measure import main, parse
from interpreting_clip.commands.several_encoders import encoder_options
from interpreting_clip.errors import InputError
from tests.unit.commands.test_measure import page

RNG = np.random.default_rng(1)
IMAGES, FEATURES, CLASSES = 60, 8, 3
CLASS = np.arange(IMAGES) % CLASSES
HEAD = RNG.normal(size=(CLASSES, FEATURES)).astype(np.float32)
VALUES = (RNG.normal(size=(IMAGES, FEATURES)) + HEAD[CLASS]).astype(np.float32)
OTHER = (RNG.normal(size=(IMAGES, FEATURES)) + HEAD[CLASS]).astype(np.float32)
BLURRED = (VALUES[:30] + RNG.normal(size=(30, FEATURES))).astype(np.float32)
NAMES = [f"{class_}/{image}.png" for image, class_ in enumerate(CLASS)]
HOSTILE = '<img src=x onerror=alert("1")>&'
TWO = ("a.safetensors", "b.safetensors")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder with two files as `extract` writes them, one with a shift."""
    monkeypatch.chdir(tmp_path)
    shift = {
        "shifts.blur.activations": BLURRED,
        "shifts.blur.classes": CLASS[:30],
        "shifts.blur.class_indices": np.arange(CLASSES),
    }
    write("a.safetensors", VALUES, "one encoder", **shift)
    write("b.safetensors", OTHER, "another encoder")


def write(file: str, values: np.ndarray, encoder: str, images: Any = NAMES, **more: Any) -> None:
    """Write a file as `extract` does; without `images`, as anybody does."""
    arrays = {"activations": values, "classes": CLASS[: len(values)], "weight": HEAD, **more}
    about = {METADATA: json.dumps({"encoder": encoder, "images": images})}
    save_file(arrays, file, about if images else {})


def report(*words: str, out: str = "out") -> dict[str, Any]:
    main(["measure", *words, "--report", out])
    return json.loads(Path(out, "measures.json").read_text())


def test_the_numbers_are_those_of_each_file_by_itself_and_of_the_library(capsys):
    np.save("shown.npy", VALUES[:, :2] > 0.5)
    concepts = ("--concepts", "shown.npy")
    found = report(*TWO, *concepts)
    shown = capsys.readouterr().out
    assert {*found["encoders"]} == {"one encoder", "another encoder"}
    for file in TWO:
        alone = report(file, *concepts, out="alone")
        one = found["encoders"][alone["name"]]
        assert one == alone | {"not_measured": one["not_measured"]}
        missing = {*alone["not_measured"]} - {*one["not_measured"]}
        assert missing == {"CKA", "Mutual neighbours"}
    library = ic.compare(
        {"one encoder": VALUES, "another encoder": OTHER},
        head=HEAD,
        classes=CLASS,
        labels=VALUES[:, :2] > 0.5,
    )
    table, differences = (pd.read_csv(f"out/{name}.csv") for name in ("encoders", "differences"))
    expected = library.to_frame().round(6)
    found_table = table.set_index("encoder")[[*expected]]
    pd.testing.assert_frame_equal(found_table, expected, atol=1e-6, check_dtype=False)
    pd.testing.assert_frame_equal(
        differences.fillna({"unit": ""}), library.differences_frame(), atol=1e-6, check_dtype=False
    )
    for line in repr(library).splitlines()[1:]:
        assert line in shown
    cka: Any = library.similarities[0].results["cka"]
    assert found["similarities"][0]["results"]["cka"]["cka"] == pytest.approx(cka.cka, abs=1e-6)


def test_the_page_compares_first_and_has_each_encoder_s_tables():
    found = report(*TWO, "--name", HOSTILE, "--name", "b")
    assert {*found["encoders"]} == {HOSTILE, "b"}
    text = page()
    sections = [part.partition('"')[0] for part in text.split('<section id="')[1:]]
    assert sections[0] == "comparison" and sections[-1] == "inputs" and "accuracy_blur" in sections
    assert text.count("<details>") == 2 * 8 - 1 + len(sections) - 2
    identifiers = [part.partition('"')[0] for part in text.split(' id="')[1:]]
    assert len(identifiers) == len({*identifiers})


def test_shifts_in_the_file_of_the_activations_are_measured(capsys):
    found = report("a.safetensors")
    own = ic.accuracy(BLURRED, head=HEAD, classes=CLASS[:30], among=np.arange(CLASSES))
    accuracy = found["measures"]["accuracy_blur"]["accuracy"]["value"]
    assert accuracy == pytest.approx(own.accuracy.value, abs=1e-6)
    assert found["inputs"]["shift blur"]["array"] == "shifts.blur.activations"
    assert "on blur" in capsys.readouterr().out
    with pytest.raises(InputError, match="--shift blur: given twice"):
        main(["measure", "a.safetensors", "--shift", "blur=b.safetensors"])


def test_shifts_stand_beside_activations_of_an_npy_file():
    np.save("a.npy", VALUES)
    found = report("a.npy", "--head", "a.safetensors", "--labels", "a.safetensors")
    assert "accuracy_blur" in found["measures"] and found["name"] == "a"


OTHERS = {
    "names": ((*NAMES[:7], "2/x.png", *NAMES[8:]), OTHER, "image 7 is 1/7.png in a.*2/x.png in c"),
    "number": (NAMES[:50], OTHER[:50], "a.safetensors has 60 images and c.safetensors 50"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_encoders_on_other_images_have_a_table_and_a_reason(case, capsys):
    images, values, said = OTHERS[case]
    write("c.safetensors", values, "third", images)
    found = report("a.safetensors", "c.safetensors")
    assert {*found["encoders"]} == {"one encoder", "third"}
    assert found["differences"] == found["similarities"] == []
    (reason,) = found["not_compared"]
    assert reason.startswith("one encoder and third: ")
    shown = capsys.readouterr().out
    assert f"Not compared: {reason}." in shown and "mean kurtosis" in shown
    assert pd.read_csv("out/differences.csv").empty
    assert len(pd.read_csv("out/encoders.csv")) == 2
    assert re.search(said, reason)


def test_drops_on_the_same_images_are_subtracted_image_by_image():
    for file, values, scale in (("a.safetensors", VALUES, 1.0), ("b.safetensors", OTHER, 0.5)):
        blurred = (values[:30] + scale * RNG.normal(size=(30, FEATURES))).astype(np.float32)
        shift = {"shifts.blur.activations": blurred, "shifts.blur.classes": CLASS[:30]}
        arrays = {"activations": values, "classes": CLASS, "weight": HEAD, **shift}
        about = {"encoder": file, "images": NAMES, "shifts": {"blur": NAMES[:30]}}
        save_file(arrays, file, {METADATA: json.dumps(about)})
    found = report(*TWO)
    drops = [found["encoders"][f]["measures"]["drop_blur"]["drop"]["value"] for f in TWO]
    (difference,) = [one for one in found["differences"] if one["number"]["name"] == "drop_blur"]
    number = difference["number"]
    assert number["value"] == pytest.approx(drops[0] - drops[1], abs=2e-6)
    assert number["unit"] == "points" and number["low"] <= number["value"] <= number["high"]
    assert number["chance"] == 0


def test_accuracies_on_other_images_of_a_shift_are_not_subtracted():
    names = NAMES[:30]
    for file, values, images in (
        ("a.safetensors", VALUES, names),
        ("b.safetensors", OTHER, [*names[:-1], "x.png"]),
    ):
        shift = {"shifts.blur.activations": values[:30], "shifts.blur.classes": CLASS[:30]}
        arrays = {"activations": values, "classes": CLASS, "weight": HEAD, **shift}
        about = {"encoder": file, "images": NAMES, "shifts": {"blur": images}}
        save_file(arrays, file, {METADATA: json.dumps(about)})
    found = report(*TWO)
    subtracted = {one["number"]["name"] for one in found["differences"]}
    assert "accuracy" in subtracted and "accuracy_blur" not in subtracted
    (reason,) = found["not_compared"]
    assert "on blur: image 29 is 2/29.png" in reason


def test_without_names_the_classes_have_to_be_the_same():
    write("c.safetensors", VALUES, "", None)
    write("d.safetensors", OTHER, "", None, classes=np.roll(CLASS, 1))
    (reason,) = report("c.safetensors", "d.safetensors")["not_compared"]
    assert "image 0 is of another class in c.safetensors than in d.safetensors" in reason


def test_options_are_given_once_for_all_files_or_once_for_each():
    words = "a --head h b --captions x --captions y --shift s=1 --shift t=3 --shift s=2 --shift t=4"
    one, other = encoder_options(parse(["measure", *words.split(), "--labels", "l"]))
    assert (one.activations, one.head, one.captions, one.labels) == ("a", "h", "x", "l")
    assert (other.activations, other.head, other.captions) == ("b", "h", "y")
    assert one.shift == [("s", "1"), ("t", "3")] and other.shift == [("s", "2"), ("t", "4")]
    assert one.name is None and one.concept_rows is None
    (alone,) = encoder_options(parse(["measure", "a", "--shift", "s=1", "--shift", "s=2"]))
    assert alone.shift == [("s", "1"), ("s", "2")]  # which is refused as given twice


def test_what_only_one_encoder_lacks_is_said_of_it(capsys):
    np.save("bare.npy", OTHER)
    main(["measure", "a.safetensors", "bare.npy"])
    shown = capsys.readouterr().out
    assert "Not measured of bare: Privileged directions; needs --head" in shown
    assert "Not measured: Modality gap; needs --captions" in shown


def test_encoders_of_one_name_are_told_apart():
    write("c.safetensors", OTHER, "one encoder")
    Path("x").mkdir()
    write("x/c.safetensors", OTHER, "one encoder")
    found = report("a.safetensors", "c.safetensors", "x/c.safetensors")
    assert {*found["encoders"]} == {"one encoder (a)", "one encoder (c) 2", "one encoder (c) 3"}
    same = [one["number"] for one in found["differences"] if one["second"].endswith("3")][-1]
    assert same["value"] == 0


REFUSED = {
    "heads": (
        [*TWO, "b.safetensors", "--head", "a.safetensors", "--head", "b.safetensors"],
        "--head: expected once, or once for each of 3 files, in their order, got 2",
    ),
    "captions": ([*TWO, "--captions", "a.safetensors"], "--captions: expected once for each of 2"),
    "accuracy": ([*TWO, "--accuracy", "imagenet=70"], "--accuracy: of which encoder"),
    "shift": ([*TWO, "--shift", "s=a.safetensors"], "--shift s: expected once for each of 2"),
    "the second": (["a.safetensors", "nan.npy"], r"nan\.npy: activations: image 3"),
    "same direction": (["a.npy", "line.npy"], r"line\.npy: activations: all images have the same"),
    "once": (["a.safetensors", "--head", "a.npy", "--head", "b.npy"], "--head: expected once, got"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_in_one_line_before_anything_is_measured(case, monkeypatch):
    words, said = REFUSED[case]
    monkeypatch.setattr("interpreting_clip.commands.measure.measured", None)
    np.save("nan.npy", np.where(np.arange(IMAGES)[:, None] == 3, np.nan, VALUES))
    np.save("a.npy", VALUES)
    np.save("line.npy", np.outer(np.arange(1, IMAGES + 1), VALUES[0]))
    before = sorted(Path().iterdir())
    with pytest.raises(InputError, match=said) as caught:
        main(["measure", "--report", "out", *words])
    assert "\n" not in str(caught.value)
    assert sorted(Path().iterdir()) == before


def test_the_tables_of_others_are_kept_and_ours_go_with_their_report():
    Path("out").mkdir()
    Path("out/encoders.csv").write_text("mine\n")
    with pytest.raises(InputError, match=r"out/encoders\.csv: "):
        main(["measure", *TWO, "--report", "out"])
    assert Path("out/encoders.csv").read_text() == "mine\n"
    Path("out/encoders.csv").unlink()
    report(*TWO)
    report("a.safetensors")
    assert sorted(file.name for file in Path("out").iterdir()) == ["index.html", "measures.json"]


def test_an_interrupted_command_keeps_the_files_that_there_are(monkeypatch):
    report(*TWO)
    before = {file: file.read_bytes() for file in Path("out").iterdir()}

    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("interpreting_clip.commands.comparison_report.write_json", interrupt)
    words = ["interpreting-clip", "measure", *TWO, "--name", "x", "--name", "y", "--report", "out"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as caught:
        start()
    assert caught.value.code == 130
    assert before == {file: file.read_bytes() for file in Path("out").iterdir()}
