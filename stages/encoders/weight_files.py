"""Files of weights as others write them: safetensors, state dicts, training checkpoints."""

import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from stages.runtime.errors import InputError

WRAPPERS = ("state_dict", "model_state_dict", "model")
"""The keys under which training checkpoints keep the weights; the first that is there."""

PREFIXES = ("module.", "_orig_mod.")
"""What distributed training and compilation put before every name."""

NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size")
"""Numbers that OpenAI's state dicts hold beside the weights."""

StateDict = Mapping[str, torch.Tensor]
"""Weights by their names in the model."""


def read_state_dict(file: Path, source: str) -> dict[str, torch.Tensor]:
    """Return the weights in a file, by their names in the model.

    The content says which format it is, for a downloaded file is named by its digest. Nothing in
    it is executed: a pickle is read by torch's restricted reader (`weights_only`), a TorchScript
    archive, which holds a program, is refused.

    Raises
    ------
    InputError
        The file is damaged, would have to be executed, or holds no weights; names `source`.
    """
    content = read_safetensors(file, source) if is_safetensors(file) else read_pickle(file, source)
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    if not isinstance(content, Mapping) or not content:
        raise InputError(f"{source}: expected a state dict, got {type(content).__name__}")
    weights = {str(name): value for name, value in content.items() if name not in NOT_WEIGHTS}
    for name, value in weights.items():
        if not isinstance(value, torch.Tensor):
            raise InputError(
                f"{source}: expected a state dict or a training checkpoint with its weights under "
                f"'{WRAPPERS[0]}'; '{name}' is no tensor but {type(value).__name__}"
            )
    return without_prefixes(weights)


def without_prefixes(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return weights without a prefix that all their names have."""
    for prefix in PREFIXES * 2:
        if all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    return weights


def is_safetensors(file: Path) -> bool:
    """Say whether a file begins as safetensors do: the length of its header, then the header."""
    with file.open("rb") as stream:
        start = stream.read(9)
    length = int.from_bytes(start[:8], "little")
    return start[8:] == b"{" and 8 + length <= file.stat().st_size


def read_safetensors(file: Path, source: str) -> Mapping[str, Any]:
    """Read a file of safetensors.

    Raises
    ------
    InputError
        It is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except SafetensorError as error:
        raise InputError(f"{source}: damaged safetensors ({error}); get the file again") from None


def read_pickle(file: Path, source: str) -> Any:
    """Read what `torch.save` wrote, without executing anything in it.

    Raises
    ------
    InputError
        It is damaged, or would have to be executed.
    """
    if is_torchscript(file):
        raise InputError(
            f"{source}: a TorchScript archive holds a program, and nothing is executed here; save "
            "its `state_dict()` with safetensors, or use the weights on the hub"
        )
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")
            return torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):  # of this machine, not of the file
        raise
    except Exception as error:  # a damaged file raises anything, by what is hit
        raise InputError(
            f"{source}: cannot be read without executing what it holds, or is damaged "
            f"({complaint(error)}); get it again, or save the model's `state_dict()` alone, best "
            "with safetensors"
        ) from None


def complaint(error: Exception) -> str:
    """Return what torch's reader found, without its advice to execute the file after all."""
    found = str(error).rpartition("WeightsUnpickler error:")[2].strip()
    return re.split(r"\.\s|\n", found)[0] or type(error).__name__


def is_torchscript(file: Path) -> bool:
    """Say whether a file is an archive of TorchScript, by the programs in it."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any("/code/" in name for name in archive.namelist())
