"""Takes the pictures of Dagster's pages in `operations.md`: part of `make screenshots`.

It needs Chromium, and the sample indexed. A copy of the home gets its images back in portions, one run for
each, so that the plots have something to show; files that cannot be read are among the last.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
from pictures import ARGUMENTS, HOME, LOOKS, ROOT, save
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(ROOT / "tests" / "pipelines"))

from dagster_dev import dagster_dev, make_instance, runs, wait_for

from pipelines.definitions import build_definitions
from pipelines.resources import HomeResource

SIZE = {"width": 1500, "height": 900}
WHOLE = {"width": 2150, "height": 1800}  # the asset graph fits its width to the page, not its height
SHARPNESS = 1.2  # pixels of a picture for each of the page
PORTIONS = 4
JOB = "/locations/clipper/jobs/reindex"


def copy_of_the_sample(folder: Path) -> tuple[Path, list[Path]]:
    """A copy of the indexed home, and its images, which are not in it yet but for the first portions."""
    home = Path(shutil.copytree(HOME, folder / "photos", ignore=shutil.ignore_patterns("dagster", "sample")))
    away = folder / "away"
    (home / "images").rename(away)
    (home / "images").mkdir()
    shutil.copy2(away / "metadata.json", home / "images")
    return home, sorted(away.glob("*.jpg"))


def reindex(home: Path, instance: Path) -> None:
    """One run of the job, kept in the instance's history."""
    job = build_definitions(home=HomeResource(home=str(home))).resolve_job_def("reindex")
    config = {
        "ops": {op: {"config": {"allow_shrink": True}} for op in ("image_manifest", "atlas")},
        "loggers": {"console": {"config": {"log_level": "WARNING"}}},
    }
    with dg.DagsterInstance.from_config(str(instance)) as history:
        job.execute_in_process(instance=history, run_config=config)


def make_history(home: Path, instance: Path, images: list[Path]) -> None:
    """Some runs, each with more images than the one before; the last portion waits for the sensor."""
    for portion in range(PORTIONS):
        for image in images[portion::PORTIONS]:
            shutil.copy2(image, home / "images")
        if portion == PORTIONS - 1:
            add_unusable_files(home / "images", images[0].read_bytes())
        else:
            reindex(home, instance)


def add_unusable_files(folder: Path, image: bytes) -> None:
    """A few files as they occur among images, each unusable for another reason."""
    (folder / "half-copied.jpg").write_bytes(image[: len(image) // 3])
    (folder / "login-page.png").write_text("<!doctype html><title>Sign in</title>")
    (folder / "recovered.jpg").write_bytes(image[:200] + bytes(2_000))
    (folder / "scan.webp").write_bytes(b"RIFF\x40\0\0\0WEBPVP8 " + bytes(64))


def graph(page: Any) -> None:
    """The asset graph, from the images folder to the atlas."""
    page.set_viewport_size(WHOLE)
    page.goto("/asset-groups")
    page.get_by_text("Hide navigation").click()
    page.locator("button:has([aria-label=panel_show_right])").first.click()
    page.wait_for_selector("text=images_folder")
    page.wait_for_timeout(5000)


def plots(page: Any) -> None:
    """An asset's figures over time."""
    page.goto("/assets/umap_projection")
    page.get_by_role("button", name="Plots").click()
    page.wait_for_selector("canvas")
    page.wait_for_timeout(1500)


def preview(asset: str) -> Callable[[Any], None]:
    """The preview of an asset, which its page opens in a dialog."""

    def open_it(page: Any) -> None:
        page.goto(f"/assets/{asset}")
        page.get_by_text("[Show Markdown]").first.click()
        page.wait_for_selector("img[alt=preview]")
        page.wait_for_timeout(1000)

    return open_it


def failures(page: Any) -> None:
    """The table of files that cannot be used."""
    page.goto("/assets/image_facts")
    page.get_by_text("half-copied.jpg").evaluate("element => element.scrollIntoView({block: 'center'})")
    page.wait_for_timeout(1000)


def checks(page: Any) -> None:
    """An asset's checks."""
    page.goto("/assets/chroma_collection?view=checks&checkDetail=search_finds_itself")
    page.wait_for_selector("canvas")
    page.wait_for_timeout(1500)


def launchpad(page: Any) -> None:
    """The options of one run."""
    page.goto(f"{JOB}/playground")
    page.wait_for_selector("text=No errors")
    page.wait_for_timeout(1500)


PICTURES: dict[str, Callable[[Any], None]] = {
    "graph": graph,
    "asset": plots,
    "thumbnails": preview("thumbnails"),
    "map": preview("umap_projection"),
    "failures": failures,
    "checks": checks,
    "launchpad": launchpad,
}


def main() -> None:
    """Take them all, or those that are named as arguments."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    with tempfile.TemporaryDirectory() as folder:
        home, images = copy_of_the_sample(Path(folder))
        instance = make_instance(Path(folder) / "dagster")
        make_history(home, instance, images)
        with dagster_dev(home, instance) as address, sync_playwright() as driver:
            wait_for(lambda: runs(address) == ["SUCCESS"] * PORTIONS, "the sensor's run")
            browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            for name in sys.argv[1:] or PICTURES:
                page = browser.new_page(base_url=address, viewport=SIZE, device_scale_factor=SHARPNESS)
                PICTURES[name](page)
                save(page.screenshot(), LOOKS / f"dagster-{name}.webp")
                page.close()
            browser.close()


if __name__ == "__main__":
    main()
