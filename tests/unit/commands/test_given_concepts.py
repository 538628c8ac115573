"""Tables of objects and COCO's annotations give the labels that arrays do, by name."""

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import interpreting_clip as ic
from interpreting_clip.commands.given_concepts import read_concepts
from interpreting_clip.commands.given_files import METADATA, read_array
from interpreting_clip.commands.measure import main
from interpreting_clip.commands.report import Study
from interpreting_clip.errors import InputError
from interpreting_clip.formats.array_files import column_names
from interpreting_clip.formats.json import read_json
from tests.reads import ROOT

RNG = np.random.default_rng(0)
IMAGES = [f"{folder}/{number}.png" for folder in ("cat", "dog") for number in range(30)]
NAMES = ["cat, small", "NA", "été"]
SHOWN = RNG.random((60, 3)) < 0.4
SHOWN[7] = False
VALUES = (RNG.normal(size=(60, 8)) + 3 * np.pad(SHOWN, ((0, 0), (0, 5)))).astype(np.float32)


def write_images(file: str, names: list[str] | None, values: np.ndarray = VALUES) -> None:
    """Write activations as `extract` does."""
    about = json.dumps({"encoder": "mine", "images": names})
    save_file({"activations": values}, file, {METADATA: about} if names else None)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_images("mine.safetensors", IMAGES)
    np.save("unnamed.npy", VALUES)


def read(file: str, images: str = "mine.safetensors") -> dict[str, Any]:
    options = Namespace(concepts=file, concept_names=None, concept_rows=None)
    study = Study(inputs={"activations": read_array(images, "activations")})
    found = read_concepts(options, study)
    sys.stdout.writelines(f"{remark}\n" for remark in study.remarks)
    return found


def wide(names: list[str], shown: np.ndarray = SHOWN, columns: list[str] = NAMES) -> str:
    rows = [[name, *map(str, row)] for name, row in zip(names, shown.astype(int), strict=True)]
    return lines(["image", *columns], *rows)


def long(shown: np.ndarray = SHOWN, names: list[str] = IMAGES) -> str:
    return lines(["image", "concept"], *([names[i], NAMES[c]] for i, c in np.argwhere(shown)))


def lines(*rows: list[str]) -> str:
    return "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in rows)


def instances(names: list[str], shown: np.ndarray = SHOWN, **others: Any) -> str:
    """Return annotations that list the images backwards, one more image, and a box per object."""
    ids = {name: 3 * place + 5 for place, name in enumerate(reversed([*names, "other.jpg"]))}
    boxes = [
        {"image_id": ids[names[i]], "category_id": 9 - c, "bbox": [0, 0, 2, 3]}
        for i, c in [*np.argwhere(shown).tolist(), *np.argwhere(shown).tolist()]
    ]
    return json.dumps(
        {
            "images": [{"id": i, "file_name": n, "height": 4, "width": 4} for n, i in ids.items()],
            "annotations": boxes,
            "categories": [{"id": 9 - c, "name": name} for c, name in enumerate(NAMES)],
            **others,
        }
    )


def same(found: dict[str, Any], shown: np.ndarray = SHOWN) -> bool:
    """Return whether labels are the same, by the names of the concepts."""
    order = [found["names"].index(name) for name in NAMES]
    return sorted(found["names"]) == sorted(NAMES) and np.array_equal(
        found["labels"][:, order], shown
    )


def test_every_form_gives_the_labels_of_the_array(capsys):
    order = RNG.permutation(60).tolist()
    moved = [IMAGES[i] for i in order]
    Path("long.csv").write_text("\ufeff" + long())
    Path("wide.csv").write_text(wide(moved, SHOWN[order]))
    Path("true.csv").write_text(wide(IMAGES).replace('"1"', "True").replace('"0"', "False"))
    Path("coco.json").write_text(instances(IMAGES))
    for file in ("long.csv", "wide.csv", "true.csv", "coco.json"):
        found = read(file)
        assert same(found), file
        none = np.count_nonzero(~SHOWN.any(axis=1))
        assert f"{file}: 3 concepts; {none} of 60 images show none" in capsys.readouterr().out
    assert read("long.csv")["names"][0] == NAMES[np.argwhere(SHOWN)[0, 1]]
    assert read("coco.json")["names"] == NAMES


