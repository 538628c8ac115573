"""Files of weights as others wrote them: read without executing anything, down to state dicts.

A pickle names classes and functions, and says what to call them with. torch's restricted reader
(`weights_only`) calls only its own list; a file that also holds its run's arguments, a
configuration or a whole model names others. Each of these names gets a stand-in here: a class that
keeps what it is given and does nothing. So the tensors are read, and no code of the file's choosing
is imported or called.
"""

import pickletools
import re
import warnings
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from errno import EINVAL
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Any

import torch

from interpreting_clip.errors import InputError, require_content

StateDict = Mapping[str, torch.Tensor]
"""Weights by their names in the model."""


IN_ONE_FILE = (
    "Save the weights in one file, in transformers with `save_pretrained(folder, "
    "max_shard_size='100GB')`"
)


def read_checkpoint(file: Path, source: str) -> dict[str, StateDict]:
    """Return the state dicts in a file of weights by the path of keys to each, "" for the whole.

    The content tells the format, since a downloaded file is named by its digest. Nothing in it is
    executed: a pickle is read by torch's restricted reader (`weights_only`), with stand-ins
    for the classes that it does not know; a TorchScript archive, which holds a program, is refused.

    Raises
    ------
    InputError
        The file is damaged, would have to be executed, or holds no weights; names `source` and the
        keys that the file has.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    require_content(file, source)
    try:
        content = load_file(file) if is_safetensors(file) else read_pickle(file, source)
    except SafetensorError as error:
        raise InputError(f"{source}: damaged safetensors ({error}); get the file again") from None
    states = dict(state_dicts(content))
    if not states:
        raise InputError(
            f"{source}: expected a state dict, or a training checkpoint with one under a key such "
            f"as 'state_dict', got {described(content)}; save the model's `state_dict()`"
        )
    return states


def described(content: object) -> str:
    """Return what a file holds in place of weights: its class, or its first and last keys."""
    if isinstance(content, Mapping):
        keys = [f"{key!r} ({type(value).__qualname__})" for key, value in content.items()]
        return f"a mapping of {abridged(keys)}" if keys else "an empty mapping"
    return type(content).__qualname__


def abridged(names: list[str]) -> str:
    """Return names as one text: how many there are, and the first and the last few."""
    shown = names if len(names) <= 6 else [*names[:4], "…", *names[-2:]]
    return f"{len(names):,}: {', '.join(shown)}"


# ---------------------------------------------------------------------------------------------
# State dicts
# ---------------------------------------------------------------------------------------------

NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size")
"""Numbers that OpenAI's state dicts hold in addition to the weights."""


def state_dicts(content: object) -> Iterator[tuple[str, StateDict]]:
    """Yield the state dicts in what a file holds, with the keys that lead to each, joined by dots.

    A state dict is a mapping with tensors; what else it holds, such as the epoch, is left out. A
    whole model, as `torch.save(model, …)` writes it, gives the state dict that it would have. The
    state of an optimiser may look like a state dict; the names decide which of them an encoder
    needs.
    """
    waiting: list[tuple[str, object]] = [("", content)]
    seen: set[int] = set()
    while waiting:
        path, value = waiting.pop(0)
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, StandIn) and is_module(value):
            yield path, dict(module_weights(value))
        if not isinstance(value, Mapping):
            continue
        tensors = {
            str(key): tensor
            for key, tensor in value.items()
            if isinstance(tensor, torch.Tensor) and key not in NOT_WEIGHTS
        }
        if tensors:
            yield path, tensors
        waiting += [
            (f"{path}.{key}" if path else str(key), inner)
            for key, inner in value.items()
            if isinstance(inner, Mapping | StandIn)
        ]


def is_module(value: "StandIn") -> bool:
    """Say whether a stand-in is for a torch module, by its attributes."""
    state = value.state
    return isinstance(state, Mapping) and all(
        isinstance(state.get(group), Mapping) for group in ("_parameters", "_buffers", "_modules")
    )


