"""What the benchmarks of embedding share: photo-like JPEGs, and a model of a real size with random weights.

What does not belong here: measurements (`engines.py`, `gpu.py`, `several_models.py`).
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from clipper.images.folder import ImageFolder
from clipper.indexing.contents.decode import decode_crops
from clipper.models.encoder import Encoder
from clipper.models.source import find
from clipper.settings import Settings
from clipper.store.columns.entries import Entry

SAMPLE_MODEL = Path(__file__).resolve().parents[1] / "data" / "models" / "clip-emoji"
SIZE = (640, 480)


def make_photos(folder: Path, count: int, *, size: tuple[int, int] = SIZE) -> list[Path]:
    """Write JPEGs: soft shapes of many colours with the noise of a sensor; 100 kB each of 640 x 480."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        chance = np.random.default_rng(number)
        pixels = np.zeros((size[1], size[0], 3), np.float32)
        for cells, strength in ((3, 1.0), (9, 0.6), (40, 0.3)):
            coarse = Image.fromarray(chance.integers(0, 256, (cells, cells, 3), np.uint8))
            pixels += strength * np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.float32)
        pixels = pixels / 1.9 + chance.normal(0, 6, pixels.shape)
        paths.append(folder / f"{number:05}.jpg")
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(paths[-1], quality=90)
    return paths


def make_model(folder: Path, *, seed: int = 0) -> Path:
    """Write a CLIP of the size of ViT-B/32 with random weights, and the sample model's tokenizer."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(seed)
    CLIPModel(CLIPConfig()).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt"):
        if (SAMPLE_MODEL / name).exists():
            shutil.copy2(SAMPLE_MODEL / name, folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "CLIPImageProcessor", "size": 224, "crop_size": 224})
    )
    return folder


def settings_for(home: Path, model: Path, images: Path) -> Settings:
    """Return the settings of a home without files."""
    return Settings(home=home, model=str(model), images=str(images))


def entries_of(settings: Settings) -> tuple[ImageFolder, list[Entry]]:
    """Return a folder of images, and its files as a run lists them."""
    from clipper.indexing.scan import scan_images
    from clipper.indexing.staging.workspace import Workspace

    settings.home.mkdir(parents=True, exist_ok=True)
    work = Workspace(settings)
    with work.home.writing():
        scan_images(work)
    _, manifest = work.manifest()
    return work.folder, list(manifest.entries)


def load(settings: Settings) -> Encoder:
    """Load the model that the settings name."""
    return Encoder(find(settings), device=settings.device)


def crops_of(settings: Settings, encoder: Encoder, count: int) -> np.ndarray:
    """Decode some of a folder's images to the model's input: (n, s, s, 3) uint8."""
    folder, entries = entries_of(settings)
    return decode_crops(entries[:count], folder, settings, encoder.transform)


def cpu_seconds() -> float:
    """Return the seconds of CPU that this process and the children it waited for have used."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
