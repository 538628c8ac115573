"""`make plan`: what a study would download, store and compute, before anything is started.

    python -m tools.plan [STUDY] [--offline] [--json] [--gpu-memory GB] [--gpus N,N]
                         [--precision float32 | bfloat16]
                         [--rates FILE | --card a100 | --tflops N] [--cpu-tflops N]

Exits 0 if every source is reachable and everything fits the GPU, else 1. Nothing is downloaded.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace
from tabulate import tabulate

from interpreting_clip.config.check import check
from interpreting_clip.config.params import PARAMS, convert
from interpreting_clip.config.sections import Sections
from interpreting_clip.errors import one_line
from interpreting_clip.formats.json import read_json
from runner.machine import Machine, read_machine
from runner.process import launch
from tools.amounts import Amount, about, count, hours, metric, size, total
from tools.costs import (
    Images,
    Work,
    backbone_name,
    cost,
    encoder_work,
    free_space,
    rate_name,
    section_of,
    steps,
    storage,
    trainings,
    weight_bytes,
)
from tools.memory import device_memory, memory_table, too_large, usable
from tools.options import Options
from tools.rates import ASSUMED, CARDS, MEASURED, Rates, assumed_rates, equal_rates
from tools.schedule import (
    TRAININGS,
    Job,
    enough_gpus,
    longest_path,
    remaining,
    scheduled_hours,
    stage_graph,
)
from tools.sources import (
    Answer,
    Source,
    ask_all,
    dataset_sources,
    image_bytes,
    image_count,
    official_count,
    weight_sources,
)

CPU = 0.2
"""The TFLOP/s assumed for a CPU: half of the peak of four cores at 3 GHz with AVX2."""

NOTE = """\
The whole study, even if an earlier run left results. ~ estimated, ? unknown.
Operations count a multiplication and an addition as two. Hours are only those of passes
through encoders: drawing and decoding images, the measures and DVC itself come on top. A stage
takes one GPU, a training as many as `processes` in compute.yaml if they can share its pieces.
Memory is a GPU's, computed from what torch allocates on tensors that have sizes but no data.
"""

FORMATS = {
    **dict.fromkeys(["images", "forward_passes", "epochs", "steps", "pieces"], count),
    **dict.fromkeys(["download", "stored", "bytes"], size),
    **dict.fromkeys(["all_weights", "gradients", "moments", "activations", "total"], size),
    **dict.fromkeys(["parameters", "per_image", "per_prompt", "operations"], metric),
    **dict.fromkeys(["gpu_hours", "cpu_hours", "hours", "longest_path"], hours),
    **dict.fromkeys(["gpus", "no_gain_beyond"], count),
    "busy": lambda share: share.marked(f"{share.value:.0%}"),
}
"""The function that prints a column's amounts."""

Row = dict[str, Any]
Answers = Mapping[Source, Answer]


def main(*arguments: str) -> None:
    """Print the plan of a study."""
    options = command_line().parse_args(arguments)
    study = check(options.study)
    if precision := options.precision:
        recipes = {
            key: replace(recipe, precision=precision) for key, recipe in study.recipes.items()
        }
        study = replace(study, recipes=recipes)
    machine, rates = read_machine(), ASSUMED
    if options.tflops:
        rates = equal_rates(options.tflops)
    elif options.card:
        rates = assumed_rates(options.card)
    elif options.rates or MEASURED.exists():
        file = options.rates or MEASURED
        rates = convert(read_json(file), Rates, "rates", file)
    gpu = options.gpu_memory * 1e9 if options.gpu_memory else device_memory(machine)
    plan = make_plan(
        study,
        machine,
        offline=options.offline,
        rates=rates,
        cpu=options.cpu_tflops,
        gpu=gpu,
        gpus=options.gpus,
    )
    if options.json:
        sys.stdout.write(json.dumps(plan, indent=1, default=Amount.to_json) + "\n")
    else:
        sys.stdout.write(
            f"{study.study.title}, {one_line(str(options.study))}: encoders {len(study.encoders)}, "
            f"datasets {len(study.datasets)}, comparisons {len(study.comparisons)}\n{NOTE}\n"
            f"{as_text(plan, rates, options.cpu_tflops)}\n"
        )
    if plan["unreachable"] or plan["too_large"]:
        sys.exit(1)


