"""`make plan`: estimate a study's downloads, disk and operations before anything starts.

    python -m tools.plan [STUDY] [--offline] [--gpu-memory GB] [--rate TFLOPS]

Exits 0 if every source is reachable and everything fits the GPU, else 1. Nothing is downloaded.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from interpreting_clip.config.datasets import DatasetEntry
from interpreting_clip.config.own_shifts import ShiftEntry
from interpreting_clip.config.params import PARAMS, convert
from interpreting_clip.errors import one_line
from interpreting_clip.formats.json import read_json
from interpreting_clip.study.check import check
from interpreting_clip.study.sections import Sections
from runner.machine_settings import Machine, read_machine
from runner.process import launch
from tools.amounts import Amount, about, count, hours, metric, size, total
from tools.costs import (
    MEASURED,
    Images,
    Rates,
    Work,
    backbone_name,
    encoder_cost,
    encoder_work,
    equal_rates,
    free_space,
    gpu_hours,
    section_of,
    steps,
    storage,
    trainings,
    untrained_work,
    weight_bytes,
)
from tools.memory import device_memory, memory_table, too_large, usable
from tools.options import Options
from tools.reachable import (
    Answer,
    AskedSource,
    ask_all,
    dataset_sources,
    image_bytes,
    image_count,
    official_count,
    weight_sources,
)

NOTE = """\
The whole study, even if an earlier run left results. ~ estimated, ? unknown.
Operations count a multiplication and an addition as two. Only passes through encoders are counted;
drawing and decoding images, the measures and DVC itself come on top.
Memory is a GPU's, computed from what torch allocates on tensors that have sizes but no data.
"""

NO_HOURS = """\
No hours: `make bench ONLY=gpu` measures this GPU, or give TFLOP/s: OPTIONS='--rate 40'"""

FORMATS = {
    **dict.fromkeys(["images", "forward_passes", "epochs", "steps", "pieces"], count),
    **dict.fromkeys(["download", "stored", "bytes"], size),
    **dict.fromkeys(["all_weights", "gradients", "moments", "activations", "total"], size),
    **dict.fromkeys(["parameters", "per_image", "per_prompt", "operations"], metric),
    "hours": hours,
}
"""The function that prints a column's amounts."""

Row = dict[str, Any]
Answers = Mapping[AskedSource, Answer]


def main(*arguments: str) -> None:
    """Print the plan of a study."""
    options = command_line().parse_args(arguments)
    study, machine = check(options.study), read_machine()
    rates = equal_rates(options.rate) if options.rate else measured_rates()
    gpu = options.gpu_memory * 1e9 if options.gpu_memory else device_memory(machine)
    plan = make_plan(study, machine, offline=options.offline, rates=rates, gpu=gpu)
    sys.stdout.write(
        f"{study.study.title}, {one_line(str(options.study))}: encoders {len(study.encoders)}, "
        f"datasets {len(datasets(study))}, comparisons {len(study.comparisons)}\n{NOTE}\n"
        f"{as_text(plan, rates)}\n"
    )
    if plan["unreachable"] or plan["too_large"]:
        sys.exit(1)


def command_line() -> Options:
    """Return the command line."""
    parser = Options(
        prog="python -m tools.plan",
        description="Estimate what a study downloads, stores and computes; start nothing.",
    )
    parser.add_argument("study", nargs="?", type=Path, default=PARAMS, help="default: %(default)s")
    parser.add_argument("--offline", action="store_true", help="contact no hub and no URL")
    parser.add_argument(
        "--gpu-memory",
        type=positive,
        metavar="GB",
        help="flag trainings that need more; default: this GPU's",
    )
    parser.add_argument(
        "--rate", type=positive, metavar="TFLOPS", help=f"estimate hours at it; default: {MEASURED}"
    )
    return parser


