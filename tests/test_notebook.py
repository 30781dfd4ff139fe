"""The notebook of the docs runs from its first cell to its last."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebooks" / "tour.ipynb"


@pytest.mark.slow
def test_the_tour_runs_and_shows_what_it_says(sample_home: Path, tmp_path: Path):
    shutil.copytree(sample_home, tmp_path / "data", symlinks=True)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    stored = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    ran = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    kinds = [[sorted(output.get("data", {})) for output in outputs] for outputs in ran]
    assert kinds == [[sorted(output.get("data", {})) for output in outputs] for outputs in stored]
    assert not any(output.output_type == "error" for outputs in ran for output in outputs)
