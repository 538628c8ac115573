"""The nano study through `make repro JOBS=2`: the results of a serial run, whatever happens."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pipeline.workspace import Workspace, new_workspace
from tests.processes import processes, wait_for
from tests.stress.conftest import LONG
from tools import jobs

KEY, OTHERS = "rn_untrained", ("rn_web_broad", "rn_web_broad_finetuned", "rn_web_broad_probe")
FIRST = '    settings = params.read("kurtosis", Settings)'
RAISE = f"    if key == 'rn_untrained':\n        raise ValueError('a fault')\n{FIRST}"

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="prctl(2) and /proc are Linux's"
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, snakemake: Path) -> Workspace:
    """Return a clone in which the study has been run, two jobs at a time."""
    workspace = new_workspace(tmp_path_factory.mktemp("jobs") / "clone")
    repro(workspace, snakemake)
    workspace.commit("Run the nano study")
    return workspace


def make_repro(snakemake: Path, number: int) -> tuple[str, ...]:
    """Return the command `make repro JOBS=<number>`, with the environments of the tests."""
    old = ("--old-file", ".venv/ready", "--old-file", f"{snakemake}/ready")
    return ("make", "--silent", *old, "repro", f"JOBS={number}", f"SNAKEMAKE={snakemake}")


def repro(workspace: Workspace, snakemake: Path, ok: bool = True) -> set[str]:
    """Run `make repro JOBS=2`; return the jobs that it started."""
    said = workspace.run(*make_repro(snakemake, 2), ok=ok)
    return {line.partition(":")[0] for line in said.splitlines() if ": started, " in line}


def assert_equal(workspace: Workspace, other: Workspace) -> None:
    assert workspace.lock() == other.lock()
    assert workspace.results() == other.results()


def test_two_jobs_leave_what_a_serial_run_leaves(study, nano):
    assert_equal(study, nano)
    # the first by DVC itself, the rest in jobs
    first, shown = (
        set(re.findall(rf"^\[ *\d+/{of}\] (\S+)", study.printed, re.MULTILINE))
        for of in ("2", r"\d+")
    )
    assert first == {*jobs.FIRST} and shown == {*study.lock()}
    assert study.repro() == set()


def test_a_parameter_starts_what_it_reaches_and_a_failure_stops_no_other(study, snakemake, nano):
    module = study.folder / "stages/kurtosis.py"
    code = module.read_text()
    assert FIRST in code
    module.write_text(code.replace(FIRST, RAISE, 1))
    before = study.lock()
    started = repro(study, snakemake, ok=False)
    assert started == {f"encoder@{key}" for key in (KEY, *OTHERS)}
    said = study.printed[study.printed.rindex(f"encoder@{KEY}: failed\n") :]
    assert "ValueError: a fault. This is a defect" in said and "Traceback" not in study.printed
    # the error, and that others began and ended
    lines = [line for line in said.splitlines() if not line.startswith("[")]
    assert len(lines) < 8 + len(OTHERS) and "Error 1" in said
    assert not (study.folder / jobs.FOLDER / f"kurtosis@{KEY}.ended").exists()
    changed = {name for name, entry in study.lock().items() if entry != before[name]}
    assert changed == {"code", *(f"kurtosis@{key}" for key in OTHERS)}
    module.write_text(code)
    assert repro(study, snakemake) == {"report", *(f"encoder@{key}" for key in (KEY, *OTHERS))}
    assert_equal(study, nano)


def start(study: Workspace, snakemake: Path, seed: int) -> subprocess.Popen[bytes]:
    """Run the study with another seed, up to where an encoder's images are passed forward."""
    study.change("recipes.finetuning.seed", seed)
    shutil.rmtree(study.folder / jobs.FOLDER)
    with study.folder.with_name("said").open("wb") as said:
        run = subprocess.Popen(
            make_repro(snakemake, 2),
            cwd=study.folder,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            start_new_session=True,
            stdout=said,
            stderr=said,
            # which a shell lets commands in the background ignore
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
    log = study.folder / jobs.FOLDER / "encoder@rn_web_broad_finetuned.log"
    while run.poll() is None and not (log.exists() and b"Running stage" in log.read_bytes()):
        time.sleep(0.05)
    return run


def said(study: Workspace) -> str:
    return study.folder.with_name("said").read_text()


@pytest.mark.parametrize(("how", "seed"), [("interrupt", 8), *([("kill", 7)] if LONG else [])])
def test_a_run_that_was_ended_goes_on(study, snakemake, nano, how, seed):
    run = start(study, snakemake, seed)
    if how == "kill":
        run.kill()
    else:
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does
    assert run.wait()
    assert wait_for(lambda: not processes(study.folder)), processes(study.folder)
    assert ("error: interrupted" in said(study)) == (how == "interrupt")
    started = repro(study, snakemake)
    assert {"encoder@rn_web_broad_finetuned", "report"} <= started
    assert not any(name.startswith("pretrain") for name in started)
    study.run("git", "checkout", "--quiet", "params.yaml")
    repro(study, snakemake)
    assert_equal(study, nano)


WORK = """
import os, sys, time
from pathlib import Path
assert os.environ["OMP_NUM_THREADS"] == "7"  # as it was: results may depend on it
mine = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
for gpu in mine:
    Path(gpu).touch(exist_ok=False)
time.sleep(0.2)
for gpu in mine:
    Path(gpu).unlink()
shared_by = os.environ["INTERPRETING_CLIP_SHARED_BY"]
Path("used").open("a").write(f"{sys.argv[1]} {len(mine)} {shared_by}\\n")
"""


def test_each_job_has_gpus_of_its_own(snakemake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    plan = {
        f"job{i}": {"stages": [], "after": [], "priority": 9 - i, "gpus": i % 2 + 1}
        for i in range(6)
    }
    handler = signal.getsignal(signal.SIGINT)
    try:
        work = (sys.executable, "-c", WORK)
        jobs.run_all(plan, ["GPU-a", "GPU-b", "GPU-c"], 6, f"{snakemake}/bin/snakemake", work)
    finally:
        signal.signal(signal.SIGINT, handler)
    used = dict(line.split(maxsplit=1) for line in Path("used").read_text().splitlines())
    # Three jobs with one GPU can run at a time, or one with two.
    assert used == {name: f"{job['gpus']} {3 // job['gpus']}" for name, job in plan.items()}
