"""Runs a stage: reads its entry in dvc.yaml, and gives the stage what stands there."""

import os
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from interpreting_clip.config.params import PARAMS, Params
from interpreting_clip.datasets.card import write_absent
from interpreting_clip.errors import AbsentError, InputError, error_context
from interpreting_clip.kernels import (
    Kernels,
    require_full_precision,
    unportable_processor,
    use_kernels,
)
from runner.fingerprint import (
    COMPUTES_NOTHING,
    FINGERPRINTS,
    TABLES,
    recorded_fingerprint,
    require_fingerprint,
)
from runner.graph import GRAPH, StageEntry, read_entry
from runner.inputs import LOCK, Inputs, content_md5, recorded_inputs, require_merged
from runner.launcher import LAUNCHED, compute_alone, launcher, run_elsewhere
from runner.listed_params import ListedParams
from runner.machine_settings import SETTINGS, read_machine
from runner.outputs import Outputs, partial_folder
from runner.process import DEBUG, leave, note_once
from runner.records import changed_settings, leave_record, require_right_records
from runner.sandbox import lock

CODE = ("interpreting_clip", "page", "runner", "stages")

PRELOADED = "INTERPRETING_CLIP_PRELOADED"
"""The variable that says for which `kernels` the libraries were imported."""

NETWORK_STAGES = ("fetch", "fetch_arrays", "fetch_shift", "weights")
"""The stages that read from outside of the repository: a network, or folders of the user's."""

ACCESS = ("CURL_CA_BUNDLE", "HF_HOME", "HF_TOKEN_PATH", "NETRC", "REQUESTS_CA_BUNDLE")
ACCESS += ("SSL_CERT_DIR", "SSL_CERT_FILE")
"""Variables that say where tokens, logins and certificates are."""

OWN_FILES = (GRAPH, PARAMS, SETTINGS, LOCK, FINGERPRINTS, Path("constraints.txt"))
OWN_FILES += (Path("versions.yaml"), Path("data/reference"))
"""What the runner reads again in each process of a stage that has several."""


def main(*words: str) -> None:
    """Run a stage, here or through the launcher that the machine has for it."""
    if "DVC_EXP_NAME" in os.environ:
        show_change_to_git(PARAMS)
    stage, *given = [word for word in words if word not in (DEBUG, LAUNCHED)] or [""]
    if len(given) > 1:
        raise InputError(f"stage {stage}: expected at most one argument, got {' '.join(given)}")
    launched = LAUNCHED in words
    require_merged()
    one_of_several = "TORCHELASTIC_RUN_ID" in os.environ  # their parent does what they skip here
    params = Params()
    entry = read_entry(stage, "".join(given), params.tree)
    if not (one_of_several or launched) and (launching := launcher(read_machine(), stage)):
        sys.exit(run_elsewhere(launching, "-m", "stages", *words))
    if stage not in COMPUTES_NOTHING:
        choose_kernels(params.read("kernels", Kernels))
    if not one_of_several:
        compute_alone(entry.name, launched)
    require_full_precision()
    require_right_records()
    require_fingerprint(entry)
    compute(entry, params, locked=True, one_of_several=one_of_several)
    if one_of_several:
        leave()


def show_change_to_git(file: Path) -> None:
    """Set back the time of a file that was just written, so that git looks at its content.

    `dvc exp run -S` lets git record params.yaml and then writes it again, often within a second.
    If the size is the same, git takes it for unchanged, and where a stage fails, it stays so: `git
    checkout .` would not bring the old value back.
    """
    facts = file.stat()
    if int(facts.st_mtime) == int(facts.st_ctime):  # as long as we have not set it back
        os.utime(file, (facts.st_atime, facts.st_mtime - 1))


def choose_kernels(kernels: Kernels) -> None:
    """Use the kernels of a study, or say once that this processor has none of them."""
    if os.environ.get(PRELOADED) != kernels:
        use_kernels(kernels)
    if kernels == "portable" and (processor := unportable_processor()):
        note_once(
            "native",
            "portable kernels need an x86-64 processor with AVX2 and FMA, and this one is "
            f"{processor}: stages compute with its native ones, so digits differ from those of "
            "other processors; docs/guarantees.md",
        )


def compute(
    entry: StageEntry, study: Params, *, locked: bool = False, one_of_several: bool = False
) -> None:
    """Run a stage's `main` in this process, and keep its outputs if it succeeds.

    One of several processes writes where the process that started it chooses, and that process
    keeps the outputs.
    """
    params = ListedParams(study, entry.params, entry.stage, recorded_fingerprint(entry))
    inputs = Inputs(entry.deps, entry.stage, recorded_inputs(entry))
    outputs = Outputs(entry.outs, entry.files, entry.stage)
    given = *filter(None, [entry.key]), params, inputs, outputs
    if one_of_several:
        call_main(entry, *given)
        return
    before = recorded_settings(entry, study)

    def keep() -> None:
        try:
            inputs.require_unchanged()
        except InputError:
            outputs.end()
            raise
        require_same_settings(entry, before)
        outputs.keep()
        if entry.outs:  # without any, nothing could be recorded with a result
            outs = {path: content_md5(Path(path)) for path in entry.outs}
            leave_record(entry.name, before | inputs.md5s(), outs)

    # Landlock locks one thread and those that it starts later. This thread is older than the lock,
    # so that it can read what DVC is about to record, and move outputs into place.
    with ThreadPoolExecutor(1) as unlocked:
        try:
            unlocked.submit(outputs.prepare).result()
            inputs.check()
            if locked:
                lock_stage(entry, study.tree)
            call_main(entry, *given)
            unlocked.submit(keep).result()
        finally:
            unlocked.submit(outputs.discard).result()


