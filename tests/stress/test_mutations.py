"""Damaged files of every format that stages read: a result or one line, whatever was hit.

Each format begins with a small whole file, which is damaged 1,000 times and read by the function
that a stage reads it with. A case that fails names its seed. One that crashes the interpreter or
hangs it leaves the damaged file in its temporary folder.
"""

import contextlib
import faulthandler
import functools
import io
import json
import resource
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save
from scipy.io import savemat

from interpreting_clip.config.datasets import ImageNet, ImageNetA, ImageNetCaptions, ObjectNet
from interpreting_clip.config.params import Params
from interpreting_clip.config.syntax import illegal_syntax, load_tree
from interpreting_clip.datasets import card as dataset_card
from interpreting_clip.datasets import class_folders
from interpreting_clip.datasets.broden.labels import concept_presence
from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.captions import image_captions, read_captions
from interpreting_clip.datasets.class_folders import (
    CLASSES,
    FOLDERS,
    ILSVRC_IDS,
    META,
    SOLUTION,
    SYNSETS,
    folder_classes,
    folder_files,
)
from interpreting_clip.datasets.imagenet import published_set, read_imagenet_classes
from interpreting_clip.datasets.images import decode_image, image_extension
from interpreting_clip.datasets.parquet import parquet_classes, parquet_images
from interpreting_clip.datasets.shards import open_shards, write_images
from interpreting_clip.datasets.webdataset import check_classnames, shard_images, shard_labels
from interpreting_clip.downloads.archives import PASSWORD, iterate_archive
from interpreting_clip.encoders import weights
from interpreting_clip.encoders.checkpoints import read_checkpoint
from interpreting_clip.encoders.encoder import clip_encoder, copy_state, load_encoder, save_encoder
from interpreting_clip.encoders.open_clip_models import build_clip
from interpreting_clip.encoders.state_dicts import Choice, Wanted, find_tower
from interpreting_clip.encoders.tokenizer import build_vocabulary, open_clip_tokens
from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats import saved_activations
from interpreting_clip.formats.arrays import read_tensors, require_finite, write_tensors
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.json import read_json
from interpreting_clip.formats.published_accuracies import (
    TESTBED,
    accuracy_fractions,
    standard_models,
)
from interpreting_clip.formats.saved_heads import read_head, write_head
from interpreting_clip.formats.tables import read_curve, read_table
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.kurtosis import Settings
from interpreting_clip.published.findings import Findings
from interpreting_clip.published.sources import FOLDER as PUBLISHED
from interpreting_clip.published.sources import read_published
from interpreting_clip.training.callbacks import FILE, Checkpoint
from page.published_results import Published
from page.published_tables import PUBLISHED_COLUMNS
from page.replicas import read_replicas, training_settings
from page.results import LayerComparison, Series, read_result
from runner.fingerprint import (
    LOCKED,
    RECORDED,
    locked_versions,
    recorded_fingerprints,
)
from runner.machine_settings import PREFIX, Machine, read_machine
from runner.outputs import (
    Inputs,
    require_checksums,
    write_checksums,
    write_contents,
)
from tests.integration.datasets.test_fetch_parquet import file as parquet_file
from tests.integration.datasets.test_fetch_parquet import imagenet, table
from tests.integration.downloads.encrypted_zip import encrypted_zip
from tests.reads import ROOT
from tests.stress.mutations import damaged
from tests.unit.datasets.broden.conftest import TABLES, write_broden1
from tests.unit.datasets.conftest import card, photo, saved, tar, write_files
from tests.unit.datasets.test_class_folders import SOLUTION_ROWS, SYNSET_LINES, meta
from tests.unit.encoders.conftest import TINY, small_backbone
from tests.unit.page.conftest import comparison, encoder_metrics, encoder_series
from tests.unit.page.made_published import card as model_card
from tests.unit.page.made_published import made, made_findings

CASES, SECONDS, MEMORY = 1000, 300, 2**30


class Format(NamedTuple):
    """A whole file, and what reads it. `seal` mends checksums that would catch every damage."""

    file: Path
    read: Callable[[Path], object]
    text: bool = False
    seal: Callable[[bytes], bytes] = bytes
    cases: int = CASES