def test_files_names_are_enough_where_they_are_unique():
    unique = [f"{place % 2}/{place}.png" for place in range(60)]
    write_images("mine.safetensors", unique)
    names = [name[2:] for name in unique]
    for file, text in {
        "a.csv": wide(names),
        "b.csv": long(names=names),
        "c.json": instances(names),
    }.items():
        Path(file).write_text(text)
        assert same(read(file)), file
    Path("d.json").write_text(instances([f"val2017/{name}" for name in names]))
    assert all(same(read(file)) for file in ("a.csv", "b.csv", "c.json", "d.json"))


def test_images_without_names_are_in_the_order_of_the_rows(capsys):
    Path("wide.csv").write_text(wide(IMAGES[::-1]))
    assert same(read("wide.csv", "unnamed.npy"))
    assert "in the order of the images, since unnamed.npy" in capsys.readouterr().out
    Path("bare.csv").write_text(wide(IMAGES).replace('"image",', "").replace('"cat/', "#"))
    bare = [line.partition(",")[2] for line in wide(IMAGES).splitlines()]
    Path("bare.csv").write_text("\n".join(bare))
    assert same(read("bare.csv", "unnamed.npy"))
    # `extract --to mine.npy` notes the names in mine.safetensors.
    np.save("mine.npy", VALUES)
    write_images("mine.safetensors", IMAGES, VALUES[:, :0])
    Path("moved.csv").write_text(wide(IMAGES[::-1], SHOWN[::-1]))
    assert same(read("moved.csv", "mine.npy"))


def test_images_of_a_shift_have_names_of_their_own():
    about = {"encoder": "mine", "images": IMAGES, "shifts": {"blur": IMAGES[::-1]}}
    arrays = {
        "activations": VALUES,
        "shifts.blur.activations": VALUES,
        "shifts.x.activations": VALUES,
    }
    save_file(arrays, "mine.safetensors", {METADATA: json.dumps(about)})
    Path("long.csv").write_text(long())
    assert same(read("long.csv", "mine.safetensors:activations"))
    assert same(read("long.csv", "mine.safetensors:shifts.blur.activations"), SHOWN[::-1])
    with pytest.raises(InputError, match="no names"):
        read("long.csv", "mine.safetensors:shifts.x.activations")


def test_categories_tell_concepts_of_one_name_apart():
    rows = [["cat/0.png", "orange", "object"], ["cat/1.png", "orange", "color"]]
    rows += [["cat/2.png", "orange", "object"], ["cat/2.png", "orange", "object"]]
    Path("long.csv").write_text(
        lines(["concept", "category", "image"], *(r[1:] + r[:1] for r in rows))
    )
    found = read("long.csv")
    assert found["names"] == ["orange", "orange"] and found["categories"] == ["object", "color"]
    assert np.argwhere(found["labels"]).tolist() == [[0, 0], [1, 1], [2, 0]]


def test_a_box_without_area_shows_nothing():
    table = json.loads(instances(IMAGES))
    none = {(b["image_id"], b["category_id"]) for b in table["annotations"][:1]}
    for box in table["annotations"]:
        if (box["image_id"], box["category_id"]) in none:
            box["bbox"][2] = 0
    Path("coco.json").write_text(json.dumps(table))
    expected = SHOWN.copy()
    expected[tuple(np.argwhere(SHOWN)[0])] = False
    assert same(read("coco.json"), expected)


def test_the_command_counts_as_with_the_array():
    Path("coco.json").write_text(instances(IMAGES))
    main(["measure", "mine.safetensors", "--concepts", "coco.json", "--report", "out"])
    found = read_json(Path("out/measures.json"))["measures"]["concepts"]
    expected = ic.concepts(VALUES, labels=SHOWN, names=NAMES).features
    assert found["features"]["names"] == expected.names and expected.names
    assert found["features"]["draws"] == expected.draws


