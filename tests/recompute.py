"""Write docs/recompute.md: what every parameter, module and package makes stale.

`python -m tests.recompute` renews it. The tables say what tests/pipeline/test_recompute.py holds
DVC to.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from stages.settings.sections import Sections
from stages.storage.packages import CARRYING
from stages.storage.params import elements, struct_fields
from tests.reach import (
    CHECKED,
    GRAPH,
    closures,
    leaves,
    modules,
    packages,
    reached,
    reads,
    section,
    templated,
    templates,
)
from tests.reads import ROOT
from tests.walked import STUDIES

PAGE = ROOT / "docs/recompute.md"

FETCHES = {
    "drawn": {"fetch_world"},
    "real": {"fetch_hub", "fetch_archive", "fetch_folder"},
    "absent": {"fetch_none"},
}
"""Sets in words, and the methods by which they are fetched."""

INTRODUCTION = """\
# What is recomputed

A stage runs again when what it reads has changed: its part of `params.yaml`, the code that it can
import, the versions of the packages that compute there, its data. The tables name the stages that
a change makes stale by itself. What rests on them runs only if they write something else: where
an output comes out the same, DVC goes no further.

`study` and `methods` are in no table. They run after every change of a parameter, and `methods`
after one of code or of a version, take two seconds, and end it there when it reaches nothing.

`python -m tests.recompute` writes this page from the code; `tests/pipeline/test_recompute.py`
changes every parameter, module and package and asks DVC whether the tables are true.

## Parameters

“Of it” is the instance of that entry, “that name it” are those whose entry names it; else all
instances are meant.

"""

MODULES = """
## Modules

What a module does counts, not its words: with another comment or docstring it has the same
digest, and nothing is stale. A stage depends on all that it can import, whether a study makes it
import it or not. `fetch` alone is split, by the source of the set.

"""

PACKAGES = """
## Packages

The versions are those of `constraints.txt` and, of torch and torchvision, which a machine
chooses, of `versions.yaml`, where `make install` records it. `methods` writes to each stage's
file those that its code imports, and those beneath (numba computes with llvmlite). When a stage
starts it compares them with what is installed, and where they differ it ends in one line that
says so: nothing is ever computed with another version than the one that it is kept under. To
compute with another, write its version into `constraints.txt` (`make lock` takes the newest), or
install the other torch, and run `make repro`.

"""

OTHERS = """
A version of any other package makes nothing stale, neither that of ruff or DVC nor those of what
the stages use and what computes no number: {carrying}.

## What is not tracked

* **The build of a package**: 2.13.0+cpu and 2.13.0+cu126 are one version, so that a cluster takes
  what a laptop has computed. With it, whatever a build brings: MKL, OpenBLAS, CUDA, cuDNN,
  triton.
* **The processor and the graphics card**. Libraries choose their instructions by it (AVX2,
  AVX-512), which changes last bits of sums. So do `device`, `batch_size` and `workers` of a
  machine's settings, if at all.
* **Python, glibc and the operating system**. The code's digests are the same by
  Python 3.11 to 3.13.
* **The content of a folder** that a dataset or checkpoint names outside of the repository, and
  what stands behind a branch of the Hugging Face hub. A `sha256` and a commit are tracked, since
  they stand in `params.yaml`.

Results of one machine are byte-identical again on one of the same kind with the same builds.
Elsewhere numbers may differ in their last bits, of which a training makes more
([measured](reproducibility.md)), and DVC takes them for the same.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


def page() -> str:
    """Return the page as the code is now."""
    carrying = ", ".join(f"`{name}`" for name in sorted(CARRYING))
    return "".join(
        [
            INTRODUCTION,
            table(("parameter", "makes stale"), parameter_rows()),
            MODULES,
            table(("modules, below `stages/`", "make stale"), module_rows()),
            PACKAGES,
            table(("package", "makes stale"), package_rows()),
            OTHERS.format(carrying=carrying),
        ]
    )


def table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    """Return a table of two columns in Markdown."""
    lines = [head, ("---", "---"), *rows]
    return "".join(f"| {first} | {second} |\n" for first, second in lines)