Build = Callable[[Path], Format]
"""Writes a whole file into a folder, with what lies beside it."""


@pytest.fixture
def bounded() -> Iterator[None]:
    """End a format that hangs, or takes more than `MEMORY`; twice that may be reserved."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resource.setrlimit(resource.RLIMIT_AS, (size + 2 * MEMORY, hard))
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY / 1024


def outcome(whole: Format) -> str:
    """Return what a reader says to a file, one line, or nothing where it has a result."""
    try:
        whole.read(whole.file)
    except InputError as error:
        assert "\n" not in str(error), f"more than one line: {error}"
        return str(error)
    return ""


# Weights of others


WEIGHTS = {"0.weight": torch.ones(2, 3), "0.bias": torch.zeros(2), "1.scale": torch.ones(())}


class Scale(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))


MODULE = torch.nn.Sequential(torch.nn.Linear(3, 2), Scale())


def read_weights(file: Path) -> None:
    states = read_checkpoint(file, "zoo/mine.pt")
    wanted = Wanted("zoo/mine.pt", "tiny", MODULE.state_dict(), 2)
    copy_state(MODULE, find_tower(states, wanted, Choice()).tower(), "zoo/mine.pt", "get another")


def pickled(content: object, **options: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, **options)
    return stream.getvalue()


def weights_of_others(content: bytes, seal: Callable[[bytes], bytes] = bytes) -> Build:
    def build(folder: Path) -> Format:
        (folder / "mine.pt").write_bytes(content)
        return Format(folder / "mine.pt", read_weights, seal=seal)

    return build


def torchscript() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mine/code/__torch__.py", "class Net: ...")
        archive.writestr("mine/data.pkl", b"")
    return stream.getvalue()


def zipped_pickle(pickle: bytes) -> bytes:
    """Return a checkpoint of torch with another pickle, all checksums right."""
    stream = io.BytesIO()
    whole = zipfile.ZipFile(io.BytesIO(pickled(CHECKPOINT)))
    with zipfile.ZipFile(stream, "w") as archive:
        for name in whole.namelist():
            is_pickle = name.endswith("data.pkl")
            archive.writestr(name, pickle if is_pickle else whole.read(name))
    return stream.getvalue()


def inner_pickle(folder: Path) -> Format:
    whole = zipfile.ZipFile(io.BytesIO(pickled(CHECKPOINT)))
    name = next(name for name in whole.namelist() if name.endswith("data.pkl"))
    (folder / "mine.pt").write_bytes(whole.read(name))
    return Format(folder / "mine.pt", read_weights, seal=zipped_pickle)


CHECKPOINT = {"epoch": 3, "state_dict": WEIGHTS}


# Files of ours


def our_arrays(folder: Path) -> Format:
    def read(file: Path) -> None:
        for name, array in read_tensors(file, "a", "b").items():
            require_finite(array, name)

    arrays = {"a": np.ones((3, 2), np.float32), "b": np.arange(4), "c": np.zeros((0, 2))}
    write_tensors(folder / "some.safetensors", arrays)
    return Format(folder / "some.safetensors", read)


def our_activations(folder: Path) -> Format:
    values, classes = np.ones((3, 2), np.float32), np.arange(3)
    aliases = {5: 1, 6: 2}
    saved_activations.write_activations(
        folder, "imagenet_a", values, classes=classes, class_indices=classes, aliases=aliases
    )
    return Format(
        folder / "imagenet_a.safetensors",
        lambda file: saved_activations.read_activations(file.parent, file.stem),
    )


def header_of(build: Build) -> Build:
    """Return the JSON of a safetensors file alone, which is damaged, then given its length."""

    def header(folder: Path) -> Format:
        file, read, *_ = build(folder)
        content = file.read_bytes()
        end = 8 + int.from_bytes(content[:8], "little")
        file.write_bytes(content[8:end])

        def seal(header: bytes) -> bytes:
            return len(header).to_bytes(8, "little") + header + content[end:]

        return Format(file, read, text=True, seal=seal)

    return header


def card_of_shifts(folder: Path) -> Format:
    saved_activations.write_card(folder, "linear", 3, ["imagenet_a", "imagenet_r"])
    return Format(
        folder / "card.json", lambda file: saved_activations.read_shifts(file.parent), text=True
    )


def our_head(name: str) -> Build:
    def build(folder: Path) -> Format:
        write_head(folder, Head(np.ones((3, 2), np.float32), np.zeros(3), True), "trained")
        text = name.endswith("json")
        return Format(folder / name, lambda file: read_head(file.parent, 2), text=text)

    return build


def our_checkpoint(folder: Path) -> Format:
    def read(file: Path) -> None:
        with contextlib.redirect_stderr(io.StringIO()) as said:
            found = Checkpoint(file.parent).load()
        if found is None:
            assert said.getvalue().count("\n") == 1
            raise InputError(said.getvalue().rstrip())

    checkpoint = Checkpoint(folder)
    checkpoint.save({"w": torch.ones(2, 3), "n": torch.tensor(7)}, {"step": 3})
    checkpoint.finish()
    return Format(folder / FILE, read)


def contents(folder: Path) -> Format:
    (folder / "values.json").write_text("{}")
    (folder / "below").mkdir()
    (folder / "below/more.json").write_text("[]")
    write_contents(folder)
    return Format(folder / "contents.json", lambda file: read_output(file.parent), text=True)


def read_output(folder: Path) -> Path:
    name = folder.as_posix()
    return Inputs([name], [name])[name]


def checksums(folder: Path) -> Format:
    result = folder / "values.json"
    result.write_text("{}")
    write_checksums(folder / "values.sha256", {str(result): result})
    return Format(folder / "values.sha256", lambda file: require_checksums(file, result), text=True)


def card_of_dataset(folder: Path) -> Format:
    dataset_card.write_card(card({"shard-00000.tar": 64 * "0"}, 3), folder)
    return Format(folder / "card.json", lambda file: dataset_card.read_card(file.parent), text=True)


def card_of_encoder(folder: Path) -> Format:
    encoder = clip_encoder(small_backbone("vit"), build_vocabulary(["a red fish"]), 0)
    save_encoder(folder, encoder)
    return Format(folder / "encoder.json", lambda file: load_encoder(file.parent), text=True)


def result(kind: type, value: object) -> Build:
    def build(folder: Path) -> Format:
        (folder / "result.json").write_bytes(msgspec.json.encode(value))
        return Format(folder / "result.json", lambda file: read_result(file, kind), text=True)

    return build


def table_of(name: str, text: str, read: Callable[[Path], object]) -> Build:
    def build(folder: Path) -> Format:
        (folder / name).write_text(text)
        return Format(folder / name, read, text=True)

    return build


def reference(name: str, lines: int, read: Callable[[Path], object]) -> Build:
    """Return a table of published figures, its first lines, beside the others."""

    def build(folder: Path) -> Format:
        for file in (*(ROOT / "data/reference").glob("*.csv"), ROOT / TESTBED):
            (folder / file.name).write_bytes(file.read_bytes())
        text = (folder / name).read_text().splitlines(keepends=True)
        (folder / name).write_text("".join(text[:lines]))
        if (
            name == "imagenet_classes.csv"
        ):  # ObjectNet's indices are higher than those that are left
            (folder / "objectnet_to_imagenet.csv").write_text("folder,label,imagenet_indices\n")
        return Format(folder / name, read, text=True)

    return build


def accuracies(models: Callable[[Path], Any]) -> Callable[[Path], object]:
    return lambda file: accuracy_fractions(models(file), "imagenet_r")


def source(name: str) -> Build:
    """Return a file of published accuracies, which are those of two sources and four models."""

    def build(folder: Path) -> Format:
        for kept in ("openclip", "openclip_scaling"):
            text = (ROOT / PUBLISHED / f"{kept}.csv").read_text().splitlines(keepends=True)
            rows = [row for row in text if row.startswith(("model,", "ViT-B-16/", "ViT-B-32/o"))]
            (folder / f"{kept}.csv").write_text("".join(rows))
            (folder / f"{kept}.yaml").write_bytes((ROOT / PUBLISHED / f"{kept}.yaml").read_bytes())
        same = (ROOT / PUBLISHED / "same_models.csv").read_text().splitlines(keepends=True)
        rows = [row for row in same if row.startswith(("source,", "openclip,ViT-B-16/laion2b"))]
        (folder / "same_models.csv").write_text("".join(rows))

        def read(file: Path) -> object:
            found = read_published(file.parent)
            return found.sources, found.models, len(found.same)

        return Format(folder / name, read, text=True)

    return build


def read_classes(file: Path) -> None:
    known = read_imagenet_classes(file.parent)
    for kind in (ImageNet, ImageNetA, ObjectNet):
        published_set(kind(source="folder", folder="x"), known)


def curve(folder: Path) -> Format:
    rows = "step\t{0}\n3\t0.5\n6\t0.25\n"
    names = ("loss", "accuracy", "learning_rate")
    metrics = {f"plots/metrics/{name}.tsv": rows.format(name).encode() for name in names}
    write_files(folder, metrics)
    file = folder / "plots/metrics/loss.tsv"
    return Format(file, lambda file: read_curve(file.parents[2]), text=True)


# Images


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


def sealed_png(data: bytes) -> bytes:
    """Return a damaged PNG with the checksums that its chunks should have."""
    whole, at = bytearray(data), 8
    while at + 12 <= len(whole):
        end = at + 8 + int.from_bytes(whole[at : at + 4], "big")
        whole[end : end + 4] = zlib.crc32(whole[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(whole)


EXIF = Image.Exif()
EXIF.update({0x0112: 6, 0x010F: "a maker", 0x011A: 72.5})
GREY = np.arange(64, dtype=np.uint8).reshape(8, 8)
PICTURE = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
PALETTE = Image.fromarray(PICTURE).quantize(8)
FRAMES = {"save_all": True, "append_images": [Image.fromarray(255 - PICTURE)]}
ADAM7 = ((8, 8, 0), (8, 8, 4), (4, 8, 0), (4, 4, 2), (2, 4, 0), (2, 2, 1), (1, 2, 0))
PASSES = [GREY[::8, ::8], GREY[::8, 4::8], GREY[4::8, ::4], GREY[::4, 2::4], GREY[2::4, ::2]]
PASSES += [GREY[::2, 1::2], GREY[1::2]]
INTERLACED = png(
    (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 1)),
    (b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for part in PASSES for row in part))),
    (b"IEND", b""),
)
PNGS = {
    "rgb": saved(PICTURE, "PNG"),
    "16 bits": saved(GREY.astype(np.uint16) * 999, "PNG"),
    "palette": saved(PALETTE, "PNG", transparency=b"\0\x80"),
    "alpha": saved(np.dstack([PICTURE, GREY]), "PNG"),
    "interlaced": INTERLACED,
    "animated": saved(PICTURE, "PNG", **FRAMES),
    "text": saved(PICTURE, "PNG", exif=EXIF, icc_profile=b"x" * 200),
}
IMAGES = {
    "jpeg": saved(PICTURE, "JPEG"),
    "jpeg progressive": saved(PICTURE, "JPEG", progressive=True),
    "jpeg cmyk": saved(Image.fromarray(PICTURE).convert("CMYK"), "JPEG"),
    "jpeg exif": saved(PICTURE, "JPEG", exif=EXIF, comment=b"x"),
    "gif": saved(PALETTE, "GIF"),
    "gif animated": saved(PICTURE, "GIF", transparency=1, **FRAMES),
    "bmp": saved(PICTURE, "BMP"),
    "bmp palette": saved(PALETTE, "BMP"),
    "bmp 1 bit": saved(Image.fromarray(GREY > 32), "BMP"),
    "webp": saved(PICTURE, "WEBP"),
    "webp lossless": saved(PICTURE, "WEBP", lossless=True),
    "webp animated": saved(PICTURE, "WEBP", **FRAMES),
}


def image(content: bytes, seal: Callable[[bytes], bytes] = bytes) -> Build:
    def read(file: Path) -> None:
        data = file.read_bytes()
        if image_extension(data) is None:  # as `fetch` refuses it
            raise InputError(f"{file}: no image")
        decode_image(data, "photo.png")

    def build(folder: Path) -> Format:
        (folder / "photo.png").write_bytes(content)
        return Format(folder / "photo.png", read, seal=seal)

    return build


# Archives and shards


FILES = {"n01440764/a.JPEG": photo(1), "n01440764/b.JPEG": b"2" * 700, "readme.txt": b"3"}
INNER = {"n01440764.tar": tar({"a.JPEG": b"1", "b.JPEG": b"2" * 600}), "x.txt": b"3"}


def zipped(method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in (FILES | INNER).items():
            with archive.open(name, "w", force_zip64=name == "x.txt") as member:
                member.write(data)
        archive.comment = b"from its publisher"
    return stream.getvalue()


def of_tar(kind: int) -> bytes:
    """Return a tar with names, sizes and links that need further headers."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=kind) as archive:
        for name in ("n01440764/a.JPEG", "n01440764/" + "é" * 120 + ".JPEG"):
            member = tarfile.TarInfo(name)
            member.size, member.uname = 3, "é"
            member.pax_headers = {"comment": "x", "mtime": "1.5"}
            archive.addfile(member, io.BytesIO(b"abc"))
    return stream.getvalue()