def positive(text: str) -> float:
    """Return a number from the command line."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def measured_rates() -> Rates | None:
    """Return the rates that the benchmark left on this machine, if it has run."""
    return convert(read_json(MEASURED), Rates, "rates", MEASURED) if MEASURED.exists() else None


def make_plan(
    study: Sections,
    machine: Machine,
    *,
    offline: bool,
    rates: Rates | None = None,
    gpu: float | None = None,
) -> dict[str, Any]:
    """Return the plan: tables as lists of rows, what cannot be reached and what does not fit.

    Hours need `rates`; `gpu` is the memory of a GPU in bytes.
    """
    sources = {key: dataset_sources(entry) for key, entry in datasets(study).items()}
    files = {key: found for key, found in weight_sources(study).items() if found}
    both = [*sources.values(), *files.values()]
    answers = ask_all([source for found in both for source in found], machine, offline=offline)
    images = {key: image_count(key, entry) for key, entry in datasets(study).items()}
    rows = [dataset_row(study, key, images[key], sources[key], answers) for key in sources]
    weights = [
        {
            "weights": key,
            "from": str(found[0]),
            "download": download(found, answers, weight_bytes(study, key)),
            "state": state(found, answers),
        }
        for key, found in files.items()
    ]
    sizes = [row["download"] for row in [*rows, *weights]]
    stored = storage(
        study,
        images,
        total(row["stored"] for row in rows),
        total_download(zip(both, sizes, strict=True), answers),
        machine.downloads,
    )
    work = [item for key in study.encoders for item in encoder_work(study, key, images)]
    all_work = [*work, *untrained_work(study)]
    memory = memory_table(study, machine.batch_size)
    return {
        "datasets": rows,
        "encoders": [encoder_row(study, key, work) for key in study.encoders],
        "weights": weights,
        "trainings": [training_row(study, key, images, work) for key in trainings(study)],
        "memory": memory,
        "too_large": too_large(study, memory, gpu) if gpu else {},
        "gpu_memory": gpu,
        "compute": compute_rows(study, all_work, rates),
        "disk": [vars(item) for item in stored],
        "free_space": free_space(stored),
        "revisions": [
            {"repository": f"{source.kind} {source}", "revision": source.revision, "commit": commit}
            for source, answer in answers.items()
            if (commit := answer.commit)
        ],
        "sources": len(answers),
        "unasked": sum(not answer.asked for answer in answers.values()),
        "unreachable": {str(s): answer.problem for s, answer in answers.items() if answer.problem},
    }


def datasets(study: Sections) -> dict[str, DatasetEntry | ShiftEntry]:
    """Return the entries of all datasets, those of the study's own shifts last."""
    return {**study.datasets, **study.shifts}


def dataset_row(
    study: Sections, key: str, images: Amount, sources: list[AskedSource], answers: Answers
) -> Row:
    """Return the known facts about a dataset.

    Its stored size is its share of the download or, without a download, the size of its images.
    """
    entry = datasets(study)[key]
    each = image_bytes(key, entry, study.sources.world)
    whole = official_count(key, entry)
    said = total(answers[source].download for source in sources)
    if said.complete and said.value:
        known = whole.complete and images.complete
        stored = about(said.value * (images.value / whole.value if known else 1))
    else:
        stored = images * each
    return {
        "dataset": key,
        "kind": str(entry.__struct_config__.tag),
        "from": " and ".join(map(str, sources)) or entry.source,
        "images": images,
        "download": download(sources, answers, whole * each),
        "stored": stored,
        "state": state(sources, answers),
    }


def download(sources: list[AskedSource], answers: Answers, estimate: Amount) -> Amount:
    """Return the bytes of all sources, or an estimate if a source does not state its size."""
    said = total(answers[source].download for source in sources)
    return said if said.complete else estimate * about(1)


def total_download(
    downloads: Iterable[tuple[list[AskedSource], Amount]], answers: Answers
) -> Amount:
    """Return the sum; a source that several datasets or encoders share counts once."""
    once: dict[object, Amount] = {}
    for sources, amount in downloads:
        if all(answers[source].download.complete for source in sources):
            once |= {source: answers[source].download for source in sources}
        else:
            once[tuple(sources)] = amount
    return total(once.values())


def state(sources: list[AskedSource], answers: Answers) -> str:
    """Say whether all sources can be reached; nothing if there are none."""
    found = [answers[source] for source in sources]
    if any(answer.problem for answer in found):
        return "CANNOT BE REACHED"
    return ("reached" if all(answer.asked for answer in found) else "not asked") if found else ""


def encoder_row(study: Sections, key: str, work: list[Work]) -> Row:
    """Return an encoder's origin, its costs, and what all of its stages take together."""
    section, entry = section_of(study, key)
    origin = {
        "weights": lambda: str(entry.__struct_config__.tag),
        "finetune": lambda: f"finetune {entry.start}",
        "interpolate": lambda: f"interpolate {entry.alpha:g}",
        "probe": lambda: f"probe {entry.start}",
    }
    name = backbone_name(study, key)
    price = encoder_cost(study, key)
    mine = [item for item in work if item.encoder == key]
    return {
        "encoder": key,
        "made_by": origin.get(section, lambda: section)(),
        "backbone": name,
        "parameters": price.parameters,
        "per_image": price.image,
        "per_prompt": price.text if study.encoders[key].head == "zero_shot" else None,
        "forward_passes": total(item.forward_passes for item in mine),
        "operations": total(item.operations for item in mine),
    }


