"""Figures: each is a measured value, a bar that it has to reach, and whether it does."""

from collections.abc import Iterable
from typing import NamedTuple


class Figure(NamedTuple):
    """One line of a table. `most`: whether the bar is the most that it may be, and not the least."""

    name: str
    value: float
    bar: float | None = None  # None: the value is printed without a bar
    most: bool = False
    form: str = ".3f"

    @property
    def kept(self) -> bool:
        """Whether the value is as good as the bar asks."""
        if self.bar is None:
            return True
        return self.value <= self.bar if self.most else self.value >= self.bar

    def cells(self) -> tuple[str, ...]:
        """Its cells: what, how much, the bar, and by how much that was missed."""
        shown = format(self.value, self.form)
        if self.bar is None:
            return self.name, shown, "", ""
        bar = f"{'<=' if self.most else '>='} {format(self.bar, self.form)}"
        by = format(abs(self.value - self.bar), self.form)
        return self.name, shown, bar, "ok" if self.kept else f"missed by {by}"


def print_figures(title: str, figures: Iterable[Figure]) -> list[Figure]:
    """Print a table in Markdown, each line as soon as it is measured; return what was printed.

    The head is printed with the first line: what measures may print tables of its own before.
    """
    printed: list[Figure] = []
    for figure in figures:
        if not printed:
            print_header(title, "", "measured", "asked", "")
        print_row(*figure.cells())
        printed.append(figure)
    return printed


def print_header(title: str, *columns: str) -> None:
    """Print the title and the head of a table in Markdown."""
    print(f"\n{title}\n")
    print_row(*columns)
    print("|" + "---|" * len(columns), flush=True)


def print_row(*cells: object) -> None:
    """Print a row of a table in Markdown."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)
