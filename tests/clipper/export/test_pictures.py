"""The map as a picture: at the size of print, with the colours of the viewer, and with nothing that runs."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from clipper.atlas import Atlas
from clipper.cli.main import app
from clipper.errors import ClipperError
from clipper.export import run
from clipper.export.drawing import png, svg
from clipper.export.drawing.colours import colour_by, default_column
from clipper.export.drawing.palette import LIGHT, MISSING, rgb
from clipper.store.parts.clusters import no_clusters
from viewer.dataset.columns.colouring import column_colouring


def texts(drawing: str) -> list[str]:
    parts = ET.fromstring(drawing).iter()  # noqa: S314 - made here
    return ["".join(one.itertext()) for one in parts if one.tag.endswith("text")]


def test_a_picture_has_the_pixels_of_its_size_and_the_colours_of_its_values(atlas: Atlas):
    image = atlas.plot(color="group", size=(127, 101.6), dpi=100, names=False)
    assert image.size == (500, 400)
    seen = {colour for _, colour in image.getcolors(1 << 20)}
    assert {rgb(LIGHT.canvas), *map(rgb, LIGHT.categories[:3])} <= seen
    dark = np.asarray(atlas.plot(color="year", dark=True, size=(60, 40)))
    assert dark.mean() < 60


@pytest.mark.parametrize("column", ["group", "done", "words of a list", "year", ""])
def test_the_colours_are_those_of_the_viewer(atlas: Atlas, column: str):
    engine = atlas._engine
    if column == "words of a list":
        with pytest.raises(ClipperError, match="cannot colour"):
            colour_by(engine, "words")
        return
    found = colour_by(engine, column)
    if column == "year":
        codes = found.codes.astype(int)
        known = [
            (code, value)
            for code, value in zip(codes, atlas.metadata["year"], strict=True)
            if code != MISSING
        ]
        assert sorted(known) == sorted(known, key=lambda pair: (pair[1], pair[0]))
    elif column:
        cells = pd.Series(engine.metadata_table[column].to_pylist(), dtype=object)
        theirs = column_colouring(column, cells, kind="category")
        assert found.codes.tolist() == theirs.codes.tolist()
        assert [tuple(one) for one in found.entries] == [(e.label, e.count, e.code) for e in theirs.entries]


def test_a_map_is_coloured_by_the_first_column_of_few_values(atlas: Atlas):
    assert default_column(atlas._engine) == "group"
    with pytest.raises(ClipperError, match="there is no column 'nothing'"):
        atlas.plot(color="nothing")
    with pytest.raises(ClipperError, match="too large"):
        atlas.plot(size=(1000, 1000), dpi=2400)


def test_an_svg_is_sound_escapes_all_text_and_has_a_dot_for_each_image(atlas: Atlas):
    drawing = svg.draw(run.draw_map(atlas._engine, colour="group"))
    assert "<script" not in drawing.lower()
    assert "</script><b>Tools" in texts(drawing)
    assert drawing.count("h0") == 24


def test_a_large_map_is_one_picture_within_the_svg_and_looks_the_same(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
):
    drawn = run.draw_map(atlas._engine, colour="group", dpi=50)
    monkeypatch.setattr(svg, "MOST_DOTS", 3)
    assert "data:image/png;base64," in svg.draw(drawn)
    over = Image.alpha_composite(
        Image.new("RGBA", (drawn.width, drawn.height), LIGHT.canvas), png.points_only(drawn)
    )
    plain = png.draw(replace(drawn, names=(), words=(), swatches=()))
    assert np.abs(np.asarray(over.convert("RGB"), int) - np.asarray(plain, int)).max() <= 2


@pytest.mark.parametrize("n", [0, 1, 2, 3000])
def test_any_number_of_images_even_at_one_place_has_a_picture(n: int):
    small = SimpleNamespace(
        title="A <b> & \x1b", ids=[str(i) for i in range(n)], xy=np.zeros((n, 2), np.float32),
        view=(-1.0, 1.0, -1.0, 1.0), columns={}, insight_columns={},
        clusters=no_clusters(n), cluster_names=[],
    )  # fmt: skip
    drawn = run.draw_map(small, dpi=60)
    assert png.draw(drawn).size == (drawn.width, drawn.height)
    assert texts(svg.draw(drawn))[0] == f"A <b> & : {n:,} images"


def test_the_command_draws_and_says_what_is_wrong(exported_home: Path, tmp_path: Path):
    def ask(*words: str) -> object:
        return CliRunner().invoke(app, ["export", *words, "--home", str(exported_home)])

    done = ask(
        "--png", str(tmp_path / "x.png"), "--svg", str(tmp_path / "x.svg"), "--size", "50x40", "--dpi", "254"
    )
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "x.png") as image:
        assert (image.size, round(image.info["dpi"][0])) == ((500, 400), 254)
    assert "--force" in str(ask("--png", str(tmp_path / "x.png")).exception)
    assert "must end with .png" in str(ask("--png", str(tmp_path / "x.jpg")).exception)
    assert "is no size" in str(ask("--svg", str(tmp_path / "y.svg"), "--size", "12").exception)
    assert "name what to write" in str(ask().exception)
    done = ask(str(tmp_path / "out"), "--format", "coco", "--json")
    assert '"images": 23' in done.output
