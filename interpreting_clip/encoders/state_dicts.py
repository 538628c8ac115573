"""State dicts under others' names: chooses a state dict and finds the image tower in it.

Trainings wrap a model in other modules, which put prefixes before its names (`module.`,
`_orig_mod.`, `image_encoder.model.visual.`). So the arrays of the architecture's image tower are
looked for under every prefix that the file has, and count only with their shapes.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch

from interpreting_clip.encoders.checkpoints import IN_ONE_FILE, StateDict, abridged
from interpreting_clip.encoders.sources.source import Choice
from interpreting_clip.errors import InputError

STATES = ("", "state_dict", "model_state_dict", "model")
"""The keys under which training checkpoints keep the weights that they train, in our order.

Others, such as `state_dict_ema` with averaged weights, are taken if the file has no weights for the
architecture under these.
"""

NO_PART = re.compile(
    r"mask(ed)?_(token|embed)|pooler|lm_head|logit_(scale|bias)|decoder|queue|prototypes"
    r"|(\w+_)?(projector|projection_head|proj_head|predictor)|(head|fc|classifier)\."
)
"""Prefixes of arrays that trainings keep with a tower but that its features do not depend on."""

ADVICE = {
    r"\blora_|\.base_layer\.": "These are LoRA adapters, or weights with such beside them: merge "
    "them (`merge_and_unload()` of peft), and save the model's `state_dict()`",
    r"weight u?int\d|_packed_params|\.(SCB|absmax|qweight|zero_point|weight_scale) ": (
        "The weights are quantised: save the model in single or half precision"
    ),
    r"dist(illation)?_token": "A distilled DeiT has two class tokens and two heads, which is not "
    "supported: take a DeiT without distillation, such as timm's deit_base_patch16_224",
    r"embeddings\.patch_embedding|embedder\.convolution": (
        "Of transformers' models, CLIPs and vision transformers that timm has are read: name such "
        "a backbone, or measure another model by its activations"
    ),
}
"""What to do about weights that do not fit, by a pattern in their names."""


@dataclass(frozen=True)
class TowerSpec:
    """The image tower that a file is searched for.

    `source` names the file in messages, `model` the architecture; `arrays` are what the tower has,
    `width` how many features it gives, `head_name` what its library calls the head on them.
    `inner` stands before the names of `arrays` in our module.
    """

    source: str
    model: str
    arrays: StateDict
    width: int
    head_name: str = ""
    inner: str = ""


@dataclass(frozen=True)
class MatchedTower:
    """What was taken of a file: a state dict, the prefix of its tower, and its head's whole name.

    `others` are other state dicts with weights for the architecture, `unused` arrays under the
    prefix that are no part of the tower. `converted` stands for names that were another library's,
    `averaged` for a tower that averages its tokens, `folded` for a head that a batch norm became a
    part of; `pooling` is timm's `global_pool`, and `no_head` says why a head was left out.
    """

    weights: StateDict
    state: str
    prefix: str
    head_name: str | None = None
    others: tuple[str, ...] = ()
    unused: frozenset[str] = frozenset()
    converted: bool = False
    averaged: bool = False
    folded: bool = False
    pooling: str = ""
    no_head: str = ""

    def tower(self) -> dict[str, torch.Tensor]:
        """Return the tower's arrays, named as in the tower, and unknown ones under its prefix."""
        head = f"{self.head_name}." if self.head_name is not None else None
        return {
            name.removeprefix(self.prefix): value
            for name, value in self.weights.items()
            if name.startswith(self.prefix)
            and name not in self.unused
            and not (head and name.startswith(head))
        }

    def head(self) -> dict[str, torch.Tensor]:
        """Return the head's `weight` and, if it has one, its `bias`."""
        names = {part: f"{self.head_name}.{part}" for part in ("weight", "bias")}
        return {part: self.weights[name] for part, name in names.items() if name in self.weights}