def sealed_tar(data: bytes) -> bytes:
    """Return a damaged tar in which each block that may be a header has its checksum."""
    whole = bytearray(data)
    for at in range(0, len(whole) - 511, 512):
        block = whole[at : at + 512]
        if block[257:262] == b"ustar" or (any(block) and not block[148:156].strip(b"\0 01234567")):
            block[148:156] = b" " * 8
            whole[at + 148 : at + 156] = b"%06o\0 " % sum(block)
    return bytes(whole)


def archive(content: bytes, seal: Callable[[bytes], bytes] = bytes) -> Build:
    def read(file: Path) -> None:
        for _ in iterate_archive(file, "https://x/a.tar", lambda name: not name.endswith("txt")):
            pass

    def build(folder: Path) -> Format:
        (folder / "a.tar").write_bytes(content)
        return Format(folder / "a.tar", read, seal=seal)

    return build


def our_shard(folder: Path) -> Format:
    """A shard of ours with the digest of its damaged self on the card."""
    images = [(saved(PICTURE, "PNG"), row % 2 * 2, f"a caption {row}") for row in range(3)]
    write_images(images, 3, folder)

    def read(file: Path) -> None:
        shards = {file.name: file_digest(file)}
        dataset_card.write_card(card(shards, 3), folder)
        with open_shards(folder) as dataset:
            vocabulary = build_vocabulary(dataset.captions or [])
            dataset.load()
        vocabulary.encode(dataset.captions or [], 8)

    return Format(folder / "shard-00000.tar", read, seal=sealed_tar)