def parameter_rows() -> list[tuple[str, str]]:
    """Return the patterns of leaves that reach the same, a row for each section at least."""
    reach = pattern_reach()
    rows: dict[tuple[str, str], list[str]] = {}
    for pattern, names in reach.items():
        rows.setdefault((pattern.partition(".")[0], names), []).append(pattern)
    sections = [section for section, _ in rows]
    return [
        (f"`{section}.*`" if sections.count(section) == 1 else listed(patterns), names)
        for (section, names), patterns in rows.items()
    ]


def pattern_reach() -> dict[str, str]:
    """Return in words what each pattern of leaves makes stale, over all studies that are walked."""
    found: dict[str, set[str]] = {}
    for make in STUDIES.values():
        study = make()
        read = reads(study)
        for path, _ in leaves(study):
            names = {name.partition("@")[0] for name in reached(path, read)}
            said = {f"`{stage}`{which(stage, path)}" for stage in names}
            found.setdefault(pattern(path, study), set()).update(said)
    order = {f"`{stage}`": place for place, stage in enumerate(GRAPH)}
    return {
        one: ", ".join(sorted(said, key=lambda words: order[words.split(" ")[0]]))
        for one, said in found.items()
    }


def pattern(path: str, study: Mapping[str, Any]) -> str:
    """Return a leaf's path with a star for every name that a study gives itself."""
    keys, value, kind = [], study, Sections
    for key in path.split("."):
        fields = {field.encode_name: field.type for field in struct_fields(kind, value)}
        tag = getattr(kind, "__args__", None) and key in ("kind", "source")
        keys.append(key if key in fields or tag else "*")
        kind, value = (
            fields.get(key, (*elements(kind), Any)[-2 if elements(kind) else -1]),
            value[key],
        )
    return ".".join(keys)


def which(stage: str, path: str) -> str:
    """Return in words which instances of a stage read a leaf, by how the stage's code names it."""
    calls = templates(stage) | ({"heads.{item.head}"} if stage == "extract" else set())
    own = {f"{section(stage)}.{{key}}.{field}" for field in templated(stage)}
    for template in sorted(calls | own):
        if re.match(re.sub(r"\{[\w.]+\}", r"\\w+", template) + r"(\.|$)", path):
            return " of it" if "{key}" in template else " that name it" if "{" in template else ""
    raise ValueError(f"{stage} does not read {path}")


def module_rows() -> list[tuple[str, str]]:
    """Return the modules that the same stages can import."""
    held: dict[str, set[str]] = closures()
    rows: dict[str, list[str]] = {}
    for module in modules():
        said = stages_said(name for name, files in held.items() if module in files)
        rows.setdefault(said, []).append(module.removeprefix("stages/"))
    return [(listed(found), said) for said, found in rows.items()]


def package_rows() -> list[tuple[str, str]]:
    """Return each package that computes and what it makes stale."""
    held = packages()
    every = sorted(set().union(*held.values()))
    return [
        (f"`{package}`", stages_said(name for name, inside in held.items() if package in inside))
        for package in every
    ]


def listed(names: Iterable[str]) -> str:
    """Return names as code with commas between."""
    return ", ".join(f"`{name}`" for name in names)


def stages_said(names: Iterable[str]) -> str:
    """Return in words the stages of these methods."""
    given, every = set(names) - {CHECKED}, [name for name in closures() if name != CHECKED]
    if not given:
        return "nothing"
    left = [name for name in every if name not in given]
    if len(left) < 6:
        return f"all but {labels(left)}" if left else "all"
    return labels(name for name in every if name in given)


def labels(names: Iterable[str]) -> str:
    """Return in words the stages of these methods, `fetch` once."""
    given = set(names)
    fetched = [words for words, sources in FETCHES.items() if sources <= given]
    kinds = "" if len(fetched) == len(FETCHES) else f" of {' and '.join(fetched)} sets"
    stages = [f"`{stage}`" for stage in GRAPH if stage in given]
    return ", ".join([f"`fetch`{kinds}", *stages] if fetched else stages)


if __name__ == "__main__":
    main()