def find_tower(
    states: Mapping[str, StateDict],
    spec: TowerSpec,
    choice: Choice,
    renamed: Callable[[StateDict], StateDict] = dict,
) -> MatchedTower:
    """Return the state dict with an architecture's image tower, and the prefix of its names.

    Of several state dicts, the first of `STATES` is taken. `renamed` brings names
    into the architecture's if its library knows older names.

    Raises
    ------
    InputError
        The tower is not in the file, or it is there several times, under keys or prefixes that only
        the user can choose from.
    """
    what = f"{spec.source}: weights of {spec.model}"
    if choice.state is not None and choice.state not in states:
        raise InputError(
            f"{spec.source}: no state dict under '{choice.state}'; correct `state`: the file has "
            f"them under {quoted(states)}"
        )
    tried = states if choice.state is None else {choice.state: states[choice.state]}
    tried = {state: renamed(weights) for state, weights in tried.items()}
    # For a CLIP, users may give the prefix of both towers.
    given = None
    if choice.prefix is not None:
        on_visual = choice.prefix.replace("vision_model.", "visual.")
        given = (choice.prefix, f"{choice.prefix}visual.", on_visual)
    fits = {state: tower_prefixes(weights, spec, given) for state, weights in tried.items()}
    best = {state: max(counts.values(), default=0) for state, counts in fits.items()}
    # Older names of a few layers may be missing from each; half of a tower is not a coincidence.
    enough = max(0.9 * max(best.values()), len(spec.arrays) / 2)
    fitting = [state for state, count in best.items() if count >= enough]
    if not fitting:
        state = max(best, key=lambda state: (best[state], len(tried[state])))
        prefix = next(iter(fits[state]), choice.prefix or "")
        raise InputError(misfit(MatchedTower(tried[state], state, prefix), spec))
    state = next((state for state in STATES if state in fitting), fitting[0])
    if len(fitting) > 1 and state not in STATES:
        raise InputError(f"{what} are under {quoted(fitting)}; choose with the key `state`")
    weights, counts = tried[state], fits[state]
    prefixes = sorted(prefix for prefix, count in counts.items() if count == best[state])
    if len(prefixes) > 1:
        raise InputError(
            f"{what} are under the prefixes {quoted(prefixes)}; choose with the key `prefix`"
        )
    others = tuple(other for other in fitting if other != state)
    converted = weights.keys() != states[state].keys()
    return MatchedTower(weights, state, prefixes[0], others=others, converted=converted)


def tower_prefixes(
    weights: StateDict, spec: TowerSpec, given: tuple[str, ...] | None = None
) -> dict[str, int]:
    """Return how many of a tower's arrays have their shapes, under each prefix that may be its own.

    These are the prefixes with most of the tower's names: a text tower has many of them too.
    """
    names: Counter[str] = Counter()
    shapes: Counter[str] = Counter()
    for name, value in weights.items():
        for place in (0, *(dot.end() for dot in re.finditer(r"\.", name))):
            prefix, end = name[:place], name[place:]
            if end in spec.arrays and (given is None or prefix in given):
                names[prefix] += 1
                shapes[prefix] += alike(value, spec.arrays[end])
    most = max(names.values(), default=0)
    return {prefix: shapes[prefix] for prefix, count in names.items() if count == most}


def alike(value: torch.Tensor, expected: torch.Tensor) -> bool:
    """Say whether an array has the shape of another, and no integers for weights.

    Quantised weights are integers. A scalar may be an array of one element.
    """
    same = value.shape == expected.shape or (value.numel() == 1 == expected.numel())
    return same and value.is_floating_point() >= expected.is_floating_point()


def unused_arrays(matched: MatchedTower, spec: TowerSpec) -> frozenset[str]:
    """Return the arrays under the tower's prefix that are not part of it or its features.

    A projector in the head's place, and what `NO_PART` lists. In a module that the tower has,
    unknown arrays mean another architecture.
    """
    modules = {name.partition(".")[0] for name in spec.arrays}
    unknown = [name for name in matched.tower() if name not in spec.arrays]
    return frozenset(
        f"{matched.prefix}{name}"
        for name in unknown
        if (spec.head_name and name.startswith(f"{spec.head_name}."))
        or (NO_PART.match(name) and name.partition(".")[0] not in modules)
    )


