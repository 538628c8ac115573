"""The command measures drops on paired images, and robustness among a user's own models."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

import interpreting_clip as ic
from interpreting_clip.commands.given_files import METADATA, GivenArray, image_names
from interpreting_clip.commands.measure import main
from interpreting_clip.commands.shift_measures import rows_by_name
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import DIGITS, rounded
from interpreting_clip.formats.result import plain

RNG = np.random.default_rng(0)
IMAGES, CLASSES, FEATURES = 90, 3, 8
CLASS = np.arange(IMAGES) % CLASSES
NAMES = [f"{'abc'[c]}/{i}.jpg" for i, c in enumerate(CLASS)]
HEAD = RNG.normal(size=(CLASSES, FEATURES)).astype(np.float32)
VALUES = (HEAD[CLASS] + RNG.normal(size=(IMAGES, FEATURES))).astype(np.float32)
BLURRED = (VALUES + RNG.normal(size=VALUES.shape)).astype(np.float32)
MINE, BLUR = "mine.safetensors", ("--shift", "blur=blur.safetensors")


def write(name: str, values: Any = BLURRED, names: Any = NAMES, classes: Any = CLASS) -> None:
    """Write a file as `extract` does."""
    arrays = {"activations": np.ascontiguousarray(values), "classes": np.ascontiguousarray(classes)}
    arrays |= {"class_indices": np.unique(classes), "weight": HEAD}
    about = {METADATA: json.dumps({"encoder": "mine", "images": names})}
    save_file(arrays, name, about if names else None)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with the activations of photographs, and of the same with blur."""
    monkeypatch.chdir(tmp_path)
    write(MINE, VALUES)
    write("blur.safetensors")
    x = np.linspace(35, 95, 12)
    models = {"model": [f"m{i}" for i in range(12)], "original": x.round(1)}
    models["blur"] = (0.8 * x - 2 + RNG.normal(size=12)).round(1)
    pd.DataFrame(models).to_csv("models.csv", index=False)


def report(*words: str) -> dict[str, Any]:
    main(["measure", *words, "--report", "out"])
    return json.loads(Path("out/measures.json").read_text())


def written(result: Any) -> Any:
    return rounded(plain(result, without_beside=True), DIGITS, "result")


def accuracy(values: Any = VALUES) -> Any:
    return ic.accuracy(values, head=HEAD, classes=CLASS)


def test_the_drop_is_on_the_images_of_the_same_names_in_any_order_and_format():
    order = RNG.permutation(IMAGES)[:60]
    names = [NAMES[i].replace("jpg", "png") for i in order]
    write("blur.safetensors", BLURRED[order], names, CLASS[order])
    found = report(MINE, *BLUR)
    expected = ic.accuracy_drop(VALUES[order], BLURRED[order], head=HEAD, classes=CLASS[order])
    assert found["measures"]["drop_blur"] == written(expected)
    assert expected.drop.value > 0
    alone = found["measures"]["accuracy_blur"]["accuracy"]
    assert alone == found["measures"]["drop_blur"]["after"]
    page = Path("out/index.html").read_text()
    assert "Accuracy drop on blur" in page and "exact sign test" in page


def test_a_shift_within_the_file_of_the_photographs_has_names_of_its_own():
    about = {"images": NAMES, "shifts": {"blur": ["b/1.png", "a/0.png"]}}
    arrays = {"activations": VALUES, "shifts.blur.activations": BLURRED[:2]}
    save_file(arrays, MINE, {METADATA: json.dumps(about)})

    def names(name: str) -> list[str]:
        return image_names(GivenArray(Path(MINE), name, arrays[name], arrays))

    assert names("activations") == NAMES
    found = names("shifts.blur.activations")
    assert rows_by_name(NAMES, found) == pytest.approx([1, 0])


def test_endings_count_where_two_images_differ_by_nothing_else():
    both = ["a/1.jpg", "a/1.png", "a/2.png"]
    assert rows_by_name(both, ["a/1.png", "a/2.png"]) == pytest.approx([1, 2])
    assert rows_by_name(both, ["a/2.jpg"]) == "a/2.jpg"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"names": None}, "names of the images in blur.safetensors"),
        ({"names": ["a/new.jpg", *NAMES[1:]]}, "a/new.jpg of blur.safetensors"),
    ],
)
def test_other_images_have_an_accuracy_and_a_reason(change, reason):
    write("blur.safetensors", **change)
    found = report(MINE, *BLUR)
    assert "drop_blur" not in found["measures"] and "accuracy_blur" in found["measures"]
    assert reason in found["not_measured"]["Accuracy drop on blur"]


def test_a_shift_of_the_testbed_is_not_paired_with_imagenet():
    found = report(MINE, "--shift", "imagenet_v2=blur.safetensors")
    assert "accuracy_imagenet_v2" in found["measures"]
    assert "drop_imagenet_v2" not in {*found["measures"], *found["not_measured"]}