def call_main(entry: StageEntry, *given: Any) -> None:
    """Import the stage and run its `main`; without what it needs, its outputs are absent, too."""
    try:
        resolve_name(f"stages.{entry.stage}:main")(*given)
    except AbsentError as absent:
        outputs = given[-1]
        for path in entry.outs:
            write_absent(absent.dataset, outputs[path])


def recorded_settings(entry: StageEntry, study: Params) -> dict[str, Any]:
    """Return the settings that DVC records when a stage ends, by name."""
    settings = {f"{PARAMS}: {path}": study.read(path, Any) for path in entry.params}
    if entry.fingerprint:
        settings[f"{FINGERPRINTS}: {entry.fingerprint}"] = recorded_fingerprint(entry)
    return settings


def require_same_settings(entry: StageEntry, before: Mapping[str, Any]) -> None:
    """Refuse a result that DVC would record under other settings or code than it is of."""
    study = Params()
    again = read_entry(entry.stage, entry.key, study.tree, entry.file)
    name = f"{GRAPH}: {entry.name}"
    before, now = {**before, name: entry}, {**recorded_settings(again, study), name: again}
    if changed := changed_settings(before, now):
        raise InputError(
            f"{changed[0]} was changed while stage {entry.name} ran, and DVC would "
            "record the new value with the old result. Nothing was kept, except a training's "
            "checkpoint: set it back and run `dvc repro`, or run it with the new value"
        )
    with error_context(f"{entry.name}: its code was changed while it ran, and nothing was kept"):
        require_fingerprint(entry)


def lock_stage(entry: StageEntry, tree: dict[Any, Any]) -> None:
    """Lock this process to what the stage's entry lists."""
    machine = read_machine()
    writable = [partial_folder(Path(path)) for path in entry.outs]
    writable += [Path(".scratch"), temporary_folder()]
    # Modules one by one: what else lies among them, such as templates, has to be a dependency.
    readable = [file for name in CODE for file in Path(name).rglob("*.py")]
    readable += [*map(Path, entry.deps), SETTINGS]
    readable += [Path(table) for tables in TABLES.values() for table in tables]
    readable += [target for dep in entry.deps for target in link_targets(Path(dep))]
    if entry.stage in NETWORK_STAGES:
        sections = ("datasets", "shifts", "weights")
        named = [tree.get(name, {}).get(entry.key) for name in sections]
        folders = Path(machine.folders)
        places = [place for source in named for place in sources(source, folders)]
        readable += [*places, *(target for place in places for target in link_targets(place))]
        readable += [Path.home() / ".cache/huggingface", Path.home() / ".netrc"]
        readable += [Path(os.environ[name]) for name in ACCESS if os.environ.get(name)]
        writable.append(Path(machine.downloads))
    if machine.processes > 1:
        readable += OWN_FILES
    for folder in writable:
        folder.mkdir(parents=True, exist_ok=True)
    lock(readable, writable, map(Path, CODE))


def temporary_folder() -> Path:
    """Return the folder for temporary files, or set one if the repository itself lies in it."""
    folder = Path(tempfile.gettempdir())
    if Path().resolve().is_relative_to(folder.resolve()):
        folder = Path(".scratch/tmp").absolute()
        os.environ["TMPDIR"], tempfile.tempdir = str(folder), None
    return folder


def link_targets(path: Path) -> list[Path]:
    """Return the targets of links: in DVC's cache, or where a user's images are."""
    targets, todo = dict[Path, None](), [path]
    while todo:
        place = todo.pop()
        for file in [place, *(place.rglob("*") if place.is_dir() else ())]:
            if file.is_symlink() and (target := file.resolve()) not in targets:
                targets[target] = None
                todo.append(target)
    return list(targets)


def sources(entry: Any, folders: Path) -> list[Path]:
    """Return the files and folders of the user's that an entry of params.yaml names.

    Of a pattern for parquet files, that is the folder that they are in.
    """
    if not isinstance(entry, dict):
        return []
    named = [entry[key] for key in ("captions", "file", "folder") if entry.get(key)]
    places = [folders / str(name) for name in named]
    places = [place.parent if place.suffix == ".parquet" else place for place in places]
    return places + [place for value in entry.values() for place in sources(value, folders)]
