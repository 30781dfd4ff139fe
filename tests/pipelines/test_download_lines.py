"""The lines of a run's log while a model is downloaded."""

from pipelines.presentation import download_lines


def test_a_download_has_a_first_and_a_last_line_and_not_one_for_each_piece():
    lines: list[str] = []
    report = download_lines(lines.append)
    for done in range(0, 605_000_000, 1_000_000):
        report("download of some/model", done, 605_000_000)
    report("download of some/model", 605_000_000, 605_000_000)
    assert lines[0] == "download of some/model: 0 of 605 MB"
    assert lines[-1] == "download of some/model: 605 of 605 MB"
    assert len(lines) < 20
