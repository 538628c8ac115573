"""The command measures what the files allow, lists what is missing, and writes a report."""

import json
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import interpreting_clip as ic
from interpreting_clip.__main__ import start
from interpreting_clip.commands.measure import main
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import DIGITS, rounded
from interpreting_clip.formats.result import plain

RNG = np.random.default_rng(1)
IMAGES, FEATURES, CLASSES = 120, 16, 4
CLASS = np.arange(IMAGES) % CLASSES
HEAD = RNG.normal(size=(CLASSES, FEATURES)).astype(np.float32)
VALUES = (RNG.normal(size=(IMAGES, FEATURES)) + HEAD[CLASS]).astype(np.float32)
HOSTILE = '<img src=x onerror=alert("1")>&'
ALONE = ["kurtosis", "massive_activations", "participation_ratio", "privileged_basis"]
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


def test_activations_alone_have_four_measures_and_the_rest_says_what_it_needs(capsys):
    found = report("mine.safetensors")
    assert {*found["measures"]} == {*ALONE}
    missing = found["not_measured"]
    assert "--head" in missing["Privileged directions"] and "--labels" in missing["Pruning"]
    assert "a second FILE" in missing["CKA"] and "--captions" in missing["Modality gap"]
    assert capsys.readouterr().out.endswith("out/index.html\nout/measures.json\n")
    assert page().count("<svg") == 1


def test_the_results_are_those_of_the_functions():
    texts = VALUES[:, ::-1].copy()
    np.save("texts.npy", texts)
    files = ("--labels", "classes.npy", "--captions", "texts.npy")
    found = report(*MINE, *files)
    head = {"head": HEAD, "bias": np.zeros(CLASSES)}
    results = {
        "kurtosis": ic.kurtosis(VALUES),
        "directions": ic.directions(VALUES, head=HEAD),
        "accuracy": ic.accuracy(VALUES, **head, classes=CLASS),
        "pruning": ic.pruning(VALUES, **head, classes=CLASS),
        "modality_gap": ic.modality_gap(VALUES, captions=texts),
    }
    assert {*found["measures"]} == {*ALONE, *results}
    for name, result in results.items():
        expected = rounded(plain(result, without_beside=True), DIGITS, name)
        assert found["measures"][name] == expected
    head = found["inputs"]["head"]
    assert head["array"] == "head.weight" and head["shape"] == [CLASSES, FEATURES]
    assert page().count("<svg") == 3


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


def test_labels_may_show_several_classes_of_an_image_and_are_then_compared_with_no_line():
    shown = np.arange(CLASSES) <= CLASS[:, None]
    np.savez("shown.npz", shown=shown, classes=CLASS)
    found = report(*MINE, "--labels", "shown.npz:shown")
    own = ic.accuracy(VALUES, head=HEAD, classes=shown)
    measured = found["measures"]["accuracy"]
    assert measured["accuracy"]["value"] == pytest.approx(own.accuracy.value, abs=1e-6)
    assert measured["guessing"] == pytest.approx(own.guessing, abs=1e-6)
    assert "one class" in found["not_measured"]["Effective robustness from this accuracy"]
    assert "shown.npz" in found["inputs"]["labels"]["file"]


