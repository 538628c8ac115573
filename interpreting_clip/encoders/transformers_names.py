"""Weights of the package transformers, and of DINOv2's authors, under timm's or open_clip's names.

CLIP, SigLIP, ViT, BEiT, DINOv2 and DINOv3 of transformers compute what the models of timm and
open_clip do, but name their arrays otherwise and keep queries, keys and values apart. Files have
the names of its version 4, which version 5 writes too, for `CLIPVisionModel` and
`SiglipVisionModel` without `vision_model.`; a `state_dict()` of version 5 has the names of its
modules. The package itself is not needed. timm's and open_clip's own conversions would also fit
weights to another image size.
"""

import re
from collections import defaultdict
from collections.abc import Collection

import torch

from interpreting_clip.encoders.checkpoints import StateDict

PATCHES = re.compile(r"embeddings\.patch_embedding(?:s(?:\.projection)?)?\.weight$")
"""An array that each image tower of transformers has, behind its prefix."""

PART = re.compile(
    r"(?:self_attn|attention(?:\.attention)?)\.(q|k|v)(?:_proj|uery|ey|alue)\.|mlp\.(gate|up)_proj\."
)
"""A part of what timm and open_clip keep in one array."""

WHOLES = (("q", "k", "v"), ("gate", "up"), ("up",))
"""The parts of such an array, in their order."""

