"""The command `extract` for several encoders and shifts: the bytes of single commands."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors import safe_open

from interpreting_clip.commands import extract_several, image_folder
from interpreting_clip.commands.measure import main
from interpreting_clip.errors import InputError
from interpreting_clip.formats.array_files import read_arrays
from tests.integration.encoders.test_extract_command import (
    MODEL,
    NAMES,
    OPTIONS,
    draw,
    folder,
    tiny_hub,
)
from tests.pipeline.zoo import pickled

__all__ = ["folder", "tiny_hub"]

OTHER = "test_resnet"
LIST = f"hub:me/tiny\ntimm:{MODEL} --random 1\nmine.pt --backbone timm:{OTHER} --with resize=200\n"
FILES = (
    "hub-me-tiny.safetensors",
    f"timm-{MODEL}-random-1.safetensors",
    f"mine.pt-backbone-timm-{OTHER}-with-resize-200.safetensors",
)
MORE = (*OPTIONS, "--batch-size", "2", "--template", "a {}.")
SEVERAL = ("--list", "encoders.txt", "photos", "--to", "out")
FITTING = [f"timm:{MODEL} --random 0", f"timm:{OTHER} --random 0"]

pytestmark = pytest.mark.filterwarnings("ignore:head has 1,000 rows")


@pytest.fixture
def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Write a file of weights and a list of three encoders, and return the weights."""
    torch.manual_seed(0)
    state = timm.create_model(OTHER).state_dict()
    Path("mine.pt").write_bytes(pickled(state))
    Path("encoders.txt").write_text(LIST)
    return state


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each decoded image adds its name."""
    names, decode = list[str](), image_folder.decode_image

    def count(data: bytes, name: str) -> Any:
        names.append(name)
        return decode(data, name)

    monkeypatch.setattr(image_folder, "decode_image", count)
    return names


def extract(*words: str) -> None:
    main(["extract", *words, *MORE])


def written() -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in Path("out").iterdir()}


def about(file: str) -> dict[str, Any]:
    with safe_open(file, "numpy") as stored:
        return json.loads(stored.metadata()["interpreting-clip extract"])


def arrays(file: str) -> dict[str, np.ndarray]:
    return {key: one.numbers() for key, one in read_arrays(Path(file)).items()}


def list_encoders(*lines: str) -> None:
    Path("encoders.txt").write_text("\n".join(lines))


def test_files_are_those_of_single_commands_and_images_are_decoded_once(
    tiny_hub, weights, decoded, capsys
):
    extract(*SEVERAL)
    # The first image twice, to see how large images are.
    assert decoded == [f"photos/{name}" for name in (NAMES[0], *NAMES)]
    found = written()
    assert {*found} == {*FILES}
    for file, words in zip(FILES, LIST.splitlines(), strict=True):
        extract(*words.split(), "photos", "--to", "one.safetensors")
        assert found[file] == Path("one.safetensors").read_bytes()
    widths = {file: arrays(f"out/{file}")["activations"].shape for file in FILES}
    assert len({*widths.values()}) == 3
    assert "3 files written" in capsys.readouterr().out


def test_encoders_that_do_not_fit_together_get_the_same_bytes(
    tiny_hub, weights, decoded, monkeypatch, capsys
):
    extract(*SEVERAL)
    together = written()
    for limits in ((1, None), (10**12, 1), (1, 10**12)):
        shutil.rmtree("out")
        decoded.clear()
        monkeypatch.setattr(extract_several, "memory_limits", lambda _, limits=limits: limits)
        extract(*SEVERAL)
        assert written() == together and len(decoded) == 3 * (1 + len(NAMES))
        assert capsys.readouterr().out.count("decoded again") == 2


def test_memory_limits_are_a_share_of_what_the_machine_has():
    memory, gpu = extract_several.memory_limits("cpu")
    assert 2**26 < memory < 2**50 and gpu is None


def test_what_exists_is_kept_and_only_the_rest_is_computed(tiny_hub, weights, decoded, capsys):
    extract(*SEVERAL)
    first = written()
    times = {file.name: file.stat().st_mtime_ns for file in Path("out").iterdir()}
    decoded.clear()
    extract(*SEVERAL)
    assert decoded == [] and capsys.readouterr().out.count("kept, ") == 3
    assert times == {file.name: file.stat().st_mtime_ns for file in Path("out").iterdir()}
    Path("out", FILES[1]).unlink()
    extract(*SEVERAL)
    assert written() == first and len(decoded) == 1 + len(NAMES)
    assert times[FILES[0]] == Path("out", FILES[0]).stat().st_mtime_ns


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--precision", "bfloat16"), "precision: float32 there, bfloat16"),
        (("--no-head",), "no head: none there, True"),
        (("--template", "one {}"), "templates: 1 there, 2 asked"),
        (("--class-names", "names.txt"), "class names: cat there, dog"),
        (("--shift", "blur=photos"), "shifts: none there, blur"),
    ],
)
def test_a_file_that_was_made_otherwise_is_refused_before_any_work(
    tiny_hub, decoded, words, message
):
    list_encoders("hub:me/tiny")
    Path("names.txt").write_text("dog\nhot dog\n")
    extract(*SEVERAL)
    before = written()
    decoded.clear()
    list_encoders(FITTING[0], "hub:me/tiny")
    with pytest.raises(InputError, match=f"out/{FILES[0]}: .*{message}") as raised:
        extract(*SEVERAL, *words)
    assert written() == before and decoded == [] and "\n" not in str(raised.value)


def test_other_images_weights_and_foreign_files_are_refused(weights):
    list_encoders(LIST.splitlines()[2])
    extract(*SEVERAL)
    Path("mine.pt").write_bytes(pickled({key: 2 * one for key, one in weights.items()}))
    with pytest.raises(InputError, match=r"mine\.pt-.*SHA-256"):
        extract(*SEVERAL)
    Path("mine.pt").write_bytes(pickled(weights))
    extract(*SEVERAL)
    Path("photos/cat/2.png").rename("photos/cat/3.png")
    with pytest.raises(InputError, match=r"images: cat/2\.png there, cat/3\.png"):
        extract(*SEVERAL)
    Path("out", FILES[2]).write_bytes(b"something else")
    with pytest.raises(InputError, match=r"mine\.pt-.*kept"):
        extract(*SEVERAL)
    assert Path("out", FILES[2]).read_bytes() == b"something else"
    with pytest.raises(InputError, match=r"--to out\.npy: .*folder"):
        extract(*SEVERAL[:-1], "out.npy")


@pytest.mark.parametrize("how", ["nan", "missing", "unreadable"])
def test_an_encoder_that_fails_is_named_and_the_others_have_their_files(
    tiny_hub, weights, capsys, how
):
    last = LIST.splitlines()[2]
    if how == "nan":
        next(iter(weights.values()))[0] = 1e38
        Path("mine.pt").write_bytes(pickled(weights))
    elif how == "missing":
        Path("mine.pt").unlink()
    else:
        Path("mine.pt").write_bytes(b"no weights")
    list_encoders(last, *LIST.splitlines()[:2])
    with pytest.raises(InputError, match=r"1 of 3 encoders failed: mine\.pt --backbone"):
        extract(*SEVERAL)
    failed = capsys.readouterr().err
    assert failed.startswith("failed: mine.pt ") and failed.count("\n") == 1
    assert ("image " in failed and "NaN" in failed) == (how == "nan")
    found = written()
    assert {*found} == {*FILES[:2]}
    for file, words in zip(FILES[:2], LIST.splitlines()[:2], strict=True):
        extract(*words.split(), "photos", "--to", "one.safetensors")
        assert found[file] == Path("one.safetensors").read_bytes()


def test_encoders_in_the_command_line(tiny_hub):
    with pytest.raises(InputError, match="1 of 2 encoders failed: hub:me/other; the other files"):
        extract("hub:me/other", "hub:me/tiny", "photos", "--to", "out")
    assert {*written()} == {FILES[0]}
    with pytest.raises(InputError, match="1 of 1 encoders failed: hub:me/other; the same command"):
        list_encoders("hub:me/other")
        extract(*SEVERAL)


def test_a_damaged_image_ends_it_for_all(folder):
    list_encoders(*FITTING)
    file = Path("photos", NAMES[-1])
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(InputError, match=NAMES[-1]):
        extract(*SEVERAL)
    assert not Path("out").exists()


def test_an_interrupted_command_keeps_whole_files_and_goes_on(folder, monkeypatch, decoded):
    list_encoders(*FITTING)
    extract(*SEVERAL)
    expected = written()
    shutil.rmtree("out")
    monkeypatch.setattr(extract_several, "memory_limits", lambda _: (1, None))
    decode, count = image_folder.decode_image, 0

    def stop(data: bytes, name: str) -> Any:
        nonlocal count
        count += 1
        if count > 1 + len(NAMES) + 3:
            raise KeyboardInterrupt
        return decode(data, name)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt, match="1 of 2 files"):
        patch.setattr(image_folder, "decode_image", stop)
        extract(*SEVERAL)
    assert written() == {name: expected[name] for name in [f"timm-{MODEL}-random-0.safetensors"]}
    extract(*SEVERAL)
    assert written() == expected


@pytest.mark.parametrize("to", ["mine.safetensors", "mine.npy", "out"])
def test_arrays_of_a_shift_are_those_of_its_own_extraction(tiny_hub, to):
    draw(Path("photos_blur"), ["hot_dog/c.png", "hot_dog/a.png"])
    draw(Path("night"), ["hot_dog/10.png", "cat/2.png"])
    list_encoders("hub:me/tiny")
    words = ("hub:me/tiny", "photos") if to != "out" else SEVERAL[:3]
    extract(*words, "--to", to, "--shift", "blur=photos_blur", "--shift", "night=night")
    file = f"out/{FILES[0]}" if to == "out" else "mine.safetensors"
    found, said = arrays(file), about(file)
    classes = {"blur": ("photos_blur", [1, 1]), "night": ("night", [0, 1])}
    names = {"blur": ["hot_dog/a.png", "hot_dog/c.png"], "night": ["cat/2.png", "hot_dog/10.png"]}
    assert said["shifts"] == names and said["images"] == NAMES
    for name, (shift, expected) in classes.items():
        extract("hub:me/tiny", shift, "--to", "own.safetensors", "--no-head")
        alone = arrays("own.safetensors")["activations"]
        assert np.array_equal(found[f"shifts.{name}.activations"], alone)
        assert found[f"shifts.{name}.classes"].tolist() == expected
        assert found[f"shifts.{name}.class_indices"].tolist() == sorted({*expected})
    extract("hub:me/tiny", "photos", "--to", "own.safetensors")
    main_rows = np.load("mine.npy") if to == "mine.npy" else found["activations"]
    assert np.array_equal(main_rows, arrays("own.safetensors")["activations"])
    assert {key for key in found if "shifts." not in key} | {"activations"} == {
        *arrays("own.safetensors")
    }


def test_a_shift_of_imagenet_s_folders_has_imagenet_s_numbers(folder):
    draw(Path("few"), ["n01443537/a.png", "n07697537/b.png"])
    draw(Path("drawn"), ["n07697537/b.png", "n01514668/c.png"])
    extract(*FITTING[0].split(), "few", "--to", "mine.safetensors", "--shift", "drawn=drawn")
    found = arrays("mine.safetensors")
    assert found["classes"].tolist() == [1, 934]
    assert found["shifts.drawn.classes"].tolist() == [7, 934]


@pytest.mark.parametrize(
    ("shift", "message"),
    [
        ("blur=other", "other: .*blur.*dog"),
        ("blur=flat", "flat: .*class folders.*without"),
        ("blur=nowhere", "nowhere: .*no folder"),
        ("Blur=photos", "--shift Blur=photos: .*a-z"),
        ("photos", "--shift photos: .*NAME=FOLDER"),
        ("original=photos", "original is the name of the unchanged images"),
    ],
)
def test_a_shift_that_does_not_fit_is_refused(folder, shift, message):
    draw(Path("other"), ["cat/a.png", "dog/b.png"])
    draw(Path("flat"), ["a.png"])
    words = (*FITTING[0].split(), "photos", "--to", "mine.safetensors", "--shift", shift)
    with pytest.raises(InputError, match=message) as raised:
        extract(*words)
    assert "\n" not in str(raised.value) and not Path("mine.safetensors").exists()
    with pytest.raises(InputError, match=r"flat: .*class"):
        extract(*FITTING[0].split(), "flat", "--to", "mine.safetensors", "--shift", "a=photos")
    with pytest.raises(InputError, match="once"):
        extract(*words[:-1], "a=photos", "--shift", "a=photos")


def test_an_encoder_without_a_folder_is_refused(folder):
    with pytest.raises(InputError, match="ENCODER and FOLDER"):
        extract("photos", "--to", "mine.safetensors")
