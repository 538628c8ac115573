"""A device that is not the CPU, for machines without a GPU: `meta`, with values.

Each of its tensors has a twin on the CPU, with which its operations are computed. So results are
the CPU's up to rounding, since torch may compose some operations of others. And what a GPU would
refuse or wait for is seen: an operation on tensors of both devices raises, and each transfer to the
CPU that the program waits for is counted.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
import torch.optim.optimizer as optimizers
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

NAME = "meta"
"""The device's name: torch's own device of this name needs no hardware, and no kernels of ours."""

aten: Any = torch.ops.aten
COPIES = {aten._to_copy.default, aten.copy_.default}
"""Operations that take tensors of both devices."""

INDEXING = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default}
"""Operations that take indices of the CPU, for which a GPU has to wait until they are copied."""

WAITS = {aten._local_scalar_dense.default: "number", aten.nonzero.default: "nonzero"}
"""Operations whose result the program needs before it can continue."""


class OtherTensor(torch.Tensor):
    """A tensor of the other device; `twin` has its values."""

    twin: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # pyright: ignore

    @staticmethod
    def __new__(cls, twin: torch.Tensor) -> "OtherTensor":
        own = torch.Tensor._make_wrapper_subclass(  # pyright: ignore
            cls,
            twin.shape,
            strides=twin.stride(),
            storage_offset=twin.storage_offset(),
            dtype=twin.dtype,
            device=torch.device(NAME),
        )
        own.twin = twin
        return own

    def tolist(self) -> Any:
        return self.cpu().tolist()  # torch has none for subclasses

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        raise RuntimeError("the other device is used outside of its `with` block")


class OtherDevice(TorchDispatchMode):
    """Computes on the other device inside a `with` block, and counts what waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()
        self.operations = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        others = [leaf for leaf in given if isinstance(leaf, OtherTensor)]
        device = kwargs.get("device")
        if others:
            self.operations += 1
            self.check(function, given)
        if device is not None:
            kwargs = kwargs | {"device": torch.device("cpu")}
        to_other = torch.device(device).type == NAME if device is not None else bool(others)
        args, kwargs = tree_map(bare, (args, kwargs))
        found = function(*args, **kwargs)
        if function is aten.copy_.default:
            to_other = isinstance(given[0], OtherTensor)
        if others and function in WAITS:
            self.waits[WAITS[function]] += 1
        if function in COPIES and isinstance(given[-1], OtherTensor) and not to_other:
            self.waits["copy"] += 1
        # What an operation has changed in place is the tensor that it was given.
        known = {id(bare(one)): one for one in given}
        return tree_map(lambda leaf: dressed(leaf, known, to_other), found)

    def check(self, function: Any, given: list[torch.Tensor]) -> None:
        """Refuse tensors of both devices, as a GPU does; a single number of the CPU may be among
        them.
        """
        strangers = [leaf for leaf in given if not isinstance(leaf, OtherTensor) and leaf.ndim]
        if not strangers or function in COPIES:
            return
        if function in INDEXING and isinstance(given[0], OtherTensor):
            self.waits["index"] += 1
            return
        raise RuntimeError(
            f"{function}: expected all tensors to be on the same device, found {NAME} and cpu"
        )


def dressed(leaf: Any, known: dict[int, torch.Tensor], to_other: bool) -> Any:
    if not isinstance(leaf, torch.Tensor):
        return leaf
    if id(leaf) in known:
        return known[id(leaf)]
    return OtherTensor(leaf) if to_other else leaf


def bare(leaf: Any) -> Any:
    return leaf.twin if isinstance(leaf, OtherTensor) else leaf


@contextmanager
def other_device() -> Iterator[OtherDevice]:
    """Let torch compute on the device `meta` inside a `with` block."""
    real = torch.autocast
    fused = optimizers._get_fused_kernels_supported_devices  # pyright: ignore

    def autocast(kind: str, *given: Any, **named: Any) -> torch.autocast:
        return real("cpu" if kind == NAME else kind, *given, **named)

    with (
        patch.object(torch, "autocast", autocast),
        # Tensors of inference mode have no version, which torch asks subclasses for.
        patch.object(torch, "inference_mode", torch.no_grad),
        patch.object(optimizers, "_get_fused_kernels_supported_devices", lambda: [*fused(), NAME]),
        OtherDevice() as device,
    ):
        yield device
