"""Train the sample model: `data/models/clip-emoji/`, a small CLIP of the sample images.

Run from the repository's root as `python -m data.sample.train_model`. By steps it can be repeated;
with `--minutes` the schedule follows the clock instead.
"""

# ruff: noqa: TID253 -- a script on its own: nothing that should start fast imports it.
from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPTextConfig,
    CLIPTokenizer,
    CLIPVisionConfig,
)

from data.sample.catalogue import Emoji, read_catalogue
from data.sample.evaluate import (
    embed_images,
    embed_texts,
    find_drawings,
    measure_drawings,
    measure_sample,
)
from data.sample.make_images import IMAGES, describe
from data.sample.pictures import image_processor, load_glyphs, load_images
from data.sample.texts import TextSampler
from data.sample.tokenizer import learn_merges, save_tokenizer
from data.sample.training import Batches, Plan, train

if TYPE_CHECKING:
    from collections.abc import Sequence

MODEL = IMAGES.parent / "models" / "clip-emoji"
PICTURE_SIZE, PATCH_SIZE, PROJECTION = 56, 8, 256
VOCABULARY_SIZE, TEXT_LENGTH = 4000, 32


def make_model(tokenizer: CLIPTokenizer) -> CLIPModel:
    """Make an untrained CLIP for pictures of 56 pixels and the tokenizer's vocabulary."""
    vision = CLIPVisionConfig(
        hidden_size=192,
        intermediate_size=768,
        num_hidden_layers=5,
        num_attention_heads=3,
        image_size=PICTURE_SIZE,
        patch_size=PATCH_SIZE,
        hidden_act="gelu",
        projection_dim=PROJECTION,
    )
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=160,
        intermediate_size=640,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=TEXT_LENGTH,
        hidden_act="gelu",
        projection_dim=PROJECTION,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    config = CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=256)
    model = CLIPModel(config)
    # On a CPU and with so few patches the plain attention is the fastest one.
    model.set_attn_implementation("eager")
    return model


def load_start(folder: Path) -> CLIPModel:
    """Load a model to go on with, in full precision."""
    model = CLIPModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model.train()


def make_tokenizer(catalogue: Sequence[Emoji], folder: Path) -> CLIPTokenizer:
    """Take the tokenizer that `folder` or the repository has; learn one where there is none.

    Learning orders equally frequent merges differently each time, so a kept one is what lets a
    training be repeated.
    """
    for place in (folder, MODEL):
        if (place / "tokenizer.json").exists():
            return CLIPTokenizer.from_pretrained(place)
    learned = learn_merges(TextSampler(catalogue).corpus(), vocabulary_size=VOCABULARY_SIZE)
    return save_tokenizer(learned, folder, max_length=TEXT_LENGTH)


def save_model(
    model: CLIPModel, tokenizer: CLIPTokenizer, processor: CLIPImageProcessor, folder: Path
) -> None:
    """Write the model in half precision, with its tokenizer and image processor."""
    half = CLIPModel(model.config).half()
    half.load_state_dict(model.state_dict())
    half.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    processor.save_pretrained(folder)


class Reporter:
    """Prints progress, and every few minutes saves the model and measures it."""

    def __init__(
        self,
        *,
        tokenizer: CLIPTokenizer,
        processor: CLIPImageProcessor,
        images: Tensor,
        folder: Path,
        drawings: Sequence[Path],
        every: float,
    ) -> None:
        """Measure on images `(n, 3, size, size)` and on the drawings in some folders."""
        self._tokenizer, self._processor, self._images = tokenizer, processor, images
        self._folder, self._every = folder, every
        self._start = self._last = time.monotonic()
        self._catalogue = read_catalogue()
        self._drawings = []
        for place in drawings:
            columns, files = find_drawings(place)
            self._drawings.append((columns, load_images(files, processor=processor)))

    def __call__(self, model: CLIPModel, line: str) -> None:
        """Print a line; measure and save if the last time is long enough ago."""
        now = time.monotonic()
        print(f"{now - self._start:6.0f} s  {line}", flush=True)
        if now - self._last >= self._every * 60:
            self._last = now
            self.measure(model)
            save_model(model, self._tokenizer, self._processor, self._folder)

    def measure(self, model: CLIPModel) -> None:
        """Print a model's figures."""

        def encode(texts: Sequence[str]) -> Tensor:
            return embed_texts(model, self._tokenizer, texts)

        metadata = [describe(emoji) for emoji in self._catalogue]
        figures = measure_sample(encode, embed_images(model, self._images), metadata)
        names = [emoji.name for emoji in self._catalogue]
        for number, (columns, pixels) in enumerate(self._drawings, 1):
            drawings = embed_images(model, pixels)
            for label, figure in measure_drawings(encode, drawings, columns, names).items():
                figures[f"{label} ({number})"] = figure
        for label, figure in figures.items():
            print(f"          {label:40} {figure:.3f}", flush=True)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=MODEL)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--minutes", type=float, help="follow the clock, not --steps")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="go on from this model, not from nothing")
    parser.add_argument("--finished-share", type=float, default=0.25, help="of the sample's JPEGs")
    parser.add_argument("--run-share", type=float, default=0.4, help="of look-alikes in a batch")
    parser.add_argument("--flat-share", type=float, default=0.35, help="of the others, in flat colours")
    parser.add_argument("--hidden-share", type=float, default=0.5, help="of each picture's patches")
    parser.add_argument("--drawings", type=Path, action="append", default=[])
    parser.add_argument("--every", type=float, default=5.0, help="minutes between measurements")
    return parser.parse_args()


def main() -> None:
    """Train, save and measure."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    plan = Plan(
        steps=arguments.steps,
        minutes=arguments.minutes,
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        weight_decay=0.05,
        finished_share=arguments.finished_share,
        run_share=arguments.run_share,
        flat_share=arguments.flat_share,
        hidden_share=arguments.hidden_share,
        hidden_until=0.8,
        begins_easy=arguments.start is None,
        average_decay=0.997,
        seed=arguments.seed,
    )
    catalogue = read_catalogue()
    tokenizer = make_tokenizer(catalogue, arguments.folder)
    processor = image_processor(size=PICTURE_SIZE)
    images = load_images([IMAGES / f"{emoji.slug}.jpg" for emoji in catalogue], processor=processor)
    batches = Batches(catalogue, glyphs=load_glyphs(catalogue), images=images, tokenizer=tokenizer, plan=plan)
    reporter = Reporter(
        tokenizer=tokenizer,
        processor=processor,
        images=images,
        folder=arguments.folder,
        drawings=arguments.drawings,
        every=arguments.every,
    )
    model = load_start(arguments.start) if arguments.start else make_model(tokenizer)
    model = train(model, batches, plan, report=reporter)
    reporter.measure(model)
    save_model(model, tokenizer, processor, arguments.folder)


if __name__ == "__main__":
    main()
