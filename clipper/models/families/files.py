"""What the files of a model folder say: the layout, the kind of model, and what it asks for.

Neither weights nor torch nor transformers are loaded here. What does not belong here: where a model lies
(`models/source.py`).
"""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipper.access import owner_of
from clipper.errors import ANOTHER_MODEL, ModelError
from clipper.images.preprocess import MALFORMED, Transform, read_before, read_json, read_processor
from clipper.models.families import open_clip
from clipper.models.families.families import FAMILIES, Family, family_of
from clipper.query import ScoreScale
from clipper.text import reason_of

# What the hub is asked for. Weights in OpenCLIP's layout are fetched only where there are no others.
FILES = ("*.json", "*.txt", "*.model", "model*.safetensors")
_WEIGHTS = "model*.safetensors"
# The files by which CLIP is told from another one. They stay as they are: homes know their model by them.
_IDENTITY_OF_CLIP = (
    "config.json", "preprocessor_config.json", "tokenizer.json", "vocab.json", "merges.txt"
)  # fmt: skip
_IDENTITY = (
    *_IDENTITY_OF_CLIP, open_clip.CONFIG, "processor_config.json", "tokenizer_config.json", "vocab.txt",
    "spiece.model", "sentencepiece.bpe.model", "tokenizer.model",
)  # fmt: skip
# Files of which one holds a tokenizer; without one transformers makes an empty tokenizer.
_TOKENIZERS = ("vocab.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
# Entries of config.json, also of its parts, by which transformers would fetch or run code or other weights.
_CHOOSE_CODE = ("auto_map", "use_pretrained_backbone", "experts_implementation", "_experts_implementation")
_CHOOSE_ATTENTION = ("attn_implementation", "_attn_implementation")
_PLAIN_ATTENTION = ("eager", "sdpa")  # those of torch; all others are packages, or kernels of the hub
_FLOATS = {"F32": "<f", "F16": "<e", "F64": "<d"}
_MOST_HEADER = 100_000_000  # bytes, safetensors' own limit


@dataclass(frozen=True)
class ModelFiles:
    """A model folder as it was read.

    `config` is config.json as transformers has it, also for other layouts, without the entries by which it
    would choose code to fetch or to run. `identity` are the files that
    determine the vectors. `read_as_before` says that it is a CLIP that earlier versions of Clipper read
    as it is read now.
    """

    family: Family
    config: Mapping[str, Any]
    transform: Transform
    score: ScoreScale
    identity: tuple[Path, ...]
    read_as_before: bool
    is_open_clip: bool = False


def read_files(folder: Path, name: str) -> ModelFiles:
    """Read a model folder.

    Args:
        folder: of the model.
        name: for messages.

    Raises:
        ModelError: no model can be loaded from it; the message says why, and what to do.
    """
    is_open_clip = has_open_clip_layout(folder)
    if is_open_clip:
        config, processor = open_clip.read_config(_read_json(folder / open_clip.CONFIG), name)
        transform = _open_clip_transform(folder, processor)
    else:
        config = _read_json(folder / "config.json")
        transform = None
    family = family_of(config, name)
    weights = weights_of(folder, is_open_clip=is_open_clip)
    if any(part.get("quantization_config") for part in (config, *config.values()) if isinstance(part, dict)):
        raise ModelError(
            f"{folder}: its weights are quantized (quantization_config in config.json), and cannot be read; "
            "set `model` to a copy in float32, float16 or bfloat16, or to another model"
        )
    if family.has_text and not has_tokenizer(folder, family):
        raise ModelError(
            f"{folder} has no tokenizer (tokenizer.json, or {_tokenizers_of(family)}), and without one all "
            "texts are the same; save it there with the `save_pretrained` of the model's processor"
        )
    transform = transform or _transform(folder, family, config)
    plain = family is FAMILIES["clip"] and not is_open_clip
    as_before = plain and _is_read_as_before(folder, transform, config)
    names = _IDENTITY_OF_CLIP if as_before else _IDENTITY
    files = [path for each in names if (path := folder / each).exists()]
    return ModelFiles(
        family=family,
        config=config,
        transform=transform,
        score=_score(family, weights),
        identity=(*files, *weights),
        read_as_before=as_before,
        is_open_clip=is_open_clip,
    )


def _without_code(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration without the entries by which the files of a model would choose code.

    They change no vector by more than rounding: with them it is only computed in another way.
    """
    return {
        key: _without_code(value) if isinstance(value, dict) else value
        for key, value in config.items()
        if key not in _CHOOSE_CODE and not (key in _CHOOSE_ATTENTION and value not in _PLAIN_ATTENTION)
    }


def has_open_clip_layout(folder: Path) -> bool:
    """Whether a folder is in OpenCLIP's layout alone: that of transformers comes first."""
    return (folder / open_clip.CONFIG).exists() and not any(folder.glob(_WEIGHTS))


def is_whole(folder: Path) -> bool:
    """Whether a download is complete."""
    if has_open_clip_layout(folder):
        return (folder / open_clip.WEIGHTS).exists() and has_tokenizer(folder, FAMILIES["clip"])
    path = folder / "config.json"
    if not path.exists() or not any(folder.glob(_WEIGHTS)):
        return False
    try:
        family = family_of(_read_json(path), folder.name)
    except ModelError:  # reading the folder reports it
        return True
    return not family.has_text or has_tokenizer(folder, family)


def has_tokenizer(folder: Path, family: Family) -> bool:
    """Whether the tokenizer's files are there."""
    if (folder / "tokenizer.json").exists():
        return True
    if (folder / "vocab.json").exists() and (folder / "merges.txt").exists():
        return True
    return family is not FAMILIES["clip"] and any((folder / name).exists() for name in _TOKENIZERS)


def _tokenizers_of(family: Family) -> str:
    both = "vocab.json and merges.txt"
    return both if family is FAMILIES["clip"] else f"{both}, {' or '.join(_TOKENIZERS)}"


def weights_of(folder: Path, *, is_open_clip: bool) -> list[Path]:
    """Return the files with the weights.

    Raises:
        ModelError: there are none without pickles.
    """
    pattern = open_clip.WEIGHTS if is_open_clip else _WEIGHTS
    weights = sorted(folder.glob(pattern))
    if not weights:
        wanted = open_clip.WEIGHTS if is_open_clip else "model.safetensors"
        raise ModelError(
            f"{folder} has no {wanted}; convert it with `save_pretrained`, or name a revision that has one "
            '(`model = "NAME@REVISION"`)'
        )
    return weights


def _transform(folder: Path, family: Family, config: Mapping[str, Any]) -> Transform:
    """Read what the folder says of images; what it leaves out is by default for the kind of model."""
    _, processor = read_processor(folder)
    defaults = family.processor_defaults(processor)
    return Transform.read(folder, image_size=family.read_side(config), defaults=defaults, fit=family.fit)


def _open_clip_transform(folder: Path, processor: Mapping[str, Any]) -> Transform:
    try:
        return Transform.from_config(processor, image_size=processor["crop_size"], fit="round")
    except MALFORMED as error:
        path = folder / open_clip.CONFIG
        raise ModelError(
            f"{path} is not that of an OpenCLIP model: {reason_of(error)}; {ANOTHER_MODEL}"
        ) from error


def _is_read_as_before(folder: Path, transform: Transform, config: Mapping[str, Any]) -> bool:
    """Whether an earlier Clipper, which looked at fewer settings, gave a CLIP the same pixels."""
    try:
        return transform == read_before(folder, image_size=FAMILIES["clip"].read_side(config))
    except MALFORMED:
        return False


def _score(family: Family, weights: Sequence[Path]) -> ScoreScale:
    """Return the scale of the model's scores; the sigmoid's two numbers are among the weights."""
    if family.score != "sigmoid":
        return ScoreScale(family.score)
    scale, bias = _scalar(weights, "logit_scale"), _scalar(weights, "logit_bias")
    if not (math.isfinite(scale) and math.isfinite(bias)):
        raise ModelError(f"{weights[0].parent} cannot be loaded: its logit_scale or logit_bias is no number")
    return ScoreScale("sigmoid", scale=math.exp(min(scale, 20.0)), bias=bias)


def _scalar(weights: Sequence[Path], name: str) -> float:
    """Read one number of the weights, without a library that knows tensors of all types.

    Raises:
        ModelError: it is not there, or the file is damaged.
    """
    for path in weights:
        try:
            with path.open("rb") as file:
                (length,) = struct.unpack("<Q", file.read(8))
                entry = json.loads(file.read(min(length, _MOST_HEADER))).get(name)
                if entry is None:
                    continue
                file.seek(8 + length + entry["data_offsets"][0])
                data = file.read(8)
            if entry["dtype"] == "BF16":  # the upper half of a float32
                return float(struct.unpack("<f", b"\0\0" + data[:2])[0])
            form = _FLOATS[entry["dtype"]]
            return float(struct.unpack(form, data[: struct.calcsize(form)])[0])
        except OSError as error:
            raise ModelError(f"{path} cannot be loaded: {error.strerror or error}{owner_of(path)}") from error
        except (*MALFORMED, struct.error) as error:
            raise ModelError(f"{path} cannot be loaded: {reason_of(error)}; {ANOTHER_MODEL}") from error
    raise ModelError(f"{weights[0].parent} cannot be loaded: its weights lack {name}")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        config = read_json(path)
    except FileNotFoundError:
        raise ModelError(f"{path.parent} has no {path.name}: it is not a model folder") from None
    if not isinstance(config, dict):
        raise ModelError(f"{path} is no JSON object: it is not the configuration of a model")
    return _without_code(config)
