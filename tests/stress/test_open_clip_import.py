import subprocess
import sys

import pytest

LEAN = """
import sys
from interpreting_clip.encoders.open_clip_import import import_open_clip
open_clip = import_open_clip()
unwanted = ("timm", "huggingface_hub", "torch._dynamo")
loaded = [m for m in sys.modules if m.startswith(unwanted)]
assert not loaded, loaded
assert import_open_clip() is open_clip and open_clip.timm_model.timm is None
assert open_clip.CLIP and open_clip.ClipLoss
"""
LATER = (
    LEAN
    + """
import timm, torch._dynamo, torchvision, huggingface_hub
assert huggingface_hub.HfApi
from torchvision.ops import roi_align
assert timm.list_models("resnet18") and torch._dynamo.is_compiling() is False
assert torchvision.models.resnet18 and torch._dynamo.utils.is_compile_supported("cpu")
assert sys.modules["torchvision.ops.roi_align"].is_compile_supported("cpu")
"""
)
TIMM = (
    LEAN
    + """
assert import_open_clip(timm=True) is open_clip
import timm
assert open_clip.timm_model.timm is timm and open_clip.model.TimmModel("resnet18", 8)
"""
)
BEFORE = """
import sys, timm, torch._dynamo, open_clip
before = dict(sys.modules)
from interpreting_clip.encoders.open_clip_import import import_open_clip
assert import_open_clip() is open_clip
assert all(sys.modules[name] is module for name, module in before.items())
assert open_clip.timm_model.timm is timm
"""


@pytest.mark.parametrize(
    "program", [LATER, TIMM, BEFORE], ids=["first", "with timm", "after all else"]
)
def test_what_is_imported_later_or_before_is_real(program):
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
