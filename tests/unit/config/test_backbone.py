import msgspec
import pytest

from stages.config.encoders import Backbone, ModifiedResNet
from tests.unit.encoders.conftest import small_backbone


@pytest.fixture(params=["rn", "vit"])
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return small_backbone(request.param)


def test_the_kind_tells_the_towers_apart(backbone):
    tree = msgspec.to_builtins(backbone)
    assert msgspec.convert(tree, Backbone) == backbone
    resnet = isinstance(backbone.vision, ModifiedResNet)
    assert tree["vision"]["kind"] == ("resnet" if resnet else "vit")


@pytest.mark.parametrize("key", ["image_size", "vision.width", "text.width"])
def test_sizes_that_do_not_divide_each_other_are_refused(backbone, key):
    tree = msgspec.to_builtins(backbone)
    changes = {
        "image_size": {"image_size": 40},
        "vision.width": {"vision": tree["vision"] | {"head_width": 7}},
        "text.width": {"text": tree["text"] | {"heads": 3}},
    }
    with pytest.raises(msgspec.ValidationError, match=f"`{key}`.* multiple of"):
        msgspec.convert(tree | changes[key], Backbone)


@pytest.mark.parametrize(("key", "value"), [("mean", [0.5, 0.5, 128.0]), ("std", [0.0, 1.0, 1.0])])
def test_pixels_are_scaled_from_0_to_1(backbone, key, value):
    with pytest.raises(msgspec.ValidationError, match=key):
        msgspec.convert(msgspec.to_builtins(backbone) | {key: value}, Backbone)
