"""What all pictures of `docs/` share: their files, the browser's options, and the homes that they show.

What does not belong here: the steps on the page before a picture is taken (`page_states.py`).
"""

import io
import json
import os
import random
import shutil
import sys
from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps

from clipper.indexing.run import index
from clipper.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
# Where the scripts of pictures find what the tests have for a browser and a server.
sys.path[:0] = [str(ROOT / "tests" / "viewer"), str(ROOT / "tests" / "browser")]

LOOKS = ROOT / "docs" / "looks"
HOME = Path(os.environ.get("CLIPPER_HOME") or ROOT / "data")
SIZE = {"width": 1280, "height": 800}
SHARPNESS = 1.5  # pixels of a picture for each of the page
QUALITY = 86
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"]


def save(png: bytes, target: Path) -> None:
    """Write a picture."""
    Image.open(io.BytesIO(png)).convert("RGB").save(target, quality=QUALITY, method=6)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1000:.0f} kB")


def altered_copy(folder: Path) -> Path:
    """A copy of the sample's home: first without its flags, then with them and with copies of some images."""
    home = Path(shutil.copytree(HOME, folder / "photos", ignore=shutil.ignore_patterns("dagster", "sample")))
    away, images = folder / "away", home / "images"
    away.mkdir()
    for flag in images.glob("flag-*.jpg"):
        flag.rename(away / flag.name)
    index(Settings.load(home, allow_shrink=True))
    for flag in away.iterdir():
        flag.rename(images / flag.name)
    for number, original in enumerate(sorted(images.glob("*.jpg"))[7::150]):
        for name, copy in altered(Image.open(original).convert("RGB"))[number % 2 :: 2]:
            copy.save(images / f"{original.stem}-{name}.jpg", quality=60)
    index(Settings.load(home))
    return home


def with_second_model(folder: Path) -> Path:
    """A copy of the sample's home with two models: the second is the first with its last layer altered."""
    import numpy as np
    from safetensors.numpy import load_file, save_file

    home = Path(shutil.copytree(HOME, folder / "two", ignore=shutil.ignore_patterns("dagster", "sample")))
    second = Path(shutil.copytree(home / "models" / "clip-emoji", home / "models" / "clip-altered"))
    weights, chance = load_file(second / "model.safetensors"), np.random.default_rng(0)
    layer = weights["visual_projection.weight"]
    weights["visual_projection.weight"] = (
        layer + 0.6 * layer.std() * chance.standard_normal(layer.shape)
    ).astype(layer.dtype)
    save_file(weights, second / "model.safetensors", metadata={"format": "pt"})
    index(Settings.load(home, model=[f"models/{name}" for name in ("clip-emoji", "clip-altered")]))
    return home


def labelled_shelves(folder: Path) -> Path:
    """A home of 60 pictures of several drawings each, with the groups of these as labels of COCO."""
    draw, images = random.Random(4), folder / "shelves"  # noqa: S311 - a picture, the same each time
    images.mkdir()
    known = json.loads((ROOT / "data" / "images" / "metadata.json").read_text())
    groups = ["Animals & Nature", "Food & Drink", "Objects", "Travel & Places"]
    drawings = [name for name in sorted(known) if known[name]["group"] in groups]
    pictures, annotations = [], []
    for shelf in range(60):
        size, name = (900, 600), f"shelf-{shelf:02d}.jpg"
        picture = Image.linear_gradient("L").resize(size)
        colours = [f"hsl({draw.randrange(360)}, 45%, {light}%)" for light in (86, 60)]
        picture = ImageOps.colorize(picture, *colours)
        for place in range(6):
            drawing, side = draw.choice(drawings), draw.randrange(150, 240)
            x = place % 3 * 290 + draw.randrange(20, 280 - side + 30)
            y = place // 3 * 290 + draw.randrange(30, 290 - side + 15)
            with Image.open(ROOT / "data" / "images" / f"{drawing}.jpg") as tile:
                picture.paste(tile.resize((side, side)), (x, y))
            category = groups.index(known[drawing]["group"])
            annotations.append({"image_id": shelf, "category_id": category, "bbox": [x, y, side, side]})
        picture.save(images / name, quality=90)
        pictures.append({"id": shelf, "file_name": name, "width": size[0], "height": size[1]})
    categories = [{"id": at, "name": name} for at, name in enumerate(groups)]
    labels = {"images": pictures, "annotations": annotations, "categories": categories}
    (images / "instances.json").write_text(json.dumps(labels))
    home = folder / "shelves-home"
    home.mkdir()
    model = ROOT / "data" / "models" / "clip-emoji"
    (home / "clipper.toml").write_text(f"title = 'Shelves'\nimages = '{images}'\nmodel = '{model}'\n")
    index(Settings.load(home))
    return home


def altered(picture: Image.Image) -> list[tuple[str, Image.Image]]:
    """A picture as people keep it twice."""
    return [
        ("small", picture.resize((picture.width // 2, picture.height // 2))),
        ("mirrored", ImageOps.mirror(picture)),
        ("bright", ImageEnhance.Brightness(picture).enhance(1.12)),
        ("saved-again", picture),
    ]