def misfit(
    matched: MatchedTower, spec: TowerSpec, part: str = "image tower", advice: str = ""
) -> str:
    """Say why a state dict is not of a part of an architecture, and what it has."""
    weights, expected = matched.tower(), spec.arrays
    both = [name for name in expected if name in weights]
    other = [name for name in both if not alike(weights[name], expected[name])]
    lists = {
        "missing": [name for name in expected if name not in weights],
        "of another shape or type": [
            f"{name} {kind(weights[name])}, expected {kind(expected[name])}" for name in other
        ],
        "unknown to it": [name for name in weights if name not in expected] if both else [],
    }
    fitting, under = len(both) - len(other), f" under '{matched.prefix}'" if matched.prefix else ""
    parts = [
        f"{spec.source}: expected the {len(expected):,} arrays of {spec.model}'s {part}, got "
        f"{fitting:,} of them{under}",
        *(f"{what} are {abridged(names)}" for what, names in lists.items() if names),
        f"{matched.state or 'the file'} holds {abridged(list(matched.weights))}",
    ]
    whose = "another architecture" if fitting < len(expected) / 2 else "another version of it"
    advice = advice or (
        f"The weights are of {whose}, or incomplete: name the backbone that they belong to, or "
        "choose among the file's arrays with the keys `state`, `prefix` and `head_name`"
    )
    return "; ".join(parts) + f". {known_advice(matched, spec, lists) or advice}"


def known_advice(matched: MatchedTower, spec: TowerSpec, lists: Mapping[str, list[str]]) -> str:
    """Return what to do about files that are known not to fit, or nothing."""
    if re.search(r"\d{5}-of-\d{5}", spec.source):
        return IN_ONE_FILE
    if lists["missing"] == ["proj"]:
        return (
            "The tower has no projection, as transformers' CLIPVisionModel: save a "
            "CLIPVisionModelWithProjection or CLIPModel, or name timm's model of the tower alone, "
            "such as vit_base_patch32_clip_224"
        )
    if any(name.endswith(".attn.q_bias") for name in lists["unknown to it"]):
        return (
            "The weights have biases of queries and values, but none of keys: of timm's models, "
            "BEiTs have these, and the DINOv3s that are called `_qkvb`"
        )
    names = "\n".join(f"{name} {kind(value)}" for name, value in matched.weights.items())
    return next((advice for pattern, advice in ADVICE.items() if re.search(pattern, names)), "")


def kind(value: torch.Tensor) -> str:
    """Return an array's shape, and its type if it holds integers."""
    name = "" if value.is_floating_point() else f"{value.dtype} ".removeprefix("torch.")
    return f"{name}{[*value.shape]}"


def quoted(names: Iterable[str]) -> str:
    """Return names in quotes, as one text."""
    return ", ".join(f"'{name}'" for name in names)


def describe_found(matched: MatchedTower) -> str:
    """Describe in one line what was taken from a file, and what else is in it."""
    text = f"the state dict '{matched.state}'" if matched.state else "the whole file"
    if matched.others:
        text += f", not {quoted(matched.others)} (`state` chooses)"
    if matched.converted:
        text += "; names converted to the backbone's"
    if matched.prefix:
        text += f"; names after '{matched.prefix}'"
    if matched.pooling:
        reason = "as `fc_norm` shows" if matched.averaged else "assumed, as timm builds the model"
        text += f"; pooling '{matched.pooling}' ({reason})"
    if matched.head_name is not None:
        text += f"; head '{matched.head_name}'"
        if matched.folded:
            text += " with the batch norm before it folded in (eps 1e-6, as in MAE's linear probes)"
    used = (matched.prefix, f"{matched.head_name}.")
    unused = [n for n in matched.weights if n in matched.unused or not n.startswith(used)]
    return f"{text}; not used are {abridged(unused)}" if unused else text