def test_annotations_give_the_study_its_numbers_of_coco():
    """As in plots/array_concepts, where labels are an array of the same objects."""
    arrays = ROOT / "data/arrays"
    file = arrays / "coco_val2017_objects.safetensors"
    labelled, names = load_file(file), column_names(file, "objects")
    assert names is not None
    files = [f"{number:012d}.jpg" for number in labelled["image_ids"].tolist()]
    ids = dict(zip(files, labelled["image_ids"].tolist(), strict=True))
    boxes = [
        {"image_id": ids[files[i]], "category_id": int(c) + 1, "bbox": [1, 1, 5, 5]}
        for i, c in np.argwhere(labelled["objects"])
    ]
    images = [{"id": i, "file_name": n, "height": 9, "width": 9} for n, i in sorted(ids.items())]
    kinds = [{"id": place + 1, "name": name} for place, name in enumerate(names)]
    table = {"images": images, "annotations": boxes, "categories": kinds}
    Path("coco.json").write_text(json.dumps(table))
    values = load_file(arrays / "clip_vit_b16_coco.safetensors")["images"]
    write_images("mine.safetensors", [f"val2017/{name}" for name in files], values)
    head = {"head": labelled["head"].astype(np.float32), "normalize_features": True}
    directions = ic.directions(values, **head, random_heads=0)
    known = read_json(ROOT / "plots/array_concepts/clip_vit_b16_objects.json")
    settings = {"rotations": 0, "minimum_images": known["minimum_images"]}
    found = ic.concepts(**read("coco.json"), directions=directions, **settings)
    assert found.concepts == known["concepts"] and found.left_out == known["left_out"]
    for basis, counts in found.bases.items():
        assert counts.draws == known[basis]["draws"]
        assert counts.unique.value == known[basis]["unique"]["value"]
        assert counts.names == known[basis]["names"]


HEADER = ["image", "concept"]
REFUSED = {
    "no file": (None, "no such file"),
    "empty": ("", "empty"),
    "one image": (lines(HEADER, ["b/1.png", "a"], ["cat/1.png", "a"]), r"1 of its 2 .*b/1\.png"),
    "files": (lines(HEADER, ["1.png", "a"]), r"1\.png .*2 images, cat/1\.png, dog/1\.png"),
    "columns": (lines([*HEADER, "x0"], ["cat/1.png", "a", "3"]), "image, concept, x0"),
    "semicolons": ("image;concept\ncat/1.png;a\n", "`image`.*image;concept"),
    "no image": (lines(["concept"], ["a"]), "image, concept"),
    "no concept": (lines(HEADER, ["cat/1.png", ""]), "row 2: .*concept"),
    "no rows": (lines(HEADER), "rows"),
    "ragged": ("image,concept\ncat/1.png,a,b\n", "line 2"),
    "index": (",image,concept\n0,cat/1.png,a\n", "index"),
    "lacking": (wide(IMAGES[:58], SHOWN[:58]), r"2 of the 60 .*dog/28\.png"),
    "twice": (wide([*IMAGES[:59], "cat/3.png"]), r"several of cat/3\.png"),
    "columns twice": (wide(IMAGES, columns=["a", "b", "a"]), "several called a"),
    "number": (wide(IMAGES).replace('"1"', '"2"', 1), "expected 0 or 1, got 2"),
    "latin": ("image,concept\ncat/1.png,été\n".encode("latin1"), "utf-8"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_a_table_in_one_line(case):
    text, said = REFUSED[case]
    if text is not None:
        Path("t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=rf"^t\.csv: .*{said}") as caught:
        read("t.csv")
    assert "\n" not in str(caught.value)


def test_refuses_what_cannot_be_matched():
    Path("long.csv").write_text(long())
    Path("wide.csv").write_text(wide(IMAGES[:59], SHOWN[:59]))
    Path("coco.json").write_text(instances(IMAGES[:58], SHOWN[:58]))
    Path("other.json").write_text('{"made_by": "me"}')
    for file, images, said in (
        ("long.csv", "unnamed.npy", r"unnamed\.npy has no names .*extract"),
        ("coco.json", "unnamed.npy", r"unnamed\.npy has no names .*extract"),
        ("wide.csv", "unnamed.npy", r"60 rows .*got 59"),
        ("coco.json", "mine.safetensors", r"2 of the 60 .*dog/28\.png"),
        ("other.json", "mine.safetensors", r"instances_\*\.json"),
    ):
        with pytest.raises(InputError, match=rf"^{file}: .*{said}".replace(".csv:", r"\.csv:")):
            read(file, images)
    with pytest.raises(InputError, match="--concept-names"):
        main(["measure", "mine.safetensors", "--concepts", "long.csv", "--concept-names", "n.txt"])
    with pytest.raises(InputError, match=r"long\.csv: .*first argument"):
        main(["measure", "--concepts", "long.csv"])
