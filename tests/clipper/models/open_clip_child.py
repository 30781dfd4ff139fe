"""Runs OpenCLIP itself, in a process of its own: makes a model, or tokenizes, and writes what it computed.

OpenCLIP imports torchvision, whose compiled part may not fit the torch that is installed here. Only its plain
transforms are used, so two operators of the compiled part are declared without being there.
"""

import gzip
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import torch  # noqa: TID253 - this is a program of its own

PACKAGES, TASK, FOLDER = sys.argv[1:4]
sys.path.append(PACKAGES)
sys.modules["timm"] = None  # type: ignore[assignment] - OpenCLIP does without it
library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def tokenize(folder: Path) -> None:
    """Write the tokens of each text, and the vocabulary in the files that transformers reads.

    None for a text that OpenCLIP does not tokenize as it is: its package ftfy repairs letters first that it
    takes for damaged.
    """
    from open_clip.tokenizer import SimpleTokenizer, basic_clean, bytes_to_unicode

    tokenizer = SimpleTokenizer()
    texts = json.loads((folder / "texts.json").read_text("utf-8"))
    ids = [
        [tokenizer.sot_token_id, *tokenizer.encode(text), tokenizer.eot_token_id]
        if basic_clean(text) == text.strip()
        else None
        for text in texts
    ]
    (folder / "tokens.json").write_text(json.dumps(ids))
    path = Path(importlib.util.find_spec("open_clip").origin).parent / "bpe_simple_vocab_16e6.txt.gz"
    merges = gzip.decompress(path.read_bytes()).decode().split("\n")[1 : 49_152 - 256 - 2 + 1]
    letters = list(bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(m.split()) for m in merges)]
    vocabulary = {word: at for at, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]), "utf-8")


def embed(folder: Path) -> None:
    """Make a model of two layers, save it as `push_to_hf_hub` does, and embed pictures and texts."""
    from open_clip.model import CLIP, CustomTextCLIP
    from open_clip.tokenizer import SimpleTokenizer
    from open_clip.transform import PreprocessCfg, image_transform_v2
    from PIL import Image
    from safetensors.torch import save_file

    config = json.loads((folder / "open_clip_config.json").read_text())
    torch.manual_seed(1)
    custom = config["model_cfg"].pop("custom_text", False)
    model = (CustomTextCLIP if custom else CLIP)(**config["model_cfg"]).eval()
    for parameter in model.parameters():  # OpenCLIP's own are so small that all texts are alike
        torch.nn.init.normal_(parameter, std=0.2 if parameter.ndim > 1 else 0.5)
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    given = config.get("preprocess_cfg", {})
    transform = image_transform_v2(PreprocessCfg(**{"size": model.visual.image_size} | given), is_train=False)
    pictures = [Image.open(path) for path in sorted(folder.glob("*.png"))]
    texts = json.loads((folder / "texts.json").read_text("utf-8"))
    tokens = SimpleTokenizer(context_length=config["model_cfg"]["text_cfg"]["context_length"])(texts)
    pixels = torch.stack([transform(picture) for picture in pictures])
    with torch.inference_mode():
        images, words = model.encode_image(pixels, normalize=True), model.encode_text(tokens, normalize=True)
    np.savez(folder / "wanted.npz", pixels=pixels.numpy(), images=images.numpy(), texts=words.numpy())


{"tokenize": tokenize, "embed": embed}[TASK](Path(FOLDER))
