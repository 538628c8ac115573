"""The encoders that the command `extract` is given: in its own line, and in a list of lines."""

import argparse
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from interpreting_clip.commands.given_files import read_names
from interpreting_clip.errors import InputError


@dataclass(frozen=True)
class GivenEncoder:
    """An encoder in words: its name or file, and its own options."""

    words: str
    backbone: str | None = None
    random: int | None = None
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the words as a line of a list has them."""
        words = [self.words]
        words += [] if self.backbone is None else ["--backbone", self.backbone]
        words += [] if self.random is None else ["--random", str(self.random)]
        words += [word for key in self.keys for word in ("--with", key)]
        return shlex.join(words)


class LineParser(argparse.ArgumentParser):
    """A parser of one line of a list, whose error does not end the process."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong."""
        raise InputError(message)


def add_encoder_options(add: Callable[..., Any]) -> None:
    """Add the options of a single encoder."""
    add("--backbone", metavar="NAME", help="the architecture of a file of weights")
    add("--random", metavar="SEED", type=int, help="draw random weights")
    add(
        "--with",
        metavar="KEY=VALUE",
        dest="keys",
        action="append",
        default=[],
        help="set another key of a weights entry: revision; for a weights file also state, prefix, "
        "head_name, normalize_features, classes, mean, std, resize, interpolation",
    )


def given_encoders(words: list[str], options: argparse.Namespace) -> list[GivenEncoder]:
    """Return the encoders of the command line, then those of its list.

    Raises
    ------
    InputError
        There is none, one comes twice, a line of the list is not an encoder, or the options of one
        encoder are given for several.
    """
    own = options.backbone, options.random, tuple(options.keys)
    several = len(words) > 1 or options.list is not None
    if several and own != (None, None, ()):
        raise InputError(
            "--backbone, --random and --with are options of one encoder; write each of several "
            "into a --list FILE, one a line with its own options"
        )
    given = [GivenEncoder(one, *own) for one in words]
    given += [] if options.list is None else read_list(options.list)
    for number, one in enumerate(given):
        if one in given[:number]:
            raise InputError(f"{one}: this encoder is given twice; remove one")
    return given


def read_list(file: Path) -> list[GivenEncoder]:
    """Read a text with an encoder in each line, with its own options; `#` begins a comment."""
    parser = LineParser(add_help=False, allow_abbrev=False)
    parser.add_argument("words", metavar="ENCODER")
    add_encoder_options(parser.add_argument)
    given = []
    for number, line in enumerate(read_names(file), start=1):
        try:
            if words := shlex.split(line, comments=True):
                one = parser.parse_args(words)
                given.append(GivenEncoder(one.words, one.backbone, one.random, tuple(one.keys)))
        except (InputError, ValueError) as error:
            raise InputError(
                f"{file}: line {number}: {error}; expected an encoder and its own options, such as "
                "mine.pt --backbone timm:resnet50"
            ) from None
    if not given:
        raise InputError(f"{file}: expected an encoder in each line, got none")
    return given