SHARD = {
    **{"a.cls": b"1", "a.jpg": photo(1), "a.json": b'{"filename": "n01443537_1.JPEG"}'},
    **{"a.txt": b"a fish", "b.cls": b"2", "b.jpg": photo(2), "b.txt": b"a shark"},
}


def shard_of_others(folder: Path) -> Format:
    published = published_set(ImageNet(source="folder", folder="x"), KNOWN)

    def read(file: Path) -> None:
        with error_context("here", ValueError):
            shard_labels({"0.tar": file}, published, "here")
            for one in shard_images({"0.tar": file}, "here")(lambda _: True):
                one.read()

    (folder / "0.tar").write_bytes(tar(SHARD))
    return Format(folder / "0.tar", read, seal=sealed_tar)


def parquet_of_others(folder: Path) -> Format:
    """The labels have no names, which would be most of the file."""

    def read(file: Path) -> None:
        with error_context("here", ValueError):
            classes = parquet_classes({"0.parquet": file}, ILSVRC, "here", numbered=True)
            for one in parquet_images({"0.parquet": file}, "here")(classes.__contains__):
                one.read()

    rows = table(imagenet(*range(9)), None)
    (folder / "0.parquet").write_bytes(parquet_file(rows, write_page_checksum=True))
    return Format(folder / "0.parquet", read)


