"""Starts a real JupyterLab, for tests and for the script that takes the screenshots."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from panel_server import fetch
from playwright.sync_api import expect
from ports import free_port

TOKEN = "for-this-test-only"  # noqa: S105
PATIENCE = 120  # seconds until JupyterLab answers, or a cell has run


@contextmanager
def jupyterlab(folder: Path, *, base: str) -> Iterator[str]:
    """The address of a JupyterLab that has nothing of this person's settings, and shows `folder`."""
    own = folder.parent / "jupyter"
    settings = own / "config" / "labconfig" / "page_config.json"
    settings.parent.mkdir(parents=True)
    news = "@jupyterlab/apputils-extension:announcements"  # would ask another host
    settings.write_text(json.dumps({"disabledExtensions": {news: True}}))
    port = free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--allow-root"]
    command += [f"--port={port}", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.base_url={base}"]
    command += [f"--ServerApp.root_dir={folder}"]
    folders = {f"JUPYTER_{name.upper()}_DIR": str(own / name) for name in ("config", "data", "runtime")}
    address = f"http://127.0.0.1:{port}{base}"
    with (folder.parent / "jupyter.log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **folders}, stdout=log, stderr=log)
    try:
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends and process.poll() is None:
            try:
                fetch(f"{address}api")
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def write_notebook(folder: Path, cells: Sequence[str], *, name: str = "look") -> None:
    """A notebook of cells that have not run."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(text) for text in cells], metadata={"kernelspec": kernel}
    )
    nbformat.write(notebook, folder / f"{name}.ipynb")


def run_cell(page: Any, number: int) -> Any:
    """Run a cell and wait for its end; its output."""
    cell = page.locator(".jp-CodeCell").nth(number)
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    expect(cell.locator(".jp-InputPrompt").first).to_have_text(
        re.compile(r"\[\d+\]"), timeout=1000 * PATIENCE
    )
    return cell.locator(".jp-OutputArea")
