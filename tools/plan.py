"""`make plan`: what a study would download, store and compute, before anything is started.

    python -m tools.plan [STUDY] [--offline] [--json] [--tflops N] [--cpu-tflops N]

Exits 0 if every source is reachable, 1 otherwise. Nothing is downloaded.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from stages.config.check import check
from stages.config.machine import Machine, read_machine
from stages.config.params import PARAMS
from stages.config.sections import Sections
from stages.runtime.launch import launch
from tools.amounts import Amount, about, count, hours, metric, size, total
from tools.costs import (
    Images,
    Work,
    backbone_name,
    cost,
    encoder_work,
    free_space,
    section_of,
    steps,
    storage,
    trainings,
    weight_bytes,
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

GPU, CPU = 40.0, 0.2
"""Default TFLOP/s. Both are guesses, and nothing here waits for images to be decoded.

Of a GPU: some 60 % of an H100's 67 in single precision, which the towers use; an A100 (peak 19.5)
has a third of it. Of a processor: half of what four cores at 3 GHz with AVX2 reach at most.
"""

NOTE = """\
The whole study, also where an earlier run left results. ~ an estimate, ? unknown.
Operations count a multiplication and an addition as two. Hours are those of passes through the
encoders alone: drawing and decoding images, the measures and DVC itself come on top.
"""

FORMATS = {
    **dict.fromkeys(["images", "forward_passes", "epochs", "steps"], count),
    **dict.fromkeys(["download", "stored", "bytes"], size),
    **dict.fromkeys(["parameters", "per_image", "per_prompt", "operations"], metric),
    **dict.fromkeys(["gpu_hours", "cpu_hours"], hours),
}
"""How the amounts of a column are printed."""

Row = dict[str, Any]
Answers = Mapping[Source, Answer]


def main(*arguments: str) -> None:
    """Print the plan of a study."""
    options = command_line().parse_args(arguments)
    study = check(options.study)
    plan = make_plan(
        study, read_machine(), offline=options.offline, gpu=options.tflops, cpu=options.cpu_tflops
    )
    if options.json:
        sys.stdout.write(json.dumps(plan, indent=1, default=Amount.to_json) + "\n")
    else:
        sys.stdout.write(
            f"{study.study.title}, {options.study}: encoders {len(study.encoders)}, datasets "
            f"{len(study.datasets)}, comparisons {len(study.comparisons)}\n{NOTE}\n"
            f"{as_text(plan, options.tflops, options.cpu_tflops)}\n"
        )
    if plan["unreachable"]:
        sys.exit(1)


def command_line() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.plan",
        description="Say what a study would download, store and compute; start nothing.",
    )
    parser.add_argument("study", nargs="?", type=Path, default=PARAMS, help="default: %(default)s")
    parser.add_argument("--offline", action="store_true", help="ask no hub and no URL")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")
    parser.add_argument(
        "--tflops", type=positive, default=GPU, help="of your GPU; default %(default)s"
    )
    parser.add_argument("--cpu-tflops", type=positive, default=CPU, help="default %(default)s")
    return parser


def positive(text: str) -> float:
    """Return a throughput given on the command line."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def make_plan(
    study: Sections, machine: Machine, *, offline: bool, gpu: float = GPU, cpu: float = CPU
) -> dict[str, Any]:
    """Return the plan: tables as lists of rows, and what cannot be reached.

    `gpu` and `cpu` are throughputs in TFLOP/s.

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
    return {
        "datasets": datasets,
        "encoders": [encoder_row(study, key, work) for key in study.encoders],
        "weights": weights,
        "trainings": [training_row(study, key, images, work) for key in trainings(study)],
        "compute": compute_rows(work, gpu, cpu),
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
    """Return what is known of a dataset.

    It is stored as its share of the download, or, where nothing is downloaded, as its images.
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
    """Return the bytes that all sources give, or an estimate where one does not say."""
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
    """Say whether all sources can be reached; nothing where there is none."""
    found = [answers[source] for source in sources]
    if any(answer.problem for answer in found):
        return "CANNOT BE REACHED"
    return ("reached" if all(answer.asked for answer in found) else "not asked") if found else ""


def encoder_row(study: Sections, key: str, work: list[Work]) -> Row:
    """Return an encoder's origin and costs, and what it takes in all stages together."""
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
    """Return what a training sees and costs."""
    entry, stage = trainings(study)[key], section_of(study, key)[0]
    recipe = study.recipes[entry.recipe]
    return {
        "training": key,
        "dataset": entry.dataset,
        "epochs": Amount(recipe.epochs),
        "steps": steps(recipe, images[entry.dataset]),
        "operations": total(w.operations for w in work if (w.stage, w.encoder) == (stage, key)),
    }


def compute_rows(work: list[Work], gpu: float, cpu: float) -> list[Row]:
    """Return the work of each stage and of all, with the hours on one GPU or on a processor."""
    stages = {stage: [w for w in work if w.stage == stage] for stage in (w.stage for w in work)}
    rows = []
    for stage, items in {**stages, "all": work}.items():
        operations = total(item.operations for item in items)
        rows.append(
            {
                "stage": stage,
                "forward_passes": total(item.forward_passes for item in items),
                "operations": operations,
                "gpu_hours": operations * about(1 / (gpu * 1e12 * 3600)),
                "cpu_hours": operations * about(1 / (cpu * 1e12 * 3600)),
            }
        )
    return rows


def as_text(plan: dict[str, Any], gpu: float, cpu: float) -> str:
    """Return the tables of a plan that have rows, and whether every source can be reached."""
    disk = [
        {**row, "temporary": "may be deleted" if row["temporary"] else ""} for row in plan["disk"]
    ]
    disk.append({"what": "all", "bytes": total(row["bytes"] for row in plan["disk"])})
    speed = f"{gpu:g} TFLOP/s of a GPU (--tflops) or {cpu:g} of a CPU (--cpu-tflops)"
    tables = {
        "Datasets": table(plan["datasets"]),
        "Encoders": table(plan["encoders"]),
        "Weights": table(plan["weights"]),
        "Trainings": table(plan["trainings"]),
        f"Compute, at {speed}": table(plan["compute"]),
        "Disk": "\n".join([table(disk), *plan["free_space"]]),
        "Revisions to pin, with today's commit": table(plan["revisions"]),
    }
    parts = [f"{title}\n\n{body}\n" for title, body in tables.items() if body]
    return "\n".join([*parts, verdict(plan)])


def table(rows: list[Row]) -> str:
    """Return rows as a table, amounts to the right, without the columns that are empty."""
    if not rows:
        return ""
    columns = [name for name in rows[0] if any(row.get(name) not in ("", None) for row in rows)]
    cells = [
        [
            FORMATS[name](value) if isinstance(value := row.get(name), Amount) else value
            for name in columns
        ]
        for row in rows
    ]
    headers = [name.replace("_", " ") for name in columns]
    sides = ["right" if name in FORMATS else "left" for name in columns]
    return tabulate(cells, headers, colalign=sides, disable_numparse=True)


def verdict(plan: dict[str, Any]) -> str:
    """Say whether every source can be reached, and why one cannot."""
    if problems := plan["unreachable"]:
        head = f"Cannot be reached, {len(problems)} of {plan['sources']} sources:"
        return "\n".join([head, *(f"  {problem}" for problem in problems.values())])
    if plan["unasked"]:
        return f"Offline: {plan['unasked']} of {plan['sources']} sources were not asked."
    if plan["sources"]:
        return f"Every source can be reached: {plan['sources']} of {plan['sources']}."
    return "Nothing comes from elsewhere."


if __name__ == "__main__":
    launch(main)
