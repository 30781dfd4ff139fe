"""When pictures were taken, for the choice of the copy to keep: columns say what each time alone says."""

from datetime import UTC, datetime

import numpy as np
import pytest

from clipper.indexing.insights.duplicates import _seconds
from clipper.metadata.values.column_values import Values

PLAIN = ["2021-05-03T10:20:30", "1969-12-31T23:59:59", "1000-01-01T00:00:00", "9999-12-31T23:59:59"]
ODD = ["2021-05-03T10:20:30.250", "2021-05-03T10:20:30+02:00", "2021-05-03", "0999-01-01T00:00:00"]
NO_TIMES = ["2021-06-31T10:20:30", "2021-05-03T25:00:00", "0000-01-01T00:00:00", "yesterday", ""]


def alone(text: str) -> float:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return float("nan")


@pytest.mark.parametrize("texts", [PLAIN, PLAIN + ODD, PLAIN + ODD + NO_TIMES, NO_TIMES, []])
def test_times_are_seconds_by_the_wall_clock_and_what_is_none_is_unknown(texts: list[str]):
    found = _seconds(Values.of_list(np.arange(len(texts)), texts))
    assert np.array_equal(found, np.array([alone(text) for text in texts], float), equal_nan=True)


def test_times_of_several_kinds_are_read_one_by_one():
    found = _seconds(Values.of_list(np.arange(3), ["2021-05-03T10:20:30", 2021, True]))
    assert np.isfinite(found).tolist() == [True, False, False]
