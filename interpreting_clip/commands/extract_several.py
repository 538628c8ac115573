"""The command `extract` for several encoders: a file each, and one decoding of the images."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import safe_open

from interpreting_clip.commands.encoder_list import GivenEncoder
from interpreting_clip.commands.extract_folder import (
    Extraction,
    Run,
    activations_shape,
    failure,
    pass_images,
    prepare,
    read_run,
    require_writable,
    say,
    write_file,
)
from interpreting_clip.commands.given_files import METADATA, require_folder
from interpreting_clip.encoders.heads import prompt_templates
from interpreting_clip.errors import InputError, listed, one_line
from interpreting_clip.formats.array_files import read_safetensors
from interpreting_clip.formats.files import file_digest

LONGEST_NAME = 150
"""The most characters of a file's name before its suffix; file systems allow 255."""


def extract_several(given: Sequence[GivenEncoder], options: argparse.Namespace) -> None:
    """Write the file of each encoder; what exists is kept, and what fails is named at the end.

    Raises
    ------
    InputError
        The options are wrong, a file was made otherwise or is not ours, an image is damaged, or an
        encoder failed, which keeps no other from its file.
    """
    folder = options.to
    if folder.suffix and not folder.is_dir():
        raise InputError(
            f"--to {folder}: several encoders need a folder for their files, got the name of a "
            "file; leave out its suffix"
        )
    require_folder(folder)
    run, todo = read_run(options), list[tuple[GivenEncoder, Path]]()
    for one, name in zip(given, file_names(given), strict=True):
        out = folder / f"{name}.safetensors"
        require_writable(out)
        if not out.exists():
            todo.append((one, out))
            continue
        if other := difference(out, one, run):
            raise InputError(
                f"{out}: made otherwise than asked for: {other}; remove the file, or name another "
                "folder"
            )
        say(str(out), "kept, with the same encoder, options and names of images")
    failed = list[GivenEncoder]()
    try:
        compute(todo, failed, run)
    except KeyboardInterrupt:
        complete = sum((folder / f"{name}.safetensors").exists() for name in file_names(given))
        raise KeyboardInterrupt(
            f"{complete} of {len(given)} files are complete in {folder}; the same command computes "
            "the others"
        ) from None
    if failed:
        rest = f"the other files are complete in {folder}; " if len(failed) < len(given) else ""
        raise InputError(
            f"{len(failed)} of {len(given)} encoders failed: {listed(failed)}; {rest}the same "
            "command tries these again"
        )
    say(str(folder), f"{len(todo)} files written, {len(given) - len(todo)} kept")


def file_names(given: Sequence[GivenEncoder]) -> list[str]:
    """Return a file's name for each encoder, legal and unique on every file system."""
    plain = [
        re.sub(r"[^\w.]+", "-", str(one), flags=re.ASCII)[-LONGEST_NAME:].strip("-.")
        for one in given
    ]
    # Some file systems do not tell capitals from small letters.
    folded = [name.casefold() for name in plain]
    same = [folded[:n].count(name) for n, name in enumerate(folded)]
    return [f"{name}--{n + 1}" if n else name for name, n in zip(plain, same, strict=True)]


def difference(file: Path, given: GivenEncoder, run: Run) -> str:
    """Return how a file of ours was made otherwise than asked for; nothing if it was not."""
    read_safetensors(file, "it is damaged; remove it")
    with safe_open(file, "numpy") as stored:
        there = msgspec.json.decode(stored.metadata()[METADATA])
    asked = {"encoder": str(given), **run.settings}
    if "templates" in there:
        asked["templates"] = prompt_templates(run.templates)
    for key in dict.fromkeys([*asked, *there]):
        if key not in ("card", "layers") and there.get(key) != asked.get(key):
            return f"{key.replace('_', ' ')}: {first_difference(there.get(key), asked.get(key))}"
    origin = there["card"].get("origin") or {}
    if given.backbone and Path(given.words).is_file():
        digest = file_digest(Path(given.words))
        if origin.get("sha256") != digest:
            return f"the weights had the SHA-256 {origin.get('sha256')}, now {digest}"
    return ""


def first_difference(there: Any, asked: Any) -> str:
    """Describe how two values of the metadata differ, in a few words."""
    if isinstance(there, list) and isinstance(asked, list):
        if len(there) != len(asked):
            return f"{len(there):,} there, {len(asked):,} asked for"
        pairs = zip(there, asked, strict=True)
        there, asked = next(pair for pair in pairs if pair[0] != pair[1])
    if isinstance(there, dict) and isinstance(asked, dict) and there.keys() == asked.keys():
        key = next(key for key in there if there[key] != asked[key])
        return f"{key}: {first_difference(there[key], asked[key])}"
    short = (listed([*one], 3) if isinstance(one, dict | list) else one for one in (there, asked))
    old, new = ("none" if one is None else one for one in short)
    return f"{old} there, {new} asked for"


def compute(
    todo: Sequence[tuple[GivenEncoder, Path]], failed: list[GivenEncoder], run: Run
) -> None:
    """Load encoders as far as memory allows, compute and write these, and go on with the next.

    Those that fail are added to `failed`.
    """
    limits, group = memory_limits(run.machine.device), list[Extraction]()
    for given, out in todo:
        say(str(given), f"for {out}")
        try:
            one = prepare(given, out, run)
        except BrokenPipeError:  # of what was printed
            raise
        except (InputError, OSError, torch.OutOfMemoryError) as error:
            report_failure(given, error, failed)
            continue
        if group and not fits([*group, one], limits, run):
            say(
                "memory",
                f"holds {len(group)} of these encoders; images are decoded again for others",
            )
            finish(group, failed, run)
            group = []
        group.append(one)
    finish(group, failed, run)


def finish(group: Sequence[Extraction], failed: list[GivenEncoder], run: Run) -> None:
    """Compute the activations of a group and write its files."""
    for name, shift in run.shifts.items():
        pass_images(group, shift, f"shifts.{name}.activations", run)
    pass_images(group, run.images, "activations", run)
    for one in group:
        if one.error is not None:
            report_failure(one.given, one.error, failed)
        else:
            write_file(one, run)


def report_failure(given: GivenEncoder, error: Exception, failed: list[GivenEncoder]) -> None:
    """Print why an encoder failed, and add it to the list."""
    why = failure(error).removeprefix(f"{given.words}: ")
    sys.stderr.write(f"{one_line(f'failed: {given}: {why}')}\n")
    failed.append(given)


def memory_limits(device: str) -> tuple[int, int | None]:
    """Return the bytes to use of this machine's memory, and of a GPU's if it has its own.

    A quarter of all memory, since systems count what they cache from files as used; and half of
    what is free on the GPU, since forward passes need some, too.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4
    if torch.device(device).type != "cuda":
        return memory, None
    return memory, torch.cuda.mem_get_info(torch.device(device))[0] // 2


def fits(group: Sequence[Extraction], limits: tuple[int, int | None], run: Run) -> bool:
    """Return whether the towers and activations of encoders fit into memory together."""
    weights = sum(
        tensor.nbytes for one in group for tensor in one.encoder.visual.state_dict().values()
    )
    folders = (run.images, *run.shifts.values())
    rows = sum(
        4 * images * width
        for one in group
        for images, width in (activations_shape(one, folder) for folder in folders)
    )
    memory, gpu = limits
    return rows + weights <= memory if gpu is None else rows <= memory and weights <= gpu
