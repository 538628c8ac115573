"""Several stages at a time: divide the stale stages into jobs, which Snakemake starts.

DVC determines the stale stages and what they wait for. A job is one `dvc repro --single-item` of a
few stages, in which DVC checks each of them again and keeps the results. Snakemake decides nothing
about staleness: the marks and logs of jobs, in `.scratch/jobs`, are new in each run.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_json
from runner.launcher import launching_command
from runner.machine_settings import MachineSettings, read_machine
from runner.process import die_with_parent
from tools.stage_server import stage_server

if TYPE_CHECKING:
    from networkx import DiGraph

FOLDER, LOCK = Path(".scratch/jobs"), Path(".scratch/jobs.lock")
SNAKEFILE = Path(__file__).with_name("Snakefile")
DVC = (sys.executable, "-m", "tools", "fast-dvc", "--lines", "--wait-for-lock", "repro")
JOB = (sys.executable, "-m", "tools", "job")

FIRST = ("code", "study")
"""Every other stage waits for these two, and `code` determines which others are stale."""

TRAINING_STAGES = ("pretrain", "finetune", "supervise")
FORWARD = ("head", "extract", "extract_broden", "extract_layers")
OWN_SHIFTS = ("fetch_shift", "shift_baseline", "extract_shift", "measure_shift")
ARRAYS = ("array_rotations", "arrays", "labelled_arrays", "array_concepts")
"""The stages of arrays that somebody has published."""

PROBING = ("extract_train", "probe")
"""The stages of a linear probe."""

SINGLE_STAGE_JOBS = (
    *(*TRAINING_STAGES, *PROBING, "weights", "interpolate", "fetch"),
    *("extract_untrained", "untrained", "fetch_arrays"),
    *OWN_SHIFTS,
)
"""Stages of a key that share no job; all others are of an encoder and share its job."""

Jobs = dict[str, dict[str, Any]]
"""By name, a job's stages in order, the jobs that it waits for, its priority and its GPUs."""


def run_stale(at_a_time: int, snakemake: str) -> int:
    """Run the stale stages, first the ones that decide it; return the last `dvc repro`'s status.

    `snakemake` is its program, in an environment of its own.
    """
    LOCK.parent.mkdir(exist_ok=True)
    try:
        with LOCK.open("wb") as lock:
            refuse_others(lock)
            if stale_graph(FIRST) and (code := child([*DVC, *FIRST])):
                return code
            graph = stale_graph()
            if not graph:
                sys.stdout.write("All stages are up to date.\n")
                return 0
            machine = read_machine()
            jobs = planned(graph, machine)
            with stage_server():
                run_all(jobs, usable_gpus(jobs, machine), at_a_time, snakemake)
            return child(DVC)
    except KeyboardInterrupt:  # `run_all` handles the signal while Snakemake runs
        raise InputError("interrupted; `make repro` continues from here") from None


def refuse_others(lock: IO[bytes]) -> None:
    """Take a lock that Snakemake inherits: a second run would delete the marks of the first."""
    os.set_inheritable(lock.fileno(), True)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            "another `make repro JOBS` runs in this folder; wait until it has ended"
        ) from None


def child(command: Sequence[str], stderr: IO[bytes] | None = None) -> int:
    """Run a command that ends with this process and inherits the lock; return its exit status."""
    return subprocess.run(
        command, check=False, stderr=stderr, close_fds=False, preexec_fn=die_with_parent
    ).returncode


def stale_graph(targets: Sequence[str] = ()) -> "DiGraph":
    """Return the stages that `dvc status` calls stale, among all or some, and all that wait for
    them.

    Edges lead from a stage to those that wait for it.
    """
    import networkx as nx
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(_wait_for_lock=True) as repo:
            stale: Any = repo.status(list(targets))
            graph = repo.index.graph.reverse()
            graph = nx.relabel_nodes(graph, {stage: stage.addressing for stage in graph})
    except DvcException as error:
        raise InputError(f"DVC: {' '.join(str(error).split())}") from None
    waiting = set(stale).union(*(nx.descendants(graph, stage) for stage in stale))
    return graph.subgraph(waiting if targets else waiting - {*FIRST})


