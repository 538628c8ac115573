"""Servers to download from, with no pause between tries."""

import pytest

from tests.integration.downloads.loopback import FileServer, HubServer


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr("stages.downloads.http.PAUSE", 0.0)


@pytest.fixture
def server():
    with FileServer() as server:
        yield server


@pytest.fixture
def hub(monkeypatch):
    with HubServer() as hub:
        hub.use(monkeypatch)
        yield hub