# Tables of others


KNOWN = read_imagenet_classes(ROOT / "data/reference")
VALIDATION = {f"val/ILSVRC2012_val_0000000{n}.JPEG": b"" for n in (1, 2, 3)}
OBJECTNET = published_set(ObjectNet(source="folder", folder="x"), KNOWN)
ILSVRC = published_set(ImageNet(source="folder", folder="x"), KNOWN)


def ground_truth(name: str, content: bytes, published: Any = ILSVRC, **beside: bytes) -> Build:
    def read(file: Path) -> None:
        with error_context("here", ValueError):
            folder_classes(folder_files(file.parent), published)

    def build(folder: Path) -> Format:
        images = VALIDATION if published is ILSVRC else {}
        write_files(folder, images | beside | {name: content})
        if name == META:  # each is read in a process of its own
            return Format(folder / name, read, cases=CASES // 5)
        return Format(folder / name, read, text=True)

    return build


def quiet_fork(_: str) -> BaseContext:
    """Return how a process is started soon, which says nothing when it crashes."""
    faulthandler.disable()
    return get_context("fork")


def compressed_meta() -> bytes:
    form = [(name, "O") for name in ("ILSVRC2012_ID", "WNID", "words", "num_children")]
    stream = io.BytesIO()
    table = np.array([(1, "n01440764", "a word", 0), (2, "n00001740", "entity", 3)], form)
    savemat(stream, {"synsets": table}, do_compression=True)
    return stream.getvalue()


def recompressed(data: bytes) -> bytes:
    """Return a damaged matrix of a `meta.mat` in a compressed element of the file."""
    packed = zlib.compress(data)
    return meta(("n01440764",))[:128] + struct.pack("<II", 15, len(packed)) + packed


def compressed_matrix(folder: Path) -> Format:
    wnids = ("n01751748", "n09193705", "n01440764")
    file, read, *_ = ground_truth(META, meta(wnids)[128:], **{ILSVRC_IDS: b"1\n2\n3\n"})(folder)
    return Format(file, read, seal=recompressed, cases=CASES // 5)


def mappings() -> dict[str, bytes]:
    labels = dict(zip(sorted(OBJECTNET.folders), OBJECTNET.names, strict=True))
    return {
        FOLDERS: json.dumps(labels).encode(),
        CLASSES: json.dumps(dict.fromkeys(labels.values(), "x")).encode(),
    }


def class_names(folder: Path) -> Format:
    def read(file: Path) -> None:
        with error_context("here", ValueError):
            check_classnames(file.read_bytes(), ILSVRC)

    (folder / "classnames.txt").write_text("\n".join(ILSVRC.names))
    return Format(folder / "classnames.txt", read, text=True)


def captions(folder: Path) -> Format:
    published = published_set(ImageNetCaptions(source="folder", folder="x", captions="x"), KNOWN)
    classes = {"n01440764/a.JPEG": 0, "n01443537/b.JPEG": 1}
    entries = [
        {"filename": "a.JPEG", "title": "a fish", "tags": ["x", "y"], "wnid": "n01440764"},
        {"filename": "b.JPEG", "title": "é", "description": "a\nb", "wnid": "n01443537"},
    ]

    def read(file: Path) -> None:
        found = read_captions(file)
        with error_context("here", ValueError):
            texts = image_captions(classes, found, published, partial=True)
        for text in texts.values():
            text.encode()  # as it is written

    (folder / "captions.json").write_text(json.dumps(entries, ensure_ascii=False))
    return Format(folder / "captions.json", read, text=True)


def broden(name: str) -> Build:
    def read(file: Path) -> None:
        with open_broden(file.parents[name.count("/")]) as probe:
            if name in ("index.csv", A_MAP):
                concept_presence(probe, 0.1)

    def build(folder: Path) -> Format:
        write_broden1(folder)
        return Format(folder / name, read, text=name != A_MAP)

    return build


A_MAP = "images/ade20k/a_part_1.png"


# Settings


STUDY = """\
study: {name: "a study", description: first}  # of two
kurtosis:
  outlier_sigma: 6.0
  sweep: [0.1, 0.5]
  outlier_share: 1.0e-2
  resamples: 200
  seed: 0
  confidence: 0.95
since: 2024-01-31
"""
MACHINE = "device: cpu\nbatch_size: 8\nworkers: 2\nfolders: .\nmirror: https://me:secret@host/a\n"


def read_study(file: Path) -> None:
    if lines := list(illegal_syntax(file)):
        raise InputError(lines[0])
    params = Params(file)
    params.read("kurtosis", Settings)
    params.read("study", Any)


def hub_config(folder: Path) -> Format:
    settings = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic"}
    small = {"text_cfg": TINY.config["text_cfg"] | {"vocab_size": 8}}
    config = {"model_cfg": TINY.config | small, "preprocess_cfg": settings}
    (folder / weights.CONFIG).write_text(json.dumps(config))

    def read(_: Path) -> None:
        architecture, found = weights.hub_settings("hf-hub:me/clip", "c" * 40, Machine())
        weights.open_clip_preprocess(found, "hf-hub:me/clip")
        with torch.device("meta"):
            build_clip(architecture, None, 0)

    return Format(folder / weights.CONFIG, read, text=True)


def versions(folder: Path) -> Format:
    for name in (LOCKED, RECORDED):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    return Format(
        folder / LOCKED, lambda file: locked_versions(["numpy", "torch"], file.parent), text=True
    )


TESTBED_ROWS = 8
RNG = np.random.default_rng(0)
KEY = "rn_web_broad"
MINIATURE = load_tree(ROOT / "params.yaml")
SETTINGS = training_settings(KEY, MINIATURE)
FORMATS: dict[str, Build] = {
    "torch zip": weights_of_others(pickled(CHECKPOINT)),
    "torch zip, its pickle": inner_pickle,
    "torch legacy": weights_of_others(pickled(CHECKPOINT, _use_new_zipfile_serialization=False)),
    "torchscript": weights_of_others(torchscript()),
    "safetensors of others": weights_of_others(save(WEIGHTS)),
    "arrays": our_arrays,
    "arrays, their header": header_of(our_arrays),
    "activations": our_activations,
    "activations, their header": header_of(our_activations),
    "shifts": card_of_shifts,
    "head": our_head("head.safetensors"),
    "head, its card": our_head("card.json"),
    "checkpoint": our_checkpoint,
    "contents.json": contents,
    "checksums": checksums,
    "card of a dataset": card_of_dataset,
    "card of an encoder": card_of_encoder,
    "series": result(Series, encoder_series(KEY, RNG) | {"measures": encoder_metrics(KEY, RNG)}),
    "comparison": result(LayerComparison, comparison("rn_web_broad", "vit_web_broad")),
    "published": result(Findings, msgspec.to_builtins(made_findings())),
    "published models": result(
        Published, msgspec.to_builtins(made(model_card("a/b", "zero_shot", 60.0, 9.0)))
    ),
    "json": table_of("x.json", '{"a": [1, 2.5, null], "b": {"c": "d\\u00e9"}}', read_json),
    "csv of replicas": table_of(
        "replicas.csv",
        "encoder,seed,settings,code,kurtosis.kurtosis\n"
        + "".join(f"{KEY},{seed},{SETTINGS},x,2.{seed}\n" for seed in range(3)),
        lambda file: read_replicas(file, MINIATURE, {}),
    ),
    "csv of published": table_of(
        "published.csv",
        ",".join(PUBLISHED_COLUMNS) + "\n" + ",".join("1" for _ in PUBLISHED_COLUMNS) + "\n",
        lambda file: read_table(file, PUBLISHED_COLUMNS),
    ),
    "testbed": reference(
        "imagenet_testbed_accuracies.csv", TESTBED_ROWS, accuracies(standard_models)
    ),
    "published csv": source("openclip.csv"),
    "published yaml": source("openclip.yaml"),
    "same models": source("same_models.csv"),
    "classes": reference("imagenet_classes.csv", 9, read_classes),
    "objectnet": reference("objectnet_to_imagenet.csv", 9, read_classes),
    "curve": curve,
    "png": image(PNGS["rgb"]),
    **{f"png {name}, sealed": image(content, sealed_png) for name, content in PNGS.items()},
    **{name: image(content) for name, content in IMAGES.items()},
    "tar": archive(tar(FILES | INNER)),
    "tar, sealed": archive(tar(FILES | INNER), sealed_tar),
    "tar of gnu": archive(of_tar(tarfile.GNU_FORMAT), sealed_tar),
    "tar of posix": archive(of_tar(tarfile.PAX_FORMAT), sealed_tar),
    "tar.gz": archive(tar(FILES, "w:gz")),
    "tar.bz2": archive(tar(FILES, "w:bz2")),
    "tar.xz": archive(tar(FILES, "w:xz")),
    "zip": archive(zipped()),
    "zip stored": archive(zipped(zipfile.ZIP_STORED)),
    "zip bzip2": archive(zipped(zipfile.ZIP_BZIP2)),
    "zip lzma": archive(zipped(zipfile.ZIP_LZMA)),
    "zip encrypted": archive(encrypted_zip(FILES, b"secret")),
    "our shard": our_shard,
    "shard of others": shard_of_others,
    "parquet of others": parquet_of_others,
    "ilsvrc ids": ground_truth(
        ILSVRC_IDS, b"3\n1\n2\n", **{META: meta(("n01751748", "n09193705", "n01440764"))}
    ),
    "solution": ground_truth(SOLUTION, SOLUTION_ROWS),
    "synsets": ground_truth(SYNSETS, SYNSET_LINES),
    "folders of objectnet": ground_truth(FOLDERS, mappings()[FOLDERS], OBJECTNET),
    "classes of objectnet": ground_truth(CLASSES, mappings()[CLASSES], OBJECTNET),
    "classnames": class_names,
    "captions": captions,
    **{f"broden {name}": broden(name) for name in TABLES if name[:2] != "c_"},
    "broden c_part.csv": broden("c_part.csv"),
    "broden, a label map": broden(A_MAP),
    "params.yaml": table_of("params.yaml", STUDY, read_study),
    "compute.yaml": table_of("compute.yaml", MACHINE, read_machine),
    "code.json": table_of(
        "code.json", '{"cka": "0123456789ab", "fetch_hub": "0123456789ab"}', recorded_fingerprints
    ),
    "constraints.txt": versions,
    "open_clip's config": hub_config,
    "meta.mat": ground_truth(
        META, meta(("n01751748", "n09193705", "n01440764")), **{ILSVRC_IDS: b"1\n2\n3\n"}
    ),
    "meta.mat compressed": ground_truth(META, compressed_meta(), **{ILSVRC_IDS: b"1\n1\n1\n"}),
    "meta.mat recompressed": compressed_matrix,
}


@pytest.fixture(params=FORMATS)
def whole(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Format:
    """Write a file of each format, with a hub's repository in which it lies."""
    repository = SimpleNamespace(name="me/clip", matching=lambda *_: [weights.CONFIG])
    monkeypatch.setattr(weights, "open_repository", lambda *_: repository)
    monkeypatch.setattr(weights, "download_file", lambda *_: tmp_path / weights.CONFIG)
    monkeypatch.setattr(class_folders, "get_context", quiet_fork)
    monkeypatch.setattr(class_folders, "_meta", functools.cache(class_folders._meta))
    monkeypatch.setenv(PASSWORD, "secret")
    for field in Machine.__struct_fields__:
        monkeypatch.delenv(PREFIX + field.upper(), raising=False)
    return FORMATS[request.param](tmp_path)


@pytest.mark.usefixtures("bounded")
def test_a_damaged_file_gives_a_result_or_one_line(
    whole: Format,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
):
    content, refused = whole.file.read_bytes(), 0
    whole.file.write_bytes(whole.seal(content))
    assert "TorchScript" in (said := outcome(whole)) or not said
    for seed in range(whole.cases):
        whole.file.write_bytes(whole.seal(damaged(content, seed, text=whole.text)))
        try:
            refused += bool(outcome(whole))
            assert not any(capfd.readouterr()), "something was printed"
            assert not caplog.records
        except BaseException as error:
            error.add_note(f"the damage is that of seed {seed}")
            raise
    assert refused > whole.cases / 50


def test_any_text_becomes_tokens():
    whole = "a photo of a fish, \N{LATIN SMALL LETTER E WITH ACUTE} \n 7 &lt;".encode()
    texts = [damaged(whole, seed, text=True).decode(errors="replace") for seed in range(CASES)]
    assert open_clip_tokens({}, texts).shape == (CASES, 77)
    vocabulary = build_vocabulary(texts[::2])
    for text in texts:
        with contextlib.suppress(InputError):  # too many words
            vocabulary.encode([text], 77)
