"""The parameters that a stage's entry in dvc.yaml lists, and no others."""

from collections.abc import Sequence
from typing import Any

from interpreting_clip.config.params import Params, convert
from interpreting_clip.errors import InputError
from runner.graph import GRAPH


class ListedParams(Params):
    """The parameters of a study that a stage lists; any other parameter is refused.

    DVC only looks at the listed parameters, so a result that depended on another would not be
    computed again when that changes. DVC ignores the order of a mapping's keys, so a stage gets
    them sorted, whatever their order in the file.
    """

    def __init__(self, study: Params, listed: Sequence[str], stage: str, code: str = "") -> None:
        # Not read again: every stage would parse params.yaml twice.
        self.file, self.tree = study.file, sorted_keys(study.tree)
        self.listed, self.stage = listed, stage
        self.code = code
        """The stage's fingerprint, or nothing if code.json has none."""

    def read(self, path: str, kind: Any) -> Any:
        """Return the value at `path` as a `kind`; of a section, only what is listed."""
        if any(path == listed or path.startswith(f"{listed}.") for listed in self.listed):
            return super().read(path, kind)
        within = [listed for listed in self.listed if listed.startswith(f"{path}.")]
        if not within:
            raise self.missing(path)
        read = super().read
        section = {listed.removeprefix(f"{path}."): read(listed, Any) for listed in within}
        there = read(path, dict)
        for field in getattr(kind, "__struct_fields__", ()):
            if field in there and field not in section:
                raise self.missing(f"{path}.{field}")
        return convert(section, kind, path, self.file)

    def missing(self, path: str) -> InputError:
        """Return the error for a parameter that is read and not listed."""
        return InputError(
            f"{GRAPH}: stage {self.stage} reads the parameter '{path}' and does not list it; add "
            f"the line `- {path}` under its `params`"
        )


def sorted_keys(node: Any) -> Any:
    """Return a part of a study with the keys of every mapping sorted."""
    if isinstance(node, dict):
        return {key: sorted_keys(node[key]) for key in sorted(node, key=str)}
    return [sorted_keys(item) for item in node] if isinstance(node, list) else node
