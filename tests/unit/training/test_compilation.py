"""What a training compiles, and where it refuses to; tests/stress runs compiled trainings."""

import pytest
import torch
from torch import nn

from interpreting_clip.encoders.entries import TimmModel, TorchvisionModel
from interpreting_clip.encoders.library_models import build_library_model
from interpreting_clip.errors import InputError
from interpreting_clip.training.compilation import (
    repeated_blocks,
    require_compiler,
)
from tests.unit.training.conftest import small_case


def names(module: nn.Module) -> set[str]:
    return {type(block).__name__ for block in repeated_blocks(module)}


@pytest.mark.parametrize(
    ("backbone", "expected", "count"),
    [
        (TorchvisionModel(model="convnext_tiny"), {"CNBlock"}, 18),
        (TorchvisionModel(model="resnet18"), set(), 0),
        (TimmModel(model="vit_tiny_patch16_224"), {"Block"}, 12),
    ],
    ids=lambda value: getattr(value, "model", ""),
)
def test_the_innermost_repeated_blocks_are_compiled(backbone, expected, count):
    with torch.device("meta"):
        module = build_library_model(backbone, 0).module
    assert names(module) == expected
    assert len(repeated_blocks(module)) == count


def test_the_transformers_of_a_clip_are_compiled_and_its_resnet_is_not():
    encoder, _ = small_case("rn", "captions")
    visual, text = encoder.visual, encoder.module.get_submodule("transformer")
    assert not repeated_blocks(visual)
    vit = small_case("vit", "captions")[0].visual
    assert names(vit) == {"ResidualAttentionBlock"}
    # One block is no repetition: compiling it would serve itself alone.
    assert not repeated_blocks(text)


def test_a_missing_compiler_is_one_line_with_what_to_install(monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("InvalidCxxCompiler: No working C++ compiler\n\nSet TORCHDYNAMO_VERBOSE")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: broken)
    with pytest.raises(InputError, match=r"`compile`: .*install a C\+\+") as error:
        require_compiler(torch.device("cpu"))
    assert "\n" not in str(error.value) and "VERBOSE" not in str(error.value)
