"""The times of files, on the clock of whoever looks at them."""

import numpy as np
import pytest
from fakes import FakeAtlas

from clipper.query_filter import InRange
from viewer.dataset.columns.facets import ScaleFacet
from viewer.dataset.columns.filters import filter_rows
from viewer.dataset.columns.local_times import known_zone, local_seconds, zone_words
from viewer.dataset.dataset import INDEXED, KEPT_OF_ZONES, MODIFIED, Dataset

NOON = 1_709_294_400.0  # 2024-03-01T12:00Z
HOUR = 3600


@pytest.mark.parametrize(
    ("zone", "hours"), [("UTC", 0), ("Asia/Tokyo", 9), ("America/St_Johns", -3.5), ("Pacific/Kiritimati", 14)]
)
def test_a_clock_shows_the_time_of_its_zone(zone: str, hours: float):
    shown = local_seconds(np.array([NOON, np.nan, NOON + 0.75]), zone)
    assert np.floor(shown)[[0, 2]].tolist() == [NOON + hours * HOUR] * 2
    assert np.isnan(shown[1])


def test_a_clock_is_put_forward_in_summer():
    summer = NOON + 150 * 24 * HOUR
    assert local_seconds(np.array([NOON, summer]), "Europe/Berlin").tolist() == [
        NOON + HOUR,
        summer + 2 * HOUR,
    ]


@pytest.mark.parametrize(
    "name", ["", "Middle-earth/Shire", "../../etc/passwd", "/etc/passwd", "x" * 9_999, "a\0b"]
)
def test_a_zone_that_nobody_knows_is_utc(name: str):
    assert known_zone(name) == "UTC"


def test_the_words_name_the_zone():
    assert zone_words("UTC") == "in UTC"
    assert zone_words("America/St_Johns") == "in America/St Johns time"


def test_times_of_files_are_filed_on_the_visitors_day_and_those_of_photos_are_not():
    dataset = Dataset(FakeAtlas())
    far = dataset.facets_with({}, zone="Pacific/Kiritimati")
    near = dataset.facets_with({})
    for name in (MODIFIED, INDEXED):
        if name in near:
            one, other = far[name], near[name]
            assert isinstance(one, ScaleFacet)
            assert isinstance(other, ScaleFacet)
            known = np.isfinite(other.values)
            assert (one.values - np.floor(other.values))[known].tolist() == [14 * HOUR] * int(known.sum())
    others = near.keys() - {MODIFIED, INDEXED}
    assert all(far[name] is near[name] for name in others)


def test_a_filter_on_file_times_means_the_visitors_clock():
    dataset = Dataset(FakeAtlas())
    utc = dataset.facet(MODIFIED)
    assert isinstance(utc, ScaleFacet)
    row = int(np.nanargmin(utc.values))
    for zone in ("UTC", "Asia/Tokyo"):
        facets = dataset.facets_with({}, zone=zone)
        shown = str(np.datetime64(int(local_seconds(utc.values[row : row + 1], zone)[0]), "s"))
        kept = filter_rows(facets, {MODIFIED: InRange(shown, shown)}, masks={})
        assert kept is not None
        assert kept[row]


def test_of_many_zones_only_the_latest_are_kept():
    dataset = Dataset(FakeAtlas())
    for minutes in range(3):
        for hours in range(1, 13):
            zone = ("Etc/GMT+", "Etc/GMT-", "Etc/GMT+")[minutes] + str(hours)
            facet = dataset.facet(MODIFIED, zone=zone)
            assert facet is not None
            assert dataset.facet(MODIFIED, zone=zone) is facet
            assert dataset.sort_key(MODIFIED, zone=zone) is not None
            assert dataset.colouring(MODIFIED, zone=zone).name == f"File modified (in {zone} time)"
    assert len(dataset._zoned) == KEPT_OF_ZONES
