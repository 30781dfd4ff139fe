"""Make the sample dataset: `data/images/*.jpg` and `data/images/metadata.json`.

Run from the repository's root as `python -m data.sample.make_images`. Same font, same Unicode files
and same seed give the same pictures.
"""

from __future__ import annotations

import argparse
import json
import zlib
from pathlib import Path

import numpy as np

from data.sample.catalogue import Emoji, read_catalogue
from data.sample.drawing import compose, draw_glyph, load_font

IMAGES = Path(__file__).resolve().parents[1] / "images"
SIZE = 160
JPEG_QUALITY = 86


def describe(emoji: Emoji) -> dict[str, str | float | list[str]]:
    """Give an emoji's entry in metadata.json."""
    return {
        "name": emoji.name,
        "group": emoji.group,
        "subgroup": emoji.subgroup,
        "keywords": list(emoji.keywords),
        "unicode_version": emoji.unicode_version,
    }


def make_images(folder: Path, *, seed: int = 0) -> int:
    """Write one picture an emoji and metadata.json to `folder`; return how many pictures.

    Each picture is seeded by its own name, so that adding an emoji changes no other one.
    """
    catalogue = read_catalogue()
    font = load_font()
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.jpg"):
        stale.unlink()
    for emoji in catalogue:
        random = np.random.default_rng((seed, zlib.crc32(emoji.slug.encode())))
        glyph = draw_glyph(emoji.characters, font=font)
        picture = compose(glyph, size=SIZE, random=random)
        picture.save(folder / f"{emoji.slug}.jpg", quality=JPEG_QUALITY, optimize=True)
    metadata = {emoji.slug: describe(emoji) for emoji in catalogue}
    text = json.dumps(metadata, ensure_ascii=False, indent=1)
    (folder / "metadata.json").write_text(text + "\n", encoding="utf-8")
    return len(catalogue)


def main() -> None:
    """Write the sample images where the repository keeps them, or where the argument says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=IMAGES)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    count = make_images(arguments.folder, seed=arguments.seed)
    print(f"{count} images in {arguments.folder}")


if __name__ == "__main__":
    main()