def test_classes_that_are_numbered_in_another_way_are_refused_before_anything_is_measured(capsys):
    """As `extract` numbers them if a class folder is missing."""
    some = CLASS > 0
    names = [name for name, kept in zip(NAMES, some, strict=True) if kept]
    write("blur.safetensors", BLURRED[some], names, CLASS[some] - 1)
    with pytest.raises(InputError, match=r"^blur\.safetensors: b/1\.jpg: .*class 1.*got 0"):
        report(MINE, *BLUR)
    assert capsys.readouterr().out == ""


def test_own_standard_models_are_compared_as_in_the_library(capsys):
    found = report(MINE, *BLUR, "--standard", "models.csv")
    given = {"original": accuracy(), "blur": accuracy(BLURRED)}
    expected = ic.effective_robustness(given, standard=pd.read_csv("models.csv"))
    assert found["measures"]["own_effective_robustness"] == written(expected)
    assert expected.per_shift["blur"].robustness is not None
    assert not any("Effective robustness on" in title for title in found["not_measured"])
    assert "Effective robustness from this accuracy" not in found["not_measured"]
    said = capsys.readouterr().out
    models = expected.per_shift["blur"].models
    assert f"blur: the line is through {models} standard models" in said


def test_known_accuracies_are_compared_with_own_and_published_models():
    own = ("--accuracy", "original=81", "--accuracy", "blur=60.2", "--standard", "models.csv")
    published = ("--accuracy", "imagenet=76.2", "--accuracy", "imagenet_v2=70.1")
    found = report(*own, *published)["measures"]
    table = pd.read_csv("models.csv")
    expected = ic.effective_robustness({"original": 81.0, "blur": 60.2}, standard=table)
    assert found["own_effective_robustness"] == written(expected)
    assert [*report(*own)["measures"]] == ["own_effective_robustness"]
    assert found["effective_robustness"] == report(*published)["measures"]["effective_robustness"]


def test_a_shift_without_a_column_has_a_reason_and_without_models_an_advice():
    two = (*BLUR, "--shift", "snow=blur.safetensors")
    needs = report(MINE, *two, "--standard", "models.csv")["not_measured"]
    assert needs["Effective robustness on snow"] == "a column `snow` in models.csv"
    needs = report(MINE, *two)["not_measured"]
    assert "--standard" in needs["Effective robustness on blur"]


def test_models_that_guess_are_left_out_and_the_report_says_so():
    Path("chance.csv").write_text("original,blur\n50,30\n60,31\n70,60\n")
    found = report(MINE, *BLUR, "--standard", "chance.csv")["measures"]["own_effective_robustness"]
    one = found["per_shift"]["blur"]
    assert one["robustness"] is None and one["at_chance"] == ["model 1", "model 2"]
    assert one["left_out"] in Path("out/index.html").read_text()


OWN = ["--accuracy", "original=81", "--accuracy", "blur=60"]
REFUSED = {
    "no file": ([*OWN, "--standard", "none.csv"], r"none\.csv: no such file"),
    "folder": ([*OWN, "--standard", "."], r"\.: is a folder"),
    "no original": (["--accuracy", "blur=60", "--standard", "models.csv"], "original"),
    "no shift": ([*OWN[:2], "--standard", "models.csv"], r"models\.csv: .*--shift"),
    "no column": ([MINE, "--shift=a=blur.safetensors", "--standard", "models.csv"], "column for a"),
    "unknown": ([*OWN, "--accuracy", "snow=5", "--standard", "models.csv"], "snow: .*csv: blur"),
    "twice": ([MINE, *BLUR, *OWN, "--standard", "models.csv"], "--accuracy blur: .*leave one"),
    "fraction": ([*OWN[:3], "blur=0.6", "--standard", "models.csv"], "--accuracy: blur: .*60"),
    "cell": ([*OWN, "--standard", "cell.csv"], r"cell\.csv: .*row 2: `blur`: .*'x'"),
    "short row": ([*OWN, "--standard", "short.csv"], r"short\.csv: row 3: expected 2 cells"),
    "few": ([*OWN, "--standard", "few.csv"], r"few\.csv: .*expected 3 models or more, got 2"),
    "fractions": ([*OWN, "--standard", "unit.csv"], r"unit\.csv: .*multiply fractions by 100"),
    "column": ([*OWN, "--standard", "head.csv"], r"head\.csv: .*missing: \['original'\]"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_in_one_line_before_anything_is_measured(case, capsys):
    Path("cell.csv").write_text("original,blur\n50,30\n60,x\n70,50\n")
    Path("short.csv").write_text("original,blur\n50,30\n60,40\n70\n")
    Path("few.csv").write_text("original,blur\n50,30\n60,40\n")
    Path("unit.csv").write_text("original,blur\n.5,.3\n.6,.4\n.7,.5\n")
    Path("head.csv").write_text("imagenet,blur\n50,30\n60,40\n70,50\n")
    words, said = REFUSED[case]
    with pytest.raises(InputError, match=said) as caught:
        main(["measure", *words, "--report", "out"])
    assert "\n" not in str(caught.value) and capsys.readouterr().out == ""
    assert not Path("out").exists()
