"""`make plan`: what a study would download, store and compute, before anything is started.

    python -m tools.plan [STUDY] [--offline] [--json] [--tflops N] [--cpu-tflops N]

It ends with 0 when every source can be reached, with 1 otherwise.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stages.config.check import check
from stages.config.machine import read_machine
from stages.config.params import PARAMS
from stages.config.sections import Sections
from stages.runtime.launch import launch
from tools.amounts import Amount, count, hours, operations, size, table, titled, total
from tools.costs import CPU, GPU, Speed, Work, home, steps, trainings
from tools.outlook import Outlook
from tools.reach import Location


def main(*arguments: str) -> None:
    """Print the plan of a study."""
    from tools.outlook import look_ahead

    asked = parser().parse_args(arguments)
    study, machine = check(asked.study), read_machine()
    outlook = look_ahead(study, machine, offline=asked.offline)
    speed = Speed(gpu=asked.tflops, cpu=asked.cpu_tflops)
    if asked.json:
        sys.stdout.write(json.dumps(record(outlook, speed), indent=1) + "\n")
    else:
        sys.stdout.write(page(asked.study, study, outlook, speed))
    if outlook.problems:
        sys.exit(1)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    line = argparse.ArgumentParser(
        prog="python -m tools.plan",
        description="Say what a study would download, store and compute; start nothing.",
    )
    line.add_argument("study", nargs="?", type=Path, default=PARAMS, help="default: %(default)s")
    line.add_argument("--offline", action="store_true", help="ask no hub and no URL")
    line.add_argument("--json", action="store_true", help="print the plan as JSON")
    line.add_argument(
        "--tflops", type=positive, default=GPU, help="of your GPU; default %(default)s"
    )
    line.add_argument("--cpu-tflops", type=positive, default=CPU, help="default %(default)s")
    return line


def positive(text: str) -> float:
    """Return a throughput given on the command line."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


if __name__ == "__main__":
    launch(main)


NOTE = "~ an estimate, ? unknown; operations count a multiplication and an addition as two"


def page(file: Path, study: Sections, outlook: Outlook, speed: Speed) -> str:
    """Return the whole plan as text."""
    head = (
        f"{study.study.title}, {file}: encoders {len(study.encoders)}, datasets "
        f"{len(study.datasets)}, comparisons {len(study.comparisons)}\n{NOTE}\n"
    )
    parts = [
        titled("Datasets", datasets(outlook)),
        titled("Encoders", encoders(outlook)),
        titled("Weights", weights(outlook)) if any(e.places for e in outlook.encoders) else "",
        titled("Trainings", training_table(study, outlook)) if trainings(study) else "",
        titled(f"Compute, {speed}", compute(outlook, speed)),
        titled("Disk", disk(outlook)),
        titled("Revisions to pin", pins(outlook)) if outlook.pins else "",
        verdict(outlook),
    ]
    return "\n".join([head, *filter(None, parts)])


def datasets(outlook: Outlook) -> str:
    """Return a row per dataset."""
    rows = [
        (
            item.key,
            item.kind,
            " and ".join(map(str, item.places)) or item.source,
            count(item.images),
            size(item.download),
            size(item.stored),
            state(outlook, item.places),
        )
        for item in outlook.datasets
    ]
    header = ("dataset", "kind", "from", "images", "download", "stored", "")
    return table(header, rows, words=3)


def encoders(outlook: Outlook) -> str:
    """Return a row per encoder, with its own forward passes and operations in all stages."""
    rows = []
    for item in outlook.encoders:
        work = [work for work in outlook.work if work.encoder == item.key]
        price = item.cost
        costs = (price.parameters, price.image, price.text if item.head == "zero_shot" else None)
        done = total(w.passes for w in work), total(w.operations for w in work)
        shown = [operations(cost) if cost else "" for cost in costs]
        facts = (item.key, item.origin, item.backbone)
        rows.append((*facts, *shown, count(done[0]), operations(done[1])))
    header = ("encoder", "made by", "backbone", "parameters", "per image", "per prompt")
    return table((*header, "forward passes", "operations"), rows, words=3)


def weights(outlook: Outlook) -> str:
    """Return a row per encoder whose weights come from elsewhere."""
    rows = [
        (item.key, str(item.places[0]), size(item.download), state(outlook, item.places))
        for item in outlook.encoders
        if item.places
    ]
    return table(("weights", "from", "download", ""), rows, words=2)