def command_line() -> Options:
    """Return the command line."""
    parser = Options(
        prog="python -m tools.plan",
        description="Say what a study would download, store and compute; start nothing.",
    )
    parser.add_argument("study", nargs="?", type=Path, default=PARAMS, help="default: %(default)s")
    parser.add_argument("--offline", action="store_true", help="contact no hub and no URL")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")
    parser.add_argument(
        "--gpu-memory", type=positive, metavar="GB", help="refuse what takes more; default: CUDA's"
    )
    parser.add_argument(
        "--gpus", type=counts, default=[], metavar="N,N", help="schedule the stages on N GPUs"
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        help="of all trainings; default: the study's",
    )
    speed = parser.add_mutually_exclusive_group()
    speed.add_argument("--rates", type=Path, metavar="FILE", help=f"default: {MEASURED}")
    speed.add_argument("--card", choices=[*CARDS], help="assume its rates; default: h100's")
    speed.add_argument("--tflops", type=positive, help="of your GPU, for all encoders")
    parser.add_argument("--cpu-tflops", type=positive, default=CPU, help="default %(default)s")
    return parser


def positive(text: str) -> float:
    """Return a number from the command line."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def counts(text: str) -> list[int]:
    """Return numbers of GPUs from the command line."""
    values = [int(word) for word in text.split(",")]
    if not all(0 < value <= 10_000 for value in values):
        raise argparse.ArgumentTypeError(f"expected numbers from 1 to 10,000, got {text}")
    return values


def make_plan(
    study: Sections,
    machine: Machine,
    *,
    offline: bool,
    rates: Rates = ASSUMED,
    cpu: float = CPU,
    gpu: float | None = None,
    gpus: Iterable[int] = (),
) -> dict[str, Any]:
    """Return the plan: tables as lists of rows, what cannot be reached and what does not fit.

    `cpu` is a throughput in TFLOP/s, `gpu` the memory of a GPU in bytes, and `gpus` the numbers of
    GPUs to schedule the stages on.

    Raises
    ------
    InputError
        A model or weights do not exist in their library.
    """
    sources = {key: dataset_sources(entry) for key, entry in study.datasets.items()}
    files = {key: found for key, found in weight_sources(study).items() if found}
    both = [*sources.values(), *files.values()]
    answers = ask_all([source for found in both for source in found], machine, offline=offline)
    images = {key: image_count(key, entry) for key, entry in study.datasets.items()}
    datasets = [dataset_row(study, key, images[key], sources[key], answers) for key in sources]
    weights = [
        {
            "weights": key,
            "from": str(found[0]),
            "download": download(found, answers, weight_bytes(study, key)),
            "state": state(found, answers),
        }
        for key, found in files.items()
    ]
    sizes = [row["download"] for row in [*datasets, *weights]]
    stored = storage(
        study,
        images,
        total(row["stored"] for row in datasets),
        total_download(zip(both, sizes, strict=True), answers),
        machine.downloads,
    )
    work = [item for key in study.encoders for item in encoder_work(study, key, images)]
    memory = memory_table(study, machine.batch_size)
    return {
        "datasets": datasets,
        "encoders": [encoder_row(study, key, work) for key in study.encoders],
        "weights": weights,
        "trainings": [training_row(study, key, images, work) for key in trainings(study)],
        "memory": memory,
        "too_large": too_large(study, memory, gpu) if gpu else {},
        "gpu_memory": gpu,
        "compute": compute_rows(study, work, rates, cpu),
        "schedule": [gpus_row(study, work, rates, machine.processes, number) for number in gpus],
        "rates": {"gpu": to_builtins(rates), "cpu": cpu},
        "disk": [vars(item) for item in stored],
        "free_space": free_space(stored),
        "revisions": [
            {"repository": f"{source.kind} {source}", "revision": source.revision, "commit": commit}
            for source, answer in answers.items()
            if (commit := answer.commit)
        ],
        "work": [vars(item) for item in work],
        "sources": len(answers),
        "unasked": sum(not answer.asked for answer in answers.values()),
        "unreachable": {str(s): answer.problem for s, answer in answers.items() if answer.problem},
    }


def dataset_row(
    study: Sections, key: str, images: Amount, sources: list[Source], answers: Answers
) -> Row:
    """Return the known facts about a dataset.

    Its stored size is its share of the download or, without a download, the size of its images.
    """
    entry = study.datasets[key]
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


def download(sources: list[Source], answers: Answers, estimate: Amount) -> Amount:
    """Return the bytes of all sources, or an estimate if a source does not state its size."""
    said = total(answers[source].download for source in sources)
    return said if said.complete else estimate * about(1)


def total_download(downloads: Iterable[tuple[list[Source], Amount]], answers: Answers) -> Amount:
    """Return the sum; a source that several datasets or encoders share counts once."""
    once: dict[object, Amount] = {}
    for sources, amount in downloads:
        if all(answers[source].download.complete for source in sources):
            once |= {source: answers[source].download for source in sources}
        else:
            once[tuple(sources)] = amount
    return total(once.values())


def state(sources: list[Source], answers: Answers) -> str:
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
    }
    name = backbone_name(study, key)
    price = cost(study.backbones[name])
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


def compute_rows(study: Sections, work: list[Work], rates: Rates, cpu: float) -> list[Row]:
    """Return the work of each stage and of all, with the hours on one GPU or on a processor."""
    hours = {item: gpu_hours(study, item, rates) for item in work}
    stages = {stage: [w for w in work if w.stage == stage] for stage in (w.stage for w in work)}
    rows = []
    for stage, items in {**stages, "all": work}.items():
        operations = total(item.operations for item in items)
        rows.append(
            {
                "stage": stage,
                "forward_passes": total(item.forward_passes for item in items),
                "operations": operations,
                "gpu_hours": total(hours[item] for item in items),
                "cpu_hours": operations * about(1 / (cpu * 1e12 * 3600)),
            }
        )
    return rows


def gpu_hours(study: Sections, work: Work, rates: Rates) -> Amount:
    """Return the hours of a stage on one GPU."""
    return work.operations * about(1 / getattr(rates, rate_name(study, work)) / 1e12 / 3600)


def gpus_row(study: Sections, work: list[Work], rates: Rates, processes: int, gpus: int) -> Row:
    """Return the hours of a study on some GPUs.

    A stage takes one GPU. A training takes `processes` GPUs if there are that many and its recipe's
    pieces can be shared evenly; its hours are divided by their number.
    """
    jobs = {name: Job(0.0, 0, after) for name, after in stage_graph(study).items()}
    all_hours = total(gpu_hours(study, item, rates) for item in work)
    for item in work:
        wide, name = 1, f"{item.stage}@{item.encoder}"
        if item.stage in TRAININGS and processes <= gpus:
            pieces = study.recipes[trainings(study)[item.encoder].recipe].pieces
            wide = processes if pieces % processes == 0 else 1
        hours = gpu_hours(study, item, rates).value / wide
        jobs[name] = Job(hours, wide, jobs[name].after)
    taken, path = scheduled_hours(jobs, gpus), longest_path(jobs)
    found = {
        "hours": taken,
        "busy": all_hours.value / (gpus * taken) if taken else 0,
        "longest_path": max(remaining(jobs).values()),
    }
    return {
        "gpus": Amount(gpus),
        **{name: Amount(value, False, all_hours.complete) for name, value in found.items()},
        "no_gain_beyond": Amount(enough_gpus(jobs)),
        "through": ", ".join(path),
    }


def as_text(plan: dict[str, Any], rates: Rates, cpu: float) -> str:
    """Return the non-empty tables of a plan, what does not fit, and what cannot be reached."""
    disk = [
        {**row, "temporary": "may be deleted" if row["temporary"] else ""} for row in plan["disk"]
    ]
    disk.append({"what": "all", "bytes": total(row["bytes"] for row in plan["disk"])})
    processor = f"of a CPU {cpu:g} ({'assumed' if cpu == CPU else 'given'})"
    compared = "; peaks {:.2f} to {:.2f} of it were {}" if rates.memory else ""
    compared = compared.format(*rates.memory or (), one_line(rates.origin))
    tables = {
        "Datasets": table(plan["datasets"]),
        "Encoders": table(plan["encoders"]),
        "Weights": table(plan["weights"]),
        "Trainings": table(plan["trainings"]),
        f"Memory of a GPU, computed{compared}": table(plan["memory"]),
        f"Compute, TFLOP/s {processor}, of a GPU: {one_line(str(rates))}": table(plan["compute"]),
        "Hours on several GPUs, at these rates": table(plan["schedule"]),
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
        head = f"Do not fit {room}, {len(found)} of {len(plan['memory'])}:"
        return "\n".join([head, *lines, "", verdict(plan | {"too_large": {}})])
    if problems := plan["unreachable"]:
        head = f"Cannot be reached, {len(problems)} of {plan['sources']} sources:"
        return "\n".join([head, *(f"  {one_line(problem)}" for problem in problems.values())])
    if plan["unasked"]:
        return f"Offline: {plan['unasked']} of {plan['sources']} sources were not asked."
    if plan["sources"]:
        return f"Every source can be reached: {plan['sources']} of {plan['sources']}."
    return "Nothing comes from elsewhere."


if __name__ == "__main__":
    launch(main)
