"""How this machine runs a study: never part of a hash, never in params.yaml.

The settings come from the environment, then from an untracked `compute.yaml`, then from defaults:

    INTERPRETING_CLIP_DEVICE, `device`: `cpu`, `cuda`, `cuda:1`, `mps`; default `cpu`
    INTERPRETING_CLIP_BATCH_SIZE, `batch_size`: images per forward pass; default 256
    INTERPRETING_CLIP_PROCESSES, `processes`: processes of a training, which share the pieces of its
        batches, and of an extraction, which share its batches; on `cuda`, each has a GPU of its
        own; default 1
    INTERPRETING_CLIP_WORKERS, `workers`: processes that load large images, of all `processes`
        together, and threads of `fetch`, `concept_nulls` and `broden`; default: the processors
        that this process may use, or the job's share of them under `make repro JOBS=n`
    INTERPRETING_CLIP_DOWNLOADS, `downloads`: the folder that keeps downloaded files, so that a
        re-run finds them; default `.scratch/downloads`
    INTERPRETING_CLIP_FOLDERS, `folders`: where the relative paths `folder:`, `captions:` and
        `file:` of params.yaml start; default `.`, the root of the repository
    INTERPRETING_CLIP_MIRROR, `mirror`: a URL under which the files of any host but the hub's are
        found at `<mirror>/<host>/<path>`; default: none, files come from the URLs in params.yaml

From `compute.yaml` only:

    `launchers`: by stage, or `others`, the command that runs it on another host, such as
        `srun -n1 -c8 --gpus=1`; default: none, stages compute here
"""

import os
from pathlib import Path

import msgspec

from interpreting_clip.config.machine import Machine, usable_processors
from interpreting_clip.config.params import convert
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError, public_url
from interpreting_clip.kernels import are_portable
from interpreting_clip.quantities import Count

SETTINGS = Path("compute.yaml")

PREFIX = "INTERPRETING_CLIP_"

SHARED_BY = f"{PREFIX}SHARED_BY"
"""The variable in which `make repro JOBS=n` tells stages how many jobs share this host's
processors."""


class MachineSettings(Machine, frozen=True, kw_only=True):
    """The settings of compute.yaml."""

    launchers: dict[str, str] = msgspec.field(default_factory=dict)


def read_machine(file: Path = SETTINGS) -> MachineSettings:
    """Return the machine's settings, or refuse them by name."""
    settings = load_tree(file) if file.exists() else {}
    convert(settings, MachineSettings, "", file)
    for field in msgspec.structs.fields(MachineSettings):
        name = PREFIX + field.name.upper()
        text = os.environ.get(name)
        if text is not None:
            value: object = text
            if field.type is Count and text.isdecimal():
                value = int(text)
            settings[field.name] = convert(value, field.type, name, "the environment")
    sharing = os.environ.get(SHARED_BY, "")
    if "workers" not in settings and sharing.isdecimal():
        settings["workers"] = max(1, usable_processors() // max(1, int(sharing)))
    machine = MachineSettings(**settings)
    if machine.device != "cpu" and are_portable():
        raise InputError(
            "`device`: expected cpu, since params.yaml has `kernels: portable`, got "
            f"{machine.device}; change one of them"
        )
    if machine.mirror is not None and public_url(machine.mirror) == "…":
        raise InputError(
            "`mirror`: expected https:// and user:password, `@`, host and path, got an address "
            "that is not shown; a port is a number up to 65535; in user and password, write what "
            "is no letter a-z and no digit as %.., `/` as %2F"
        )
    return machine
