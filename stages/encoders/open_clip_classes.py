"""open_clip's classes without the two seconds that its optional company takes to import."""

import importlib
import sys
from contextlib import suppress
from types import ModuleType
from typing import Any

from stages.storage.stand_ins import stand_ins


def import_open_clip(*, timm: bool = False) -> Any:
    """Return the module `open_clip`, imported without its optional company and TorchDynamo.

    Every stage is a process of its own, so its imports are paid once per encoder and stage. Of the
    2.4 s that `import open_clip` adds to `import torch`, 2 s go to timm, which most towers do not
    use and open_clip treats as optional, and to TorchDynamo, which `torchvision.ops.roi_align`
    imports only to look one function up; transformers, where it is installed, takes longer still.
    huggingface_hub, another 0.2 s, is there for downloads, which `stages.transfer` makes itself.
    All are kept out while open_clip is imported; a later `import timm` finds the real one.

    In this process open_clip then believes that there is no hub, and no timm until this is called
    for a tower that comes from it: `timm=True`. What is imported already is left alone.
    """
    if "open_clip" not in sys.modules:
        import torch  # noqa: F401 - all of it, before anything is put in the place of a part

        dynamo = {"torch._dynamo": None, "torch._dynamo.utils": dynamo_utils()}
        # A torchvision that wants more of it fails here and is imported plainly by open_clip.
        with suppress(ImportError), stand_ins(dynamo):
            importlib.import_module("torchvision.ops")
        with stand_ins({"timm": None, "transformers": None, "huggingface_hub": None}):
            importlib.import_module("open_clip")
    open_clip = sys.modules["open_clip"]
    if timm and open_clip.timm_model.timm is None:
        open_clip.model.TimmModel = importlib.reload(open_clip.timm_model).TimmModel
    return open_clip


def dynamo_utils() -> ModuleType:
    """Return what `torchvision.ops.roi_align` needs of `torch._dynamo.utils`, imported on call."""
    module = ModuleType("torch._dynamo.utils")
    vars(module)["is_compile_supported"] = is_compile_supported
    return module


def is_compile_supported(device_type: str) -> Any:
    """Ask the real TorchDynamo whether it can compile for a kind of device."""
    return importlib.import_module("torch._dynamo.utils").is_compile_supported(device_type)
