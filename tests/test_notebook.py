"""The notebook of the docs runs from its first cell to its last."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebooks" / "tour.ipynb"


def kinds(cells: list[list[NotebookNode]]) -> list[list[list[str]]]:
    """The forms in which each cell shows its results; what libraries say on standard error is none."""
    return [
        [sorted(output.get("data", {})) for output in outputs if output.get("name") != "stderr"]
        for outputs in cells
    ]


def test_the_tour_names_no_folder_of_the_machine_that_ran_it():
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr"
            assert not re.search(
                r"(?<!\w)/\w+/", output.get("data", {}).get("text/plain", output.get("text", ""))
            )


@pytest.mark.slow
def test_the_tour_runs_and_shows_what_it_says(sample_home: Path, tmp_path: Path):
    shutil.copytree(sample_home, tmp_path / "data", symlinks=True)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    stored = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    ran = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert kinds(ran) == kinds(stored)
    assert not any(output.output_type == "error" for outputs in ran for output in outputs)