def training_row(study: Sections, key: str, images: Images, work: list[Work]) -> Row:
    """Return a training's images and costs."""
    entry, stage = trainings(study)[key], section_of(study, key)[0]
    recipe = study.recipes[entry.recipe]
    return {
        "training": key,
        "dataset": entry.dataset,
        "epochs": Amount(recipe.epochs),
        "steps": steps(recipe, images[entry.dataset]),
        "operations": total(w.operations for w in work if (w.stage, w.encoder) == (stage, key)),
    }


def compute_rows(study: Sections, work: list[Work], rates: Rates | None) -> list[Row]:
    """Return the work of each stage and of all, with the hours on one GPU if rates are known."""
    stages = {stage: [w for w in work if w.stage == stage] for stage in (w.stage for w in work)}
    return [
        {
            "stage": stage,
            "forward_passes": total(item.forward_passes for item in items),
            "operations": total(item.operations for item in items),
            "hours": rates and total(gpu_hours(study, item, rates) for item in items),
        }
        for stage, items in {**stages, "all": work}.items()
    ]


def as_text(plan: dict[str, Any], rates: Rates | None) -> str:
    """Return the non-empty tables of a plan, what does not fit, and what cannot be reached."""
    disk = [
        {**row, "temporary": "may be deleted" if row["temporary"] else ""} for row in plan["disk"]
    ]
    disk.append({"what": "all", "bytes": total(row["bytes"] for row in plan["disk"])})
    speed = f", hours on one GPU, TFLOP/s: {one_line(str(rates))}" if rates else ""
    compute = [table(plan["compute"]), *([] if rates else ["", NO_HOURS])]
    tables = {
        "Datasets": table(plan["datasets"]),
        "Encoders": table(plan["encoders"]),
        "Weights": table(plan["weights"]),
        "Trainings": table(plan["trainings"]),
        "Memory of a GPU, computed": table(plan["memory"]),
        f"Compute{speed}": "\n".join(compute),
        "Disk": "\n".join([table(disk), *map(one_line, plan["free_space"])]),
        "Revisions to pin, with today's commit": table(plan["revisions"]),
    }
    parts = [f"{title}\n\n{body}\n" for title, body in tables.items() if body]
    return "\n".join([*parts, verdict(plan)])


def table(rows: list[Row]) -> str:
    """Return rows as a table with amounts right-aligned, without empty columns."""
    if not rows:
        return ""
    columns = [name for name in rows[0] if any(row.get(name) not in ("", None) for row in rows)]
    cells = [
        [
            FORMATS[name](value)
            if isinstance(value := row.get(name), Amount)
            else one_line(value or "")
            for name in columns
        ]
        for row in rows
    ]
    headers = [name.replace("_", " ") for name in columns]
    sides = ["right" if name in FORMATS else "left" for name in columns]
    return tabulate(cells, headers, colalign=sides, disable_numparse=True)


def verdict(plan: dict[str, Any]) -> str:
    """Say what does not fit, whether every source can be reached, and if not, why."""
    if found := plan["too_large"]:
        memory = plan["gpu_memory"]
        room = f"{size(Amount(usable(memory)))} of the GPU's {size(Amount(memory))}"
        lines = [f"  {one_line(key)}: {why}" for key, why in found.items()]
        head = f"{len(found)} of {len(plan['memory'])} do not fit {room}:"
        return "\n".join([head, *lines, "", verdict(plan | {"too_large": {}})])
    if problems := plan["unreachable"]:
        head = f"{len(problems)} of {plan['sources']} sources cannot be reached:"
        return "\n".join([head, *(f"  {one_line(problem)}" for problem in problems.values())])
    if plan["unasked"]:
        return f"Offline: {plan['unasked']} of {plan['sources']} sources were not asked."
    if plan["sources"]:
        return f"{plan['sources']} of {plan['sources']} sources can be reached."
    return "The study needs no source outside of this repository."


if __name__ == "__main__":
    launch(main)