def test_measured_accuracies_on_shifts_have_an_effective_robustness():
    rng = np.random.default_rng(2)
    head, classes = rng.normal(size=(1000, 12)).astype(np.float32), np.repeat(np.arange(1000), 2)
    values = head[classes] + 0.55 * rng.normal(size=(2000, 12)).astype(np.float32)
    in_r = np.flatnonzero(classes < 200)
    save_file({"activations": values, "classes": classes}, "val.safetensors")
    save_file({"weight": head}, "head.safetensors")
    shift = {"activations": values[in_r], "classes": classes[in_r]}
    save_file(shift, "r.safetensors")
    found = report(
        *("val.safetensors", "--head", "head.safetensors", "--shift", "imagenet_r=r.safetensors"),
        *("--shift", "imagenet_v2=val.safetensors"),
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


def test_known_accuracies_need_no_other_file():
    found = report("--accuracy", "imagenet=76.2", "--accuracy", "imagenet_v2=70.1")
    expected = ic.effective_robustness({"imagenet": 76.2, "imagenet_v2": 70.1}).robustness
    assert expected is not None and list(found["measures"]) == ["effective_robustness"]
    robust = found["measures"]["effective_robustness"]["robustness"]["value"]
    assert robust == pytest.approx(expected.value, abs=1e-6) and found["inputs"] == {}
    assert page().count("<svg") == 1


def test_concepts_are_those_of_their_own_images_with_names_that_are_escaped():
    shown = np.stack([VALUES[:, 0] > 0.3, VALUES[:, 1] > 0.3], axis=1)
    save_file({"concepts": shown, "activations": VALUES * 2}, "concepts.safetensors")
    Path("names.txt").write_text(f"{HOSTILE}\nb\n")
    named = ("--concepts", "concepts.safetensors", "--concept-names", "names.txt")
    found = report(*MINE, *named)["measures"]["concepts"]
    assert found["features"]["unique"]["value"] == 2 and found["directions"] is not None
    assert found["concepts"] == [HOSTILE, "b"]
    page()


def test_a_file_of_concepts_may_have_their_names_and_rows():
    shown = np.stack([VALUES[:, 0] > 0.3, VALUES[:, 1] > 0.3], axis=1)
    arrays = {"objects": shown, "rows": np.eye(2, VALUES.shape[1], dtype=VALUES.dtype)}
    save_file(arrays, "concepts.safetensors", {"objects": f"{HOSTILE}\nb"})
    given = ("--concepts", "concepts.safetensors", "--concept-rows", "concepts.safetensors")
    found = report(*MINE, *given)["measures"]["concepts"]
    expected = ic.concepts(VALUES, labels=shown, rows=arrays["rows"], rotations=0).rows
    assert expected is not None
    assert found["concepts"] == [HOSTILE, "b"]
    assert found["rows"]["precisions"] == pytest.approx(expected.precisions, abs=1e-6)
    assert found["rows"]["encoded"]["value"] == expected.encoded.value
    page()


REFUSED = {
    "nothing": ([], "expected a FILE of activations"),
    "NaN": (["nan.npy"], r"nan\.npy: activations: image 3"),
    "labels": ([*MINE, "--labels", "few.npy"], r"few\.npy: classes: .*120"),
    "other captions": ([*MINE, "--captions", "narrow.npy"], r"narrow\.npy: captions: .*120.*4"),
    "options": ([*MINE, "--name", "a", "--name", "b"], "--name: expected once, got 2"),
    "rows": ([*MINE, "--concepts", "shown.npy", "--concept-rows", "few.npy"], r"few\.npy: rows: "),
    "set": ([*MINE, "--labels=classes.npy", "--shift=a=part.safetensors"], "part.*of class 1"),
    "below a file": ([*MINE, "--report", "classes.npy/out"], r"classes\.npy: expected a folder"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_in_one_line_before_anything_is_measured(case, monkeypatch):
    words, said = REFUSED[case]
    monkeypatch.setattr("interpreting_clip.commands.measure.table", None)  # of what is measured
    part = {"activations": VALUES, "classes": CLASS, "class_indices": np.array([0])}
    save_file(part, "part.safetensors")
    np.save("nan.npy", np.where(np.arange(IMAGES)[:, None] == 3, np.nan, VALUES))
    np.save("narrow.npy", HEAD[:, 1:])
    np.save("few.npy", CLASS[:5])
    np.save("shown.npy", VALUES[:, :2] > 0.3)
    before = sorted(Path().iterdir())
    with pytest.raises(InputError, match=said) as caught:
        main(["measure", "--report", "out", *words])
    assert "\n" not in str(caught.value)
    assert sorted(Path().iterdir()) == before


def test_a_report_is_replaced_and_files_of_others_are_kept():
    report("mine.safetensors")
    assert "directions" in report(*MINE)["measures"]
    Path("out/index.html").write_text("<p>mine</p>")
    with pytest.raises(InputError, match=r"out/index\.html: "):
        report("mine.safetensors")
    assert Path("out/index.html").read_text() == "<p>mine</p>"


def test_an_error_is_one_line(monkeypatch):
    monkeypatch.setattr(warnings, "showwarning", None)  # is replaced for good
    monkeypatch.setattr(sys, "argv", ["interpreting-clip", "measure", "none.npy"])
    with pytest.raises(SystemExit, match=r"^error: none\.npy: .*$"):
        start()


def test_an_interrupted_command_keeps_the_files_that_there_are(monkeypatch, capsys):
    report("mine.safetensors")
    before = {file: file.read_bytes() for file in Path("out").iterdir()}

    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("interpreting_clip.commands.report.write_json", interrupt)
    monkeypatch.setattr(sys, "argv", ["interpreting-clip", "measure", *MINE, "--report", "out"])
    with pytest.raises(SystemExit) as caught:
        start()
    shown = capsys.readouterr().err
    assert caught.value.code == 130 and "interrupted" in shown and shown.count("\n") == 1
    assert before == {file: file.read_bytes() for file in Path("out").iterdir()}


TOKENS = RNG.normal(size=(IMAGES, 3, FEATURES)).astype(np.float32)
MAPS = np.moveaxis(TOKENS, 1, 2)[..., None]


@pytest.mark.parametrize(
    ("values", "pool", "expected"),
    [
        (TOKENS, "mean", TOKENS.mean(axis=1, dtype=float)),
        (TOKENS, "class_token", TOKENS[:, 0]),
        (MAPS, "mean", TOKENS.mean(axis=1, dtype=float)),
    ],
)
def test_tokens_and_maps_are_pooled_as_asked_for(values, pool, expected):
    np.save("tokens.npy", values)
    found = report("tokens.npy", "--pool", pool)["measures"]["kurtosis"]["kurtosis"]["value"]
    assert found == pytest.approx(ic.kurtosis(expected).kurtosis.value, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "words", "message"),
    [
        (TOKENS, (), "tokens.npy: activations: .*pool the tokens"),
        (MAPS, ("--pool", "class_token"), "feature maps have no class token; use --pool mean"),
        (VALUES, ("--pool", "mean"), "tokens.npy: the array: --pool mean: expected .*leave --pool"),
    ],
)
def test_what_is_not_pooled_or_has_no_such_token_is_refused(values, words, message):
    np.save("tokens.npy", values)
    with pytest.raises(InputError, match=message):
        report("tokens.npy", *words)


def test_a_layer_without_its_arrays_is_refused():
    save_file({"activations": VALUES, "layers.block01.activations": VALUES}, "mine.safetensors")
    with pytest.raises(InputError, match=r"mine\.safetensors: layer 'block01': .*largest"):
        report("mine.safetensors")


def test_a_shift_without_a_head_is_not_measured(capsys):
    shift = {"shifts.blur.activations": VALUES[:30], "shifts.blur.classes": CLASS[:30]}
    save_file({"activations": VALUES, "classes": CLASS, **shift}, "mine.safetensors")
    found = report("mine.safetensors")
    assert "--head" in found["not_measured"]["Accuracy on blur"]
    assert "accuracy_blur" not in found["measures"] and "kurtosis" in found["measures"]
    assert "Accuracy on blur" in capsys.readouterr().out
