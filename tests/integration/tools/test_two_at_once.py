"""A second `dvc repro` in a folder where one runs is refused, and harms nothing."""

import time
from pathlib import Path

from tools.fsck import look


def test_the_second_is_refused_and_the_first_goes_on(workspace):
    graph = Path("dvc.yaml")
    waiting = "touch begun && while test ! -e go; do sleep 0.01; done && cat"
    graph.write_text(graph.read_text().replace("cat", waiting))
    first = workspace.start("dvc", "repro")
    while not Path("begun").exists() and first.poll() is None:
        time.sleep(0.01)
    try:
        said = workspace.run("dvc", "repro", ok=False)
    finally:
        Path("go").touch()
        printed = first.communicate()[0].decode()
    assert "failed to reproduce" in said
    assert f"is busy, it is being blocked by:\n  (PID {first.pid}): " in said
    assert (first.returncode, printed.count("Running stage")) == (0, 1)
    assert look(workspace.folder).faults == []
    assert workspace.repro() == set()
