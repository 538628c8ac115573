"""A colleague pulls a study through an SSH server and through an object store."""

from collections.abc import Iterator

import pytest

from tests.pipeline.workspace import clone
from tests.stress.remotes import Remote, s3_remote, ssh_remote
from tests.stress.test_remotes import set_options, you

__all__ = ["you"]


@pytest.fixture(scope="module", params=["ssh", "s3"])
def remote(request, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    """Lend the test a remote of each kind in turn."""
    folder = tmp_path_factory.mktemp("remote") / "served"
    with {"ssh": ssh_remote, "s3": s3_remote}[request.param](folder) as served:
        yield served


def test_a_colleague_who_pulls_computes_nothing(remote, nano, you, tmp_path):
    colleague = clone(you.folder, tmp_path / "colleague")
    set_options(colleague, remote.own, "--local")
    colleague.run("dvc", "pull", "--quiet", "--run-cache")
    assert colleague.results() == nano.results()
    assert colleague.repro() == set()
