"""State dicts as others name them: which one to take, and where the tower and the head are in it.

Trainings wrap a model in other modules, which put prefixes before its names (`module.`,
`_orig_mod.`, `image_encoder.model.visual.`), and call its head as they like. So the arrays of the
architecture's image tower are looked for under every prefix that the file has, and count only with
their shapes; the head is looked for beside the tower, under the names that are usual.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch

from interpreting_clip.encoders.checkpoints import StateDict, abridged
from interpreting_clip.encoders.sources.source import Choice
from interpreting_clip.errors import InputError

STATES = ("", "state_dict", "model_state_dict", "model")
"""The keys under which training checkpoints keep the weights that they train, in our order.

Others, such as `state_dict_ema` with averaged weights, are taken if the file has no weights for the
architecture under these.
"""

HEADS = ("head", "fc", "classifier", "classification_head", "heads.head", "head.fc", "linear")
"""What a classifier's last layer is called."""


@dataclass(frozen=True)
class TowerSpec:
    """The image tower that a file is searched for.

    `source` names the file in messages, `model` the architecture; `arrays` are what the tower has,
    `width` how many features it gives, `head_name` what its library calls the head on them.
    """

    source: str
    model: str
    arrays: StateDict
    width: int
    head_name: str = ""


@dataclass(frozen=True)
class MatchedTower:
    """What was taken of a file: a state dict, the prefix of its tower, and its head's whole name.

    `others` are other state dicts with weights for the architecture.
    """

    weights: StateDict
    state: str
    prefix: str
    head_name: str | None = None
    others: tuple[str, ...] = ()

    def tower(self) -> dict[str, torch.Tensor]:
        """Return the arrays under the prefix without the head's, named as in the tower."""
        head = f"{self.head_name}." if self.head_name is not None else None
        return {
            name.removeprefix(self.prefix): value
            for name, value in self.weights.items()
            if name.startswith(self.prefix) and not (head and name.startswith(head))
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

    Of several state dicts the one under the first of `STATES` is taken. `renamed` brings names
    into the architecture's if its library knows older ones.

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
    # Of a CLIP, users may mean what stands before both towers.
    given = None if choice.prefix is None else (choice.prefix, f"{choice.prefix}visual.")
    fits = {state: tower_prefixes(weights, spec, given) for state, weights in tried.items()}
    best = {state: max(found.values(), default=0) for state, found in fits.items()}
    # Older names of a few layers may be missing from each; half of a tower is no coincidence.
    enough = max(0.9 * max(best.values()), len(spec.arrays) / 2)
    fitting = [state for state, count in best.items() if count >= enough]
    if not fitting:
        state = max(best, key=lambda state: (best[state], len(tried[state])))
        prefix = next(iter(fits[state]), choice.prefix or "")
        raise InputError(misfit(MatchedTower(tried[state], state, prefix), spec))
    state = next((state for state in STATES if state in fitting), fitting[0])
    if len(fitting) > 1 and state not in STATES:
        raise InputError(f"{what} are under {quoted(fitting)}; choose with the key `state`")
    weights, found = tried[state], fits[state]
    prefixes = sorted(prefix for prefix, count in found.items() if count == best[state])
    if len(prefixes) > 1:
        raise InputError(
            f"{what} are under the prefixes {quoted(prefixes)}; choose with the key `prefix`"
        )
    others = tuple(other for other in fitting if other != state)
    return MatchedTower(weights, state, prefixes[0], others=others)


def tower_prefixes(
    weights: StateDict, spec: TowerSpec, given: tuple[str, ...] | None = None
) -> dict[str, int]:
    """Return how many of a tower's arrays have their shapes, under each prefix that may be its own.

    These are the prefixes with most of the tower's names: a text tower has many of them too.
    """
    names: Counter[str] = Counter()
    shapes: Counter[str] = Counter()
    for name, value in weights.items():
        for end in ends(name):
            prefix = name.removesuffix(end)
            if end in spec.arrays and (given is None or prefix in given):
                names[prefix] += 1
                shapes[prefix] += alike(value, spec.arrays[end])
    most = max(names.values(), default=0)
    return {prefix: shapes[prefix] for prefix, count in names.items() if count == most}


def alike(value: torch.Tensor, expected: torch.Tensor) -> bool:
    """Say whether an array has the shape of another; a scalar may be an array of one element."""
    return value.shape == expected.shape or (value.numel() == 1 == expected.numel())


def find_head(found: MatchedTower, spec: TowerSpec, choice: Choice) -> str | None:
    """Return the whole name of the linear layer that reads the tower's features, or None.

    Its name in the architecture's library comes first. Otherwise it is called by one of `HEADS`, in
    a module that the tower is in, or by another number than the tower's in an `nn.Sequential`.

    Raises
    ------
    InputError
        There are several, or the one that the entry names is not there.
    """
    weights, prefix = found.weights, found.prefix
    parts = prefix.split(".")[:-1]
    parents = ["".join(f"{part}." for part in parts[:count]) for count in range(len(parts), -1, -1)]

    def fits(name: str) -> bool:
        value = weights.get(f"{name}.weight")
        return value is not None and value.ndim == 2 and value.shape[1] == spec.width

    if choice.head_name is not None:
        named = [parent + choice.head_name for parent in parents]
        for name in named:
            if fits(name):
                return name
        tower = {f"{prefix}{name}" for name in spec.arrays}
        layers = [name.removesuffix(".weight") for name in weights if name not in tower]
        raise InputError(
            f"{spec.source}: no array {quoted(named, '.weight')} with {spec.width:,} columns, "
            f"one per feature; correct `head_name`. There are {quoted(filter(fits, layers))}"
        )
    if spec.head_name and fits(prefix + spec.head_name):
        return prefix + spec.head_name
    names = [parent + name for parent in parents for name in HEADS]
    if parts and parts[-1].isdecimal():
        names += [
            name.removesuffix(".weight")
            for name in weights
            if name.removesuffix(".weight").removeprefix(parents[1]).isdecimal()
        ]
    tower = {f"{prefix}{name}" for name in spec.arrays}
    heads = [name for name in dict.fromkeys(names) if f"{name}.weight" not in tower and fits(name)]
    if len(heads) > 1:
        raise InputError(
            f"{spec.source}: the head could be {quoted(heads)}; choose with the key `head_name`"
        )
    return heads[0] if heads else None


def misfit(
    found: MatchedTower, spec: TowerSpec, part: str = "image tower", advice: str = ""
) -> str:
    """Say why a state dict is not of a part of an architecture, and what it has."""
    weights, expected = found.tower(), spec.arrays
    both = [name for name in expected if name in weights]
    other = [name for name in both if not alike(weights[name], expected[name])]
    lists = {
        "missing": [name for name in expected if name not in weights],
        "of other shapes": [
            f"{name} {[*weights[name].shape]}, expected {[*expected[name].shape]}" for name in other
        ],
        "unknown to it": [name for name in weights if name not in expected] if both else [],
    }
    fitting, under = len(both) - len(other), f" under '{found.prefix}'" if found.prefix else ""
    parts = [
        f"{spec.source}: expected the {len(expected):,} arrays of {spec.model}'s {part}, got "
        f"{fitting:,} of them{under}",
        *(f"{what} are {abridged(names)}" for what, names in lists.items() if names),
        f"{found.state or 'the file'} holds {abridged(list(found.weights))}",
    ]
    whose = "another architecture" if fitting < len(expected) / 2 else "another version of it"
    advice = advice or (
        f"The weights are of {whose}, or incomplete: name the backbone that they belong to, or "
        "choose among the file's arrays with the keys `state`, `prefix` and `head_name`"
    )
    return "; ".join(parts) + f". {advice}"


def ends(name: str) -> list[str]:
    """Return a name without its first parts, from the whole to the last part alone."""
    parts = name.split(".")
    return [".".join(parts[start:]) for start in range(len(parts))]


def quoted(names: Iterable[str], end: str = "") -> str:
    """Return names in quotes, as one text."""
    return ", ".join(f"'{name}{end}'" for name in names)


def describe_found(found: MatchedTower) -> str:
    """Say in one line what was taken of a file, and what else is in it."""
    said = f"the state dict '{found.state}'" if found.state else "the whole file"
    if found.others:
        said += f", not {quoted(found.others)} (`state` chooses)"
    if found.prefix:
        said += f"; names after '{found.prefix}'"
    if found.head_name is not None:
        said += f"; head '{found.head_name}'"
    used = (found.prefix, f"{found.head_name}.")
    unused = [name for name in found.weights if not name.startswith(used)]
    return f"{said}; not used are {abridged(unused)}" if unused else said
