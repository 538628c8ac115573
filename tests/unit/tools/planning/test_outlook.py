"""What is said of a study whose data comes from elsewhere."""

import pytest

from stages.config.machine import Machine
from tools import reach as probe
from tools.amounts import UNKNOWN, Amount, about
from tools.outlook import DatasetOutlook, downloads, look_ahead, stored
from tools.reach import Folder, Location, Reach, Repository, Url

SIZES = {Repository: Amount(1_000_000), Url: Amount(690_000), Folder: Amount(0)}


@pytest.fixture
def outlook(remote, monkeypatch):
    def answer(place, machine, *, offline):
        problem = "gone" if isinstance(place, Folder) else None
        return Reach(problem, UNKNOWN if offline else SIZES[type(place)], asked=not offline)

    monkeypatch.setattr(probe, "reach", answer)
    return lambda offline: look_ahead(remote, Machine(), offline=offline)


def test_a_download_is_what_the_host_says(outlook):
    found = {item.key: item for item in outlook(False).datasets}
    assert found["imagenet_v2"].download == Amount(1_000_000)
    assert found["imagenet_a"].download == Amount(690_000)
    assert found["imagenet_val"].download == found["imagenet_r"].download == Amount(0)


def test_a_limit_keeps_its_share_of_the_download(outlook):
    found = {item.key: item for item in outlook(False).datasets}
    assert found["imagenet_v2"].images == Amount(2000)
    assert found["imagenet_v2"].stored == about(1_000_000 * 2000 / 10_000)
    assert found["imagenet_r"].stored == Amount(0)


def test_a_download_is_estimated_where_nobody_was_asked(outlook):
    plan = outlook(True)
    found = {item.key: item for item in plan.datasets}
    assert found["imagenet_v2"].download == about(1.26e9)
    assert plan.unasked == 3


def test_problems_name_the_place_and_the_reason(outlook):
    assert outlook(False).problems == [("val", "gone")]


def test_what_two_entries_take_from_one_place_counts_once():
    places: list[Location] = [Url("http://host/a"), Url("http://host/b"), Url("http://host/c")]
    reach = dict(zip(places, [Reach(None, Amount(n)) for n in (1, 10, 100)], strict=True))
    items = [dataset(places[:2], Amount(11)), dataset(places[1:], Amount(110))]
    assert downloads(items, reach) == Amount(111)
    reach[places[0]] = Reach(None, UNKNOWN)
    assert downloads(items, reach) == Amount(11 + 110)


def dataset(places, download: Amount) -> DatasetOutlook:
    return DatasetOutlook(
        key="d",
        kind="captions",
        source="archive",
        places=tuple(places),
        images=UNKNOWN,
        download=download,
        stored=UNKNOWN,
    )


def test_without_a_download_the_images_say_what_is_stored():
    assert stored(Amount(10), Amount(10), about(5), Amount(0)) == about(50)
    assert stored(UNKNOWN, UNKNOWN, UNKNOWN, Amount(70)) == about(70)
    assert stored(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN) == UNKNOWN