def state(outlook: Outlook, places: Iterable[Location]) -> str:
    """Say whether all places can be reached; nothing where there is none."""
    found = [outlook.reach[place] for place in places]
    if not found:
        return ""
    if any(item.problem for item in found):
        return "CANNOT BE REACHED"
    return "reached" if all(item.asked for item in found) else "not asked"


def training_table(study: Sections, outlook: Outlook) -> str:
    """Return a row per training: what it sees, and what it costs."""
    images = {item.key: item.images for item in outlook.datasets}
    costs = {(work.stage, work.encoder): work for work in outlook.work}
    rows = [
        (
            key,
            entry.dataset,
            f"{study.recipes[entry.recipe].epochs:,}",
            count(steps(study.recipes[entry.recipe], images[entry.dataset])),
            operations(costs[home(study, key)[0], key].operations),
        )
        for key, entry in trainings(study).items()
    ]
    return table(("training", "dataset", "epochs", "steps", "operations"), rows, words=2)


def compute(outlook: Outlook, speed: Speed) -> str:
    """Return a row per stage, and the sum."""
    stages = dict.fromkeys(work.stage for work in outlook.work)
    rows = [
        work_row(stage, [w for w in outlook.work if w.stage == stage], speed) for stage in stages
    ]
    header = ("stage", "forward passes", "operations", "GPU", "or CPU")
    return table(header, [*rows, work_row("all", outlook.work, speed)])


def work_row(name: str, work: list[Work], speed: Speed) -> tuple[str, ...]:
    """Return what some work comes to."""
    done = total(item.operations for item in work)
    passes = total(item.passes for item in work)
    times = speed.gpu_hours(done), speed.cpu_hours(done)
    return (name, count(passes), operations(done), *map(hours, times))


def disk(outlook: Outlook) -> str:
    """Return a row per kind of file, the sum, and what is free on each disk."""
    rows = [
        (room.what, room.folder, size(room.bytes), "may be deleted" if room.passing else "")
        for room in outlook.rooms
    ]
    whole = ("all", "", size(total(room.bytes for room in outlook.rooms)), "")
    sizes = table(("what", "where", "bytes", ""), [*rows, whole], words=2)
    return "\n".join([sizes, *map(str, outlook.disks)])


def pins(outlook: Outlook) -> str:
    """Return a row per repository whose revision may change under the study."""
    rows = [(f"{place.kind} {place}", place.revision, commit) for place, commit in outlook.pins]
    return table(("repository", "revision", "is today the commit"), rows, words=3)


def verdict(outlook: Outlook) -> str:
    """Say whether everything can be reached, and what cannot, with the reason."""
    asked, problems = len(outlook.reach), outlook.problems
    if problems:
        lines = [f"Cannot be reached, {len(problems)} of {asked} sources:"]
        lines += [f"  {reason}" for _, reason in problems]
    elif outlook.unasked:
        lines = [f"Offline: {outlook.unasked} of {asked} sources were not asked."]
    elif asked:
        lines = [f"Every source can be reached: {asked} of {asked}."]
    else:
        lines = ["Nothing comes from elsewhere."]
    return "\n".join([*lines, ""])


def record(outlook: Outlook, speed: Speed) -> dict[str, Any]:
    """Return the plan for a program: amounts with whether they are estimated and complete."""
    return {
        "datasets": {item.key: plain(item, outlook) for item in outlook.datasets},
        "encoders": {item.key: plain(item, outlook) for item in outlook.encoders},
        "compute": [
            {
                "stage": work.stage,
                "encoder": work.encoder,
                "passes": work.passes.plain(),
                "operations": work.operations.plain(),
                "gpu_hours": speed.gpu_hours(work.operations).plain(),
                "cpu_hours": speed.cpu_hours(work.operations).plain(),
            }
            for work in outlook.work
        ],
        "disk": {room.folder: room.bytes.plain() for room in outlook.rooms},
        "warnings": [str(disk) for disk in outlook.disks if disk.is_short],
        "unreachable": dict(outlook.problems),
        "unasked": outlook.unasked,
        "commits": {str(place): commit for place, commit in outlook.pins},
    }


def plain(item: Any, outlook: Outlook) -> dict[str, Any]:
    """Return a dataset or an encoder for a program."""
    facts = {name: value for name, value in vars(item).items() if name != "key"}
    facts |= vars(facts.pop("cost")) if "cost" in facts else {}
    facts = {k: v.plain() if isinstance(v, Amount) else v for k, v in facts.items()}
    return {
        **facts,
        "places": [str(place) for place in item.places],
        "state": state(outlook, item.places) or "nothing to reach",
    }
