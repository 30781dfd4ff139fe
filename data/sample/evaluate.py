"""Measure a CLIP on the sample images, through transformers' ordinary loading alone.

Run from the repository's root as `python -m data.sample.evaluate`. `--drawings FOLDER` also measures
it on another vendor's drawings of the same emoji, PNG files named by code points (`1f431.png`).
"""

# ruff: noqa: TID253 -- a script on its own: nothing that should start fast imports it.
from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel

from data.sample.catalogue import read_catalogue
from data.sample.pictures import load_images

DATA = Path(__file__).resolve().parents[1]
TextEncoder = Callable[[Sequence[str]], Tensor]


@torch.inference_mode()
def embed_texts(model: CLIPModel, tokenizer: AutoTokenizer, texts: Sequence[str]) -> Tensor:
    """Embed texts: `(n, d) float32`, rows L2-normalised."""
    rows = []
    for start in range(0, len(texts), 512):
        batch = list(texts[start : start + 512])
        tokens = tokenizer(batch, padding=True, truncation=True, return_tensors="pt")
        rows.append(model.get_text_features(**tokens).pooler_output.float())
    return functional.normalize(torch.cat(rows), dim=1)


@torch.inference_mode()
def embed_images(model: CLIPModel, pixels: Tensor) -> Tensor:
    """Embed preprocessed pictures `(n, 3, size, size)`: `(n, d) float32`, rows L2-normalised."""
    rows = [model.get_image_features(pixel_values=batch).pooler_output.float() for batch in pixels.split(256)]
    return functional.normalize(torch.cat(rows), dim=1)


def share_within(ranks: Tensor, top: int) -> float:
    """Give the share of ranks (0 is best) among the first `top`."""
    return float((ranks < top).float().mean())


def ranks_of(similarities: Tensor, right: Tensor) -> Tensor:
    """Rank, row by row of `(n, m)`, the best right answer (`right` is `(n, m) bool`): `(n,) int64`."""
    best = similarities.masked_fill(~right, -2.0).amax(1, keepdim=True)
    return (similarities > best).sum(1)


def measure_sample(
    encode: TextEncoder, images: Tensor, metadata: Sequence[Mapping[str, object]]
) -> dict[str, float]:
    """Find images `(n, d)` by their names and by their keywords."""
    names = [str(entry["name"]) for entry in metadata]
    name_ranks = ranks_of(encode(names) @ images.T, torch.eye(len(names), dtype=torch.bool))
    keywords = sorted({word for entry in metadata for word in _words(entry)})
    rows = {word: row for row, word in enumerate(keywords)}
    right = torch.zeros(len(keywords), len(names), dtype=torch.bool)
    for column, entry in enumerate(metadata):
        right[[rows[word] for word in _words(entry)], column] = True
    keyword_ranks = ranks_of(encode(keywords) @ images.T, right)
    return {
        "name -> image, top 1": share_within(name_ranks, 1),
        "name -> image, top 5": share_within(name_ranks, 5),
        "keyword -> one of its images, top 10": share_within(keyword_ranks, 10),
    }


def find_drawings(folder: Path) -> tuple[list[int], list[Path]]:
    """Find which emoji of the catalogue a folder has drawings of, and where each of them is.

    Vendors disagree on variation selectors (fe0f) in file names, so these are not compared.
    """
    files = {_plain(path.stem.lower()): path for path in sorted(folder.glob("*.png"))}
    found = [
        (index, files[_plain(emoji.codepoints)])
        for index, emoji in enumerate(read_catalogue())
        if _plain(emoji.codepoints) in files
    ]
    return [index for index, _ in found], [path for _, path in found]


def measure_drawings(
    encode: TextEncoder, drawings: Tensor, columns: Sequence[int], names: Sequence[str]
) -> dict[str, float]:
    """Match another vendor's drawings `(m, d)` to all names, and names to all the drawings."""
    similarities = drawings @ encode(names).T
    right = torch.zeros(similarities.shape, dtype=torch.bool)
    right[torch.arange(len(columns)), torch.tensor(columns)] = True
    to_names = ranks_of(similarities, right)
    to_drawings = ranks_of(similarities.T[columns], right.T[columns])
    return {
        "drawing -> its name, top 1": share_within(to_names, 1),
        "drawing -> its name, top 10": share_within(to_names, 10),
        "name -> its drawing, top 1": share_within(to_drawings, 1),
        "name -> its drawing, top 10": share_within(to_drawings, 10),
    }


def _words(entry: Mapping[str, object]) -> list[str]:
    words = entry["keywords"]
    return [str(word) for word in words] if isinstance(words, list) else []


def _plain(codepoints: str) -> str:
    return "-".join(code.lstrip("0") for code in codepoints.split("-") if code != "fe0f")


def main() -> None:
    """Print the figures of one model as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=DATA / "models" / "clip-emoji")
    parser.add_argument("--images", type=Path, default=DATA / "images")
    parser.add_argument("--drawings", type=Path, action="append", default=[])
    arguments = parser.parse_args()
    model = CLIPModel.from_pretrained(arguments.model, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    processor = CLIPImageProcessor.from_pretrained(arguments.model)

    def encode(texts: Sequence[str]) -> Tensor:
        return embed_texts(model, tokenizer, texts)

    metadata = json.loads((arguments.images / "metadata.json").read_text(encoding="utf-8"))
    paths = [arguments.images / f"{slug}.jpg" for slug in metadata]
    images = embed_images(model, load_images(paths, processor=processor))
    figures = measure_sample(encode, images, list(metadata.values()))
    print(f"{len(paths)} images, {sum(each.numel() for each in model.parameters())} parameters")
    for label, figure in figures.items():
        print(f"{label:40} {figure:.3f}")
    for folder in arguments.drawings:
        columns, files = find_drawings(folder)
        print(f"{len(files)} drawings in {folder}")
        drawings = embed_images(model, load_images(files, processor=processor))
        names = [emoji.name for emoji in read_catalogue()]
        for label, figure in measure_drawings(encode, drawings, columns, names).items():
            print(f"{label:40} {figure:.3f}")


if __name__ == "__main__":
    main()
