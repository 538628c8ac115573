"""Small sets in the layouts in which ImageNet, its shifts and Broden are published.

The pictures are drawn; they have every format in which the sets' files occur.
"""

import json
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from interpreting_clip.datasets.imagenet import ImageNetClasses
from tests.layouts import encrypted_zip, saved, tar, write_files, zipped
from tests.unit.datasets.broden.conftest import write_broden1

PASSWORD = b"only for readers of the licence"

Files = dict[str, bytes]


def photograph(name: str, class_: int, size: tuple[int, int] = (75, 100)) -> Image.Image:
    """Return a picture that depends on its name and class: broad waves of colour, and grain."""
    rng = np.random.default_rng([zlib.crc32(name.encode()), class_])
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width] / 40
    phases, directions = rng.uniform(0, 6, 3), rng.uniform(-2, 2, (3, 2))
    waves = np.stack(
        [np.sin(a * rows + b * columns + c) for (a, b), c in zip(directions, phases, strict=True)]
    )
    grain = rng.normal(0, 12, (height, width, 3))
    tint = np.random.default_rng(class_).uniform(60, 200, 3)
    pixels = 60 * waves.transpose(1, 2, 0) + grain + tint
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def jpeg(image: Image.Image, **options: object) -> bytes:
    return saved(image, "JPEG", quality=90, **options)


def turned(image: Image.Image) -> bytes:
    """Return a JPEG whose EXIF data asks for a rotation by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(image, exif=exif)


def deep(image: Image.Image) -> bytes:
    """Return a grey PNG of 16 bits."""
    return saved(Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 257), "PNG")


ODD = {
    "cmyk": lambda image: jpeg(image.convert("CMYK")),
    "grey": lambda image: jpeg(image.convert("L")),
    "png": lambda image: saved(image, "PNG"),
    "turned": turned,
    "sixteen_bits": deep,
    "palette": lambda image: saved(image.convert("P", palette=Image.Palette.ADAPTIVE), "PNG"),
    "webp": lambda image: saved(image, "WEBP"),
}
"""What files named .JPEG sometimes really are."""


def odd_files(class_: int) -> dict[str, bytes]:
    """Return one file of each odd format, by name; all have a JPEG's name."""
    return {f"{name}.JPEG": make(photograph(name, class_)) for name, make in ODD.items()}


def class_folders(classes: ImageNetClasses, indices: list[int], each: int, name: str) -> Files:
    """Return `each` JPEGs of each class, as `n01440764/<name>_0.JPEG`."""
    return {
        f"{classes.wnids[index]}/{name}_{index}_{i}.JPEG": jpeg(photograph(f"{name}{i}", index))
        for index in indices
        for i in range(each)
    }


def validation_folder(root: Path, classes: ImageNetClasses, indices: list[int]) -> None:
    """Write class folders on disk, with odd formats in one and stray files in others."""
    files = class_folders(classes, indices, 4, "ILSVRC2012_val")
    odd = classes.wnids[indices[0]]
    files |= {f"{odd}/{name}": data for name, data in odd_files(indices[0]).items()}
    files |= {".DS_Store": b"\0\0\0\1Bud1", f"{odd}/.DS_Store": b"\0\0\0\1Bud1"}
    write_files(root, files)


def imagenet_v2_archive(indices: list[int]) -> bytes:
    """Return ImageNet-V2's tar.gz: one folder per class, named by its number."""
    top = "imagenetv2-matched-frequency-format-val"
    files = {f"{top}/{i}/{n}.jpeg": jpeg(photograph(f"v2{n}", i)) for i in indices for n in "ab"}
    return tar(files, "w:gz")


def imagenet_a_archive(classes: ImageNetClasses, indices: list[int]) -> bytes:
    """Return ImageNet-A's tar, which has a README."""
    folders = class_folders(classes, indices, 2, "a")
    return tar({f"imagenet-a/{k}": v for k, v in ({"README.txt": b"read me"} | folders).items()})


def sketch_archive(classes: ImageNetClasses, indices: list[int]) -> bytes:
    """Return ImageNet-Sketch's zip, as macOS packs it."""
    files = {f"sketch/{k}": v for k, v in class_folders(classes, indices, 2, "sketch").items()}
    strays = {f"__MACOSX/sketch/._{k.rpartition('/')[2]}": b"\0\5\x16\7" for k in list(files)[:2]}
    return zipped(files | strays)


