"""How much memory a program may still take, by the tables of Linux."""

from pathlib import Path

import pytest

from clipper import system

MEMORY = (
    "MemTotal:       16000 kB\nMemFree:         1000 kB\nMemAvailable:    8000 kB\nHugePages_Total:       0\n"
)


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tables of a machine of which 8,000 KiB are free, without a container."""
    monkeypatch.setattr(system, "_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(system, "_CGROUP", tmp_path)
    (tmp_path / "meminfo").write_text(MEMORY)
    return tmp_path


def limit(tables: Path, most: str, *, taken: int, kept: int = 0) -> None:
    (tables / "memory.max").write_text(f"{most}\n")
    (tables / "memory.current").write_text(f"{taken}\n")
    (tables / "memory.stat").write_text(f"anon {taken - kept}\ninactive_file {kept}\n")


@pytest.mark.usefixtures("tables")
def test_the_memory_that_is_free_is_what_the_system_says():
    assert system.free_memory() == 8_000 * 1024


@pytest.mark.parametrize(
    ("most", "taken", "kept", "free"),
    [
        ("max", 5, 0, 8_000 * 1024),
        ("1000", 400, 0, 600),
        ("1000", 900, 500, 600),  # files that were read fill a container, and give way
        ("1000", 1_100, 0, 0),
        ("100000000", 0, 0, 8_000 * 1024),
    ],
)
def test_a_container_allows_less(tables: Path, most: str, taken: int, kept: int, free: int):
    limit(tables, most, taken=taken, kept=kept)
    assert system.free_memory() == free


@pytest.mark.parametrize("text", ["", "MemAvailable:\n", "MemAvailable: much kB\n", None])
def test_a_system_without_these_tables_does_not_say(tables: Path, text: str | None):
    (tables / "meminfo").unlink()
    if text is not None:
        (tables / "meminfo").write_text(text)
    assert system.free_memory() is None