def module_weights(module: "StandIn") -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the parameters and persistent buffers of a pickled module, as in its `state_dict`."""
    waiting = [("", module)]
    while waiting:
        prefix, here = waiting.pop()
        computed = here.state.get("_non_persistent_buffers_set") or ()
        for name, value in [*here.state["_parameters"].items(), *here.state["_buffers"].items()]:
            if isinstance(value, torch.Tensor) and name not in computed:
                yield f"{prefix}{name}", value
        waiting += [
            (f"{prefix}{name}.", child)
            for name, child in here.state["_modules"].items()
            if isinstance(child, StandIn) and is_module(child)
        ]


# ---------------------------------------------------------------------------------------------
# Formats
# ---------------------------------------------------------------------------------------------


def is_safetensors(file: Path) -> bool:
    """Say whether a file begins as safetensors do: the length of its header, then the header."""
    with file.open("rb") as stream:
        start = stream.read(9)
    return start[8:] == b"{" and 8 + int.from_bytes(start[:8], "little") <= file.stat().st_size


def read_pickle(file: Path, source: str) -> Any:
    """Read what `torch.save` wrote, without executing anything in it.

    Raises
    ------
    InputError
        It is damaged, of another format, or would have to be executed.
    """
    try:
        names = []
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
        with file.open("rb") as stream:
            if stream.read(1) == b"{":
                raise InputError(f"{source}: JSON, as the index of several files. {IN_ONE_FILE}")
        if any(name.endswith(".npy") for name in names):
            raise InputError(
                f"{source}: NumPy's arrays, as big_vision has them, are not read; load them with "
                "`open_clip.convert.load_big_vision_weights` and save the model's `state_dict()`"
            )
        if any("/code/" in name for name in names):
            raise InputError(
                f"{source}: a TorchScript archive holds a program, and nothing is executed here; "
                "save its `state_dict()` with safetensors, or use the weights on the hub"
            )
        stand_ins = make_stand_ins(file, names)
        with warnings.catch_warnings(), torch.serialization.safe_globals(stand_ins):
            # Some old files make torch warn, and the user can do nothing about it.
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except Exception as error:  # a damaged file can raise anything
        if isinstance(error, OSError) and error.errno not in (None, EINVAL):
            raise  # a fault of the disk; EINVAL is a position before the file's start: damage
        raise InputError(
            f"{source}: cannot be read without executing what it holds, or is damaged "
            f"({complaint(error)}); get it again, or save only tensors, such as a model's "
            "`state_dict()`, best with safetensors"
        ) from None


def complaint(error: Exception) -> str:
    """Return what torch's reader found, without its advice to execute the file after all."""
    message = str(error)
    if blocked := re.search(r"unsupported GLOBAL \S+ whose module \S+ is blocked", message):
        return blocked[0]
    reason = message.rpartition("WeightsUnpickler error:")[2].strip()
    return re.split(r"\.\s|\n", reason)[0] or type(error).__name__


# ---------------------------------------------------------------------------------------------
# Stand-ins
# ---------------------------------------------------------------------------------------------


class StandIn:
    """An object whose class is not torch's: it has the attributes and no behaviour.

    Each name in a pickle gets its own subclass, under the name of the class it stands for. Objects
    that the pickle fills with items, such as a `defaultdict`, are plain containers instead, since
    torch's reader fills only these.
    """

    state: Any = None
    container: type | None = None

    def __new__(cls, *_arguments: object) -> Any:
        """Return an object without attributes, or a container, whatever the arguments."""
        return cls.container() if cls.container else super().__new__(cls)

    def __init__(self, *_arguments: object) -> None:
        """Ignore the arguments."""

    def __setstate__(self, state: Any) -> None:
        """Keep what would become the object's attributes."""
        self.state = state


def make_stand_ins(file: Path, names: list[str]) -> list[Any]:
    """Return stand-ins for all classes and functions that a file of `torch.save` names.

    torch's reader looks in its own list first, so classes that it knows stay as they are.
    """
    containers: dict[tuple[str, str], type | None] = {}
    for stream in pickles(file, names):
        # torch refuses a damaged pickle later; the names before the damage will do here.
        with suppress(ValueError, IndexError, MemoryError):
            for name, container in named_classes(stream):
                containers[name] = container or containers.get(name)
    # torch knows only some of Python 2's names by their Python 3 names.
    containers |= {renamed(*name): container for name, container in containers.items()}
    return [
        type(
            "StandIn",
            (StandIn,),
            {"__module__": module, "__qualname__": name, "container": container},
        )
        for (module, name), container in containers.items()
    ]


def pickles(file: Path, names: list[str]) -> Iterator[BufferedIOBase]:
    """Yield a stream at the start of each pickle in a file, one after the other."""
    if names:
        with zipfile.ZipFile(file) as archive:
            yield from (BytesIO(archive.read(n)) for n in names if n.endswith("data.pkl"))
        return
    with file.open("rb") as stream:
        # Before zips, `torch.save` wrote a magic number, a version, sizes of types, and the object.
        for _ in range(4):
            yield stream


def named_classes(stream: BufferedIOBase) -> Iterator[tuple[tuple[str, str], type | None]]:
    """Yield what a pickle names, and the container that instances of it are filled as, if any.

    The pickle's instructions are followed without carrying them out: of everything on its stack,
    only the name behind a class or an instance is kept. The stream ends behind the pickle.
    """
    stack: list[Any] = []
    memo: dict[Any, Any] = {}
    mark = object()
    for code, argument, _ in pickletools.genops(stream):  # pyright: ignore
        match code.name:
            case "GLOBAL":
                module, _, name = str(argument).partition(" ")
                stack.append((module, name))
                yield stack[-1], None
            case "MARK":
                stack.append(mark)
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(memo.get(argument))
            case "NEWOBJ" | "REDUCE":
                stack.pop()  # the arguments; what was called stays, now for what it returned
            case "BUILD":
                stack.pop()
            case "SETITEM" | "SETITEMS" | "APPEND" | "APPENDS":
                pops = {"SETITEM": 2, "APPEND": 1}.get(code.name, 0)
                del stack[-pops if pops else -1 - stack[::-1].index(mark) :]
                if isinstance(stack[-1], tuple):
                    yield stack[-1], OrderedDict if code.name.startswith("SET") else list
            case _:
                takes = [kind.name for kind in code.stack_before]
                if "mark" in takes:
                    del stack[-1 - stack[::-1].index(mark) :]
                    takes = takes[: takes.index("mark")]
                del stack[len(stack) - len(takes) :]
                stack += [None] * len(code.stack_after)


def renamed(module: str, name: str) -> tuple[str, str]:
    """Return the Python 3 name for a Python 2 name, which old pickle protocols use."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name
