"""Two people share a study through an SSH server and through an object store."""

from collections.abc import Iterator

import pytest

from tests.stress.remotes import Remote, s3_remote, ssh_remote
from tests.stress.test_remotes import (
    test_two_people_compute_and_download_no_more_than_an_encoder_s_change_reaches,
    you,
)

__all__ = ["test_two_people_compute_and_download_no_more_than_an_encoder_s_change_reaches", "you"]


@pytest.fixture(scope="module", params=["ssh", "s3"])
def remote(request, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    """Lend the test a remote of each kind in turn."""
    folder = tmp_path_factory.mktemp("remote") / "served"
    with {"ssh": ssh_remote, "s3": s3_remote}[request.param](folder) as served:
        yield served
