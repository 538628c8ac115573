"""Servers to download from, with no pause between attempts."""

import pytest

from tests.integration.downloads.loopback import FileServer, HubServer


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Make no attempt wait: neither ours nor those of the hub's client."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)


@pytest.fixture
def server():
    with FileServer() as server:
        yield server


@pytest.fixture
def hub(monkeypatch):
    with HubServer() as hub:
        hub.use(monkeypatch)
        yield hub
