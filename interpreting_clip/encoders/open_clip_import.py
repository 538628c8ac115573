"""Importing open_clip without the slow packages that it treats as optional.

With plain `dvc repro`, each stage imports for itself, and 47 of the default study's 125 need
open_clip; `make repro` imports it once (`tools/stage_server.py`). Processor time of `import torch,
open_clip`, the median of 7 processes on a busy machine, and the least of them:

| | median, s | least, s |
|---|---|---|
| `import torch` alone | 2.0 | 1.6 |
| and open_clip, plainly | 5.8 | 4.5 |
| without timm, huggingface_hub and TorchDynamo | 2.4 | 2.3 |
| without timm and TorchDynamo | 3.5 | 3.1 |
| without timm and huggingface_hub | 3.7 | 3.5 |
| without huggingface_hub and TorchDynamo | 4.1 | 3.6 |

This saves 2.2 to 3.3 s in each of them and 100 to 150 s in a cold study; of these, the 7 trainings
import TorchDynamo later, for their optimiser (9 s). Without huggingface_hub, open_clip cannot
import transformers either, which is most of that row. Doing the same for pandas in DVCLive (0.3 s
in each training) would save 1 % and is not done.
"""

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any


def import_open_clip(*, timm: bool = False) -> Any:
    """Return the module `open_clip`, imported without timm, huggingface_hub and TorchDynamo.

    open_clip needs timm only for some towers, and huggingface_hub only for downloads, which are
    made elsewhere here; `torchvision.ops.roi_align` imports TorchDynamo to look up one function. In
    this process open_clip then works as if huggingface_hub were not installed, and without timm
    until this function is called with `timm=True` for one of timm's towers. Imports of these
    packages elsewhere are not affected, nor is what was imported before.
    """
    if "open_clip" not in sys.modules:
        import torch  # noqa: F401 - all of it, before one of its modules is replaced

        dynamo = {"torch._dynamo": None, "torch._dynamo.utils": dynamo_utils()}
        # A torchvision that needs more of TorchDynamo fails here: open_clip imports it plainly.
        with suppress(ImportError), replaced_modules(dynamo):
            importlib.import_module("torchvision.ops")
        with replaced_modules({"timm": None, "huggingface_hub": None}):
            importlib.import_module("open_clip")
    open_clip = sys.modules["open_clip"]
    if timm and open_clip.timm_model.timm is None:
        open_clip.model.TimmModel = importlib.reload(open_clip.timm_model).TimmModel
    return open_clip


def dynamo_utils() -> ModuleType:
    """Return the part of `torch._dynamo.utils` that `roi_align` needs, imported when called."""
    module = ModuleType("torch._dynamo.utils")
    vars(module)["is_compile_supported"] = is_compile_supported
    return module


def is_compile_supported(device_type: str) -> Any:
    """Ask the real TorchDynamo whether it can compile for a kind of device."""
    return importlib.import_module("torch._dynamo.utils").is_compile_supported(device_type)


@contextmanager
def replaced_modules(modules: Mapping[str, ModuleType | None]) -> Iterator[None]:
    """Let `import` find other modules inside a `with` block (None: no such module).

    Modules that were imported before stay, and later imports find the real ones again.
    """
    absent = [name for name in modules if name not in sys.modules]
    sys.modules.update({name: modules[name] for name in absent})  # pyright: ignore
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)