def job_name(stage: str, on_cpu: bool) -> str:
    """Return the job of a stage; stages share jobs, since starting DVC takes a second.

    A stage that holds a GPU shares no job with one that needs none.
    """
    kind, _, key = stage.partition("@")
    if kind == "cka":
        return "comparisons"
    if not key or kind in SINGLE_STAGE_JOBS:
        return stage
    if kind in ARRAYS:
        return f"arrays@{key}"
    return f"{'encoder' if on_cpu else 'forward' if kind in FORWARD else 'measures'}@{key}"


def planned(graph: "DiGraph", machine: MachineSettings) -> Jobs:
    """Divide stages into jobs.

    Jobs that would wait for each other are split into their stages. A job's priority is the number
    of jobs that wait for it.
    """
    import networkx as nx

    order = list(nx.lexicographical_topological_sort(graph))
    names = {stage: job_name(stage, machine.device == "cpu") for stage in order}
    while True:
        jobs = nx.DiGraph()
        jobs.add_nodes_from(names.values())
        jobs.add_edges_from((names[a], names[b]) for a, b in graph.edges if names[a] != names[b])
        circles = set().union(*(c for c in nx.strongly_connected_components(jobs) if len(c) > 1))
        if not circles:
            break
        names |= {stage: stage for stage, name in names.items() if name in circles}
    made: Jobs = {}
    for name in jobs:
        stages = [stage for stage in order if names[stage] == name]
        made[name] = {
            "stages": stages,
            "after": sorted(jobs.predecessors(name)),
            "priority": len(nx.descendants(jobs, name)),
            "gpus": max(gpus(stage.partition("@")[0], machine) for stage in stages),
        }
    return made


def gpus(kind: str, machine: MachineSettings) -> int:
    """Return how many GPUs of this host a kind of stage holds."""
    if machine.device == "cpu" or launching_command(machine.launchers, kind):
        return 0
    forward = kind in (*FORWARD, *PROBING, "extract_shift", "extract_untrained", "interpolate")
    return machine.processes if kind in TRAINING_STAGES else int(forward)


def usable_gpus(jobs: Jobs, machine: MachineSettings) -> list[str]:
    """Return the GPUs that jobs share, in CUDA_VISIBLE_DEVICES' names; "" for a `device` that is
    set.
    """
    most = max(job["gpus"] for job in jobs.values())
    if machine.device != "cuda" or not most:
        return [""] * most
    import torch

    count = torch.cuda.device_count()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(count))))
    if count < most:
        raise InputError(
            f"compute.yaml: GPUs that `device` and `processes` need: {most}, that torch sees: "
            f"{count}; check `nvidia-smi` and CUDA_VISIBLE_DEVICES"
        )
    return visible.split(",")[:count]


def run_all(
    jobs: Jobs, gpus: list[str], at_a_time: int, snakemake: str, command: Sequence[str] = JOB
) -> None:
    """Run jobs, each after those that it waits for; if one fails, continue with the others."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    most = min(at_a_time, len(jobs))
    for job in jobs.values():
        # A job on GPUs shares the processors only with jobs on other GPUs: it loads images as
        # long as it runs, and most of the rest take seconds.
        sharing = max(1, len(gpus) // job["gpus"]) if job["gpus"] else most
        job["shared_by"] = min(most, sharing)
    plan = {"jobs": jobs, "at_a_time": most, "gpus": gpus, "command": list(command)}
    plan["root"] = str(Path.cwd())
    write_json(FOLDER / "jobs.json", plan)
    interrupted = []
    # Snakemake ends the other jobs, and then we end
    signal.signal(signal.SIGINT, lambda *_: interrupted.append(True))
    log = FOLDER / "snakemake.log"
    options = f"--cores {at_a_time} --resources gpu={len(gpus)} --keep-going --retries 1"
    options += " --scheduler greedy --force-use-threads --profile none --workflow-profile none"
    places = ["--snakefile", str(SNAKEFILE), "--directory", str(FOLDER)]
    with log.open("wb") as stream:
        code = child([snakemake, *places, *options.split()], stream)
    if not code:
        return
    ran = [name for name in jobs if (FOLDER / f"{name}.log").exists()]
    failed = [name for name in ran if not (FOLDER / f"{name}.done").exists()]
    what = f"failed: {', '.join(failed)}" if failed else f"Snakemake exited with {code}; see {log}"
    raise InputError(
        f"{'interrupted' if interrupted else what}; jobs not started: {len(jobs) - len(ran)}. "
        "Finished results are kept; `make repro` runs the rest"
    )
