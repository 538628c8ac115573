"""Which parts of an image tower are its layers."""

from torch import nn

STAGES = {f"stage{i}": f"layer{i}" for i in range(1, 5)}
"""The four stages of every ResNet, by the names that open_clip, torchvision and timm share."""


def named_layers(tower: nn.Module) -> dict[str, nn.Module]:
    """Return the layers of a tower, in order, each with the module whose output it is.

    A modified ResNet has its stem, four stages and attention pool, any other ResNet its stem, four
    stages and pooled output. A vision transformer has its embedding (patches, positions and, where
    there is one, the first norm), every block, and its output. Of any other architecture the parts
    with weights count, sequences of parts opened once, and its output.
    """
    if hasattr(tower, "attnpool"):
        return resnet_layers(tower, "avgpool") | {"attention_pool": tower.get_submodule("attnpool")}
    trunk = tower.get_submodule("trunk") if hasattr(tower, "trunk") else tower
    if all(hasattr(trunk, name) for name in ("maxpool", *STAGES.values())):
        layers = resnet_layers(trunk, "maxpool")
    else:
        layers = transformer_layers(trunk) or parts(trunk)
    return layers | {"output": tower}


def resnet_layers(tower: nn.Module, stem: str) -> dict[str, nn.Module]:
    """Return a ResNet's stem, by the name of its last module, and its stages."""
    names = {"stem": stem} | STAGES
    return {layer: tower.get_submodule(name) for layer, name in names.items()}


def transformer_layers(tower: nn.Module) -> dict[str, nn.Module]:
    """Return the embedding and the blocks of a vision transformer; nothing of another tower."""
    for embedding, blocks in (
        ("ln_pre", "transformer.resblocks"),  # open_clip
        ("encoder.dropout", "encoder.layers"),  # torchvision
        ("norm_pre", "blocks"),  # timm
    ):
        names = dict(tower.named_modules())
        if embedding in names and blocks in names:
            numbered = enumerate(names[blocks].children(), start=1)
            layers = {f"block{i:02d}": block for i, block in numbered}
            return {"embedding": names[embedding], **layers}
    return {}


def parts(tower: nn.Module) -> dict[str, nn.Module]:
    """Return the parts of a tower that have weights, those of its sequences one by one."""
    found: dict[str, nn.Module] = {}
    for name, child in tower.named_children():
        opened = isinstance(child, nn.Sequential | nn.ModuleList)
        for key, part in child.named_children() if opened else [("", child)]:
            if any(True for _ in part.parameters()):
                found[f"{name}{key}"] = part
    return found