NAMES = [
    (re.compile(pattern), timm, open_clip)
    for pattern, timm, open_clip in (
        (r"^embeddings\.(?:class_embedding|cls_token)$", "cls_token", "class_embedding"),
        (r"^embeddings\.patch_embedding(?:s(?:\.projection)?)?\.", "patch_embed.proj.", "conv1."),
        (r"^embeddings\.position_embedding(?:s|\.weight)$", "pos_embed", "positional_embedding"),
        (r"^embeddings\.", "", ""),
        (r"^pre_layrnorm\.", "norm_pre.", "ln_pre."),
        (r"^(?:post_)?layernorm\.", "norm.", "ln_post."),
        (r"^final_layer_norm\.", "norm.", "ln_final."),
        (r"^(?:encoder\.|model\.)?layers?\.(?=\d)", "blocks.", "transformer.resblocks."),
        (r"^head\.(?=(?:weight|bias)$)", "head.", "text_projection."),
        (r"^head\.probe$", "attn_pool.latent", ""),
        (r"^head\.attention\.in_proj_", "attn_pool.qkv.", ""),
        (r"^head\.attention\.out_proj\.", "attn_pool.proj.", ""),
        (r"^head\.layernorm\.", "attn_pool.norm.", ""),
        (r"^head\.mlp\.", "attn_pool.mlp.", ""),
        (r"\.attn\.qkv\.", ".attn.qkv.", ".attn.in_proj_"),
        (r"\.self_attn\.out_proj\.", ".attn.proj.", ".attn.out_proj."),
        (r"\.attention\.(?:output\.dense|o_proj)\.", ".attn.proj.", ""),
        (r"\.(?:layer_norm1|layernorm_before)\.", ".norm1.", ".ln_1."),
        (r"\.(?:layer_norm2|layernorm_after)\.", ".norm2.", ".ln_2."),
        (r"\.(?:mlp\.fc1|mlp\.weights_in|intermediate\.dense)\.", ".mlp.fc1.", ".mlp.c_fc."),
        (r"\.(?:mlp\.fc2|mlp\.weights_out|output\.dense)\.", ".mlp.fc2.", ".mlp.c_proj."),
        (r"\.mlp\.gate_proj\.", ".mlp.fc1_g.", ""),
        (r"\.mlp\.up_proj\.", ".mlp.fc1_x.", ""),
        (r"\.mlp\.down_proj\.", ".mlp.fc2.", ""),
        (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma", ""),
        (r"^pooler\.layernorm\.", "fc_norm.", ""),
        (r"\.lambda_([12])$", r".gamma_\1", ""),
        (r"(?:\.attention){0,2}\.relative_position_bias\.(\w+)$", r".attn.\1", ""),
    )
]
"""Parts of names behind a tower's prefix: as transformers, timm and open_clip have them, in the
order in which they are replaced."""


def library_names(weights: StateDict, tower: Collection[str]) -> StateDict:
    """Return weights under the names of timm or open_clip, whichever an image tower has.

    `tower` are the tower's names; nothing changes unless it is a vision transformer. The text
    tower next to an open_clip tower gets open_clip's names, too.
    """
    trunk, timm = (f"{before}blocks.0.norm1.weight" in tower for before in ("trunk.", ""))
    if not timm and not trunk and "transformer.resblocks.0.ln_1.weight" not in tower:
        return weights
    # By the prefix of a tower: its new prefix, and whether its names become timm's.
    prefixes: dict[str, tuple[str, bool]] = {}
    projections = {}
    for old in [PATCHES.sub("", name) for name in weights if PATCHES.search(name)]:
        outer = old.removesuffix("vision_model.")
        if timm:
            prefixes[old] = old, True
            continue
        visual = "" if old == outer else "visual."
        prefixes[old] = outer + visual + "trunk." * trunk, trunk
        prefixes[f"{outer}text_model."] = outer + "text." * trunk, False
        projections[f"{outer}visual_projection.weight"] = f"{outer}visual.proj"
        projections[f"{outer}text_projection.weight"] = f"{outer}text_projection"
    renamed: dict[str, torch.Tensor] = {}
    for name, value in (fused(weights, tower) if prefixes else weights).items():
        old = max((p for p in prefixes if name.startswith(p)), key=len, default=None)
        if name in projections:
            renamed[projections[name]] = value.T
        elif old is None:
            renamed[name] = value
        elif not name.endswith("embeddings.position_ids"):
            new, to_timm = prefixes[old]
            end = name.removeprefix(old)
            for pattern, in_timm, in_open_clip in NAMES:
                end = pattern.sub(in_timm if to_timm else in_open_clip, end)
            shaped = timm_arrays(end, value) if to_timm else {end: value}
            renamed |= {new + key: part for key, part in shaped.items()}
    return dino_names(renamed, tower) if timm or trunk else renamed


def fused(weights: StateDict, tower: Collection[str]) -> StateDict:
    """Return weights with queries, keys and values in one array, and the two inputs of a SwiGLU.

    A `tower` may keep the latter apart, and have biases of queries and values but not of keys.
    """
    whole: dict[str, torch.Tensor] = {}
    parts: dict[str, dict[str, str]] = defaultdict(dict)
    for name, value in weights.items():
        match = PART.search(name)
        if match is None or (match[2] and "blocks.0.mlp.fc1_g.weight" in tower):
            whole[name] = value
        else:
            new = "mlp.fc1." if match[2] else "attn.qkv."
            parts[PART.sub(new, name)][match[1] or match[2]] = name
    for name, of in parts.items():
        order = next((order for order in WHOLES if {*order} == of.keys()), ())
        if order and len({weights[old].shape for old in of.values()}) == 1:
            whole[name] = torch.cat([weights[of[part]] for part in order])
        elif of.keys() == {"q", "v"} and name.endswith("qkv.bias"):
            whole |= {name.replace("qkv.", f"{part}_"): weights[old] for part, old in of.items()}
        else:
            # An adapter of queries and values would be lost: no tower has it under its old name.
            whole |= {old: weights[old] for old in of.values()}
    return whole


def timm_arrays(name: str, value: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return timm's arrays for an array of the file, by their names in timm."""
    if name in ("cls_token", "pos_embed"):
        return {name: value.reshape(1, -1, value.shape[-1])}
    if name.startswith("attn_pool.qkv."):
        # The one learnt query of SigLIP's pooling is apart from keys and values.
        width = len(value) // 3
        kind = name.removeprefix("attn_pool.qkv.")
        return {f"attn_pool.q.{kind}": value[:width], f"attn_pool.kv.{kind}": value[width:]}
    return {name: value}


def dino_names(weights: StateDict, tower: Collection[str]) -> StateDict:
    """Return weights of DINOv2 and DINOv3 under timm's names, other weights as they are.

    With register tokens, timm keeps the class token's position in the class token.
    """
    changes = {r"\.mlp\.w12\.": ".mlp.fc1.", r"\.mlp\.w3\.": ".mlp.fc2."}
    if "blocks.0.gamma_1" in tower:
        changes[r"\.ls([12])\.gamma$"] = r".gamma_\1"
    renamed = dict(weights)
    for old, new in changes.items():
        renamed = {re.sub(old, new, name): value for name, value in renamed.items()}
    for name in [name for name in renamed if name.endswith("register_tokens")]:
        prefix = name.removesuffix("register_tokens")
        token, positions = f"{prefix}cls_token", f"{prefix}pos_embed"
        renamed[f"{prefix}reg_token"] = renamed.pop(name)
        if token in renamed and positions in renamed:
            renamed[token] = renamed[token] + renamed[positions][:, :1]
            renamed[positions] = renamed[positions][:, 1:]
    return renamed