def objectnet_archive(classes: ImageNetClasses, folders: list[str], unknown: str) -> bytes:
    """Return ObjectNet's encrypted zip: PNGs with a red border, and a folder without a class."""
    files = {}
    for folder in [*folders, unknown]:
        for name in "ab":
            image = Image.new("RGB", (102, 77), (255, 0, 0))
            image.paste(photograph(folder + name, len(folder)), (1, 1))
            files[f"objectnet-1.0/images/{folder}/{name}.png"] = saved(image, "PNG")
    labels = classes.objectnet_labels | {unknown: "Nothing of ImageNet"}
    files["objectnet-1.0/mappings/folder_to_objectnet_label.json"] = json.dumps(labels).encode()
    return encrypted_zip(files, PASSWORD)


def webdataset(photographs: list[tuple[int, bytes]], name: str = "s") -> bytes:
    """Return a shard as clip_benchmark writes it: image and label of each key."""
    files = {}
    for number, (label, data) in enumerate(photographs):
        files |= {f"{name}{number:07d}.cls": b"%d" % label, f"{name}{number:07d}.webp": data}
    return tar(files)


def broden_archive(root: Path) -> bytes:
    """Return Broden1's zip: six times the three images of `write_broden1`, with shared maps."""
    write_broden1(root)
    lines = (root / "index.csv").read_text().splitlines()
    files = {f"broden1_224/{f.name}": f.read_bytes() for f in root.glob("*.csv")}
    rows = [lines[0]]
    for copy in range(6):
        for line in lines[1:]:
            image, _, rest = line.partition(",")
            path = image.replace(".jpg", f"{copy}.jpg")
            rows.append(f"{path},{rest}")
            pixels = photograph(path, copy, (8, 8))
            files[f"broden1_224/images/{path}"] = jpeg(pixels)
    for file in (root / "images").rglob("*.png"):
        files[f"broden1_224/{file.relative_to(root)}"] = file.read_bytes()
    files["broden1_224/index.csv"] = ("\n".join(rows) + "\n").encode()
    return zipped(files)


def captions_file(names: list[str]) -> bytes:
    """Return the JSON of ImageNet-Captions for some images."""
    words = np.random.default_rng(0).choice(["sunny", "old", "my", "big"], len(names))
    entries = [
        {"filename": name, "title": f"A {word} picture", "tags": ["holiday"], "description": ""}
        for name, word in zip(names, words, strict=True)
    ]
    return json.dumps(entries).encode()


def coco_files() -> Files:
    """Return COCO's validation set with four images of 8 × 6 pixels, three of them with objects.

    It has polygons, both kinds of run lengths, a crowd, objects that overlap, and a box without
    area, as train2017 has.
    """
    objects = [
        # image, category, box and segmentation: two persons side by side, a toothbrush on one
        (139, 1, [0, 0, 4, 3], [[0, 0, 4, 0, 4, 3, 0, 3]]),
        (139, 1, [4, 0, 4, 3], [[4, 0, 6, 0, 6, 3, 4, 3], [6, 0, 8, 0, 8, 3, 6, 3]]),
        (139, 90, [1, 1, 2, 2], [[1, 1, 3, 1, 3, 3, 1, 3]]),
        (139, 15, [3.5, 2, 1.5, 0], [[3.5, 2, 3.5, 2, 5, 2, 5, 2]]),
        # a crowd: of each column the third pixel
        (285, 15, [0, 2, 8, 1], {"size": [6, 8], "counts": [2, 1, *[5, 1] * 7, 3]}),
        # the two columns on the left, as text: 0 zeros, 12 ones and 36 zeros
        (724, 1, [0, 0, 2, 6], {"size": [6, 8], "counts": "0<T1"}),
        (724, 15, [4, 0, 2, 6], [[4, 0, 6, 0, 6, 6, 4, 6]]),
    ]
    ids = (139, 285, 632, 724)
    names = {id_: f"{id_:012d}.jpg" for id_ in ids}
    listed = [{"id": id_, "file_name": names[id_], "height": 6, "width": 8} for id_ in ids]
    annotations = [
        {
            "id": number,
            "image_id": image,
            "category_id": category,
            "bbox": box,
            "segmentation": segmentation,
            "iscrowd": int(isinstance(segmentation, dict)),
        }
        for number, (image, category, box, segmentation) in enumerate(objects)
    ]
    categories = [
        {"id": id_, "name": name, "supercategory": "any"}
        for id_, name in ((1, "person"), (15, "bench"), (90, "toothbrush"))
    ]
    instances = {"images": listed, "annotations": annotations, "categories": categories}
    captions = [{"id": 1, "image_id": 139, "caption": "Two persons."}]
    texts = {"images": listed, "annotations": captions}
    return {f"val2017/{names[id_]}": jpeg(photograph("coco", id_, (6, 8))) for id_ in ids} | {
        "annotations/captions_val2017.json": json.dumps(texts).encode(),
        "annotations/instances_val2017.json": json.dumps(instances).encode(),
    }
