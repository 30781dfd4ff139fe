"""OpenCLIP's own layout of a model folder: open_clip_config.json beside open_clip_model.safetensors.

The towers are those of CLIP under other names, so the weights go into transformers' CLIPModel; OpenCLIP
itself, with the torchvision and timm that it needs, is not asked for. Source of the names:
`open_clip/model.py` and `open_clip/transformer.py` of open_clip_torch 3. What does not belong here: other
layouts (`files.py`).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from reprlib import repr  # noqa: A004 - that of a value in a file may be of any length and depth
from typing import TYPE_CHECKING, Any

from clipper.errors import ANOTHER_MODEL, ModelError
from clipper.images.preprocess import MALFORMED
from clipper.text import one_line, reason_of

if TYPE_CHECKING:
    import torch

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
# The entries of a tower that a CLIPModel can follow: each with the values that mean the usual architecture.
# Entries with None are read; those with () only matter while a model is trained.
_VISION: Mapping[str, tuple[Any, ...] | None] = {
    "image_size": None, "layers": None, "width": None, "patch_size": None, "head_width": None,
    "mlp_ratio": None, "patch_dropout": (), "output_tokens": (False,), "pool_type": ("tok",),
    "pos_embed_type": ("learnable",), "attentional_pool": (False,), "ls_init_value": (None,),
    "no_ln_pre": (False,), "final_ln_after_pool": (False,), "global_average_pool": (False,),
    "input_patchnorm": (False,), "timm_model_name": (None, ""),
}  # fmt: skip
_TEXT: Mapping[str, tuple[Any, ...] | None] = {
    "context_length": None, "vocab_size": None, "width": None, "heads": None, "layers": None,
    "mlp_ratio": None, "hf_tokenizer_name": (), "tokenizer_kwargs": (), "output_tokens": (False,),
    "pool_type": ("argmax",), "proj_type": ("linear",), "proj_bias": (False,), "embed_cls": (False,),
    "no_causal_mask": (False,), "ls_init_value": (None,), "hf_model_name": (None, ""),
}  # fmt: skip
_INTERPOLATIONS = {"bicubic": 3, "bilinear": 2, "random": 3}
_END_OF_TEXT = 49_407  # of CLIP's own vocabulary, which is the last of its tokens
_LAYER = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}


def read_config(config: Mapping[str, Any], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read open_clip_config.json; return config.json and preprocessor_config.json as transformers has them.

    Raises:
        ModelError: the architecture is another than CLIP's with a plain vision transformer.
    """
    try:
        return _model_config(config["model_cfg"], name), _processor_config(config)
    except MALFORMED as error:
        raise ModelError(
            f"{name}: {CONFIG} is not that of an OpenCLIP model ({reason_of(error)}); {ANOTHER_MODEL}"
        ) from error


def _model_config(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    vision, text = dict(config["vision_cfg"]), dict(config["text_cfg"])
    for part, entries, known in (("vision_cfg", vision, _VISION), ("text_cfg", text, _TEXT)):
        for key, value in entries.items():
            allowed = known.get(key, (None,))
            if allowed and value not in allowed:
                raise ModelError(
                    f"{name} is an OpenCLIP model whose {part} has {one_line(key):.60} = {repr(value)}; only "
                    "CLIP's own architecture with a plain vision transformer can be read from this layout. A "
                    "copy in the layout of transformers may be on the hub"
                )
    if config.get("multimodal_cfg"):
        raise ModelError(f"{name} is an OpenCLIP model that writes captions (CoCa), which cannot be read")
    if not isinstance(vision["layers"], int):
        raise ModelError(f"{name} is an OpenCLIP model with a ResNet; only vision transformers can be read")
    act = "quick_gelu" if config.get("quick_gelu") else "gelu"
    return {
        "model_type": "clip",
        "projection_dim": int(config["embed_dim"]),
        "vision_config": {
            "model_type": "clip_vision_model",
            "image_size": _side(vision.get("image_size", 224)),
            "patch_size": int(vision["patch_size"]),
            "hidden_size": int(vision["width"]),
            "intermediate_size": int(vision["width"] * vision.get("mlp_ratio", 4.0)),
            "num_hidden_layers": int(vision["layers"]),
            "num_attention_heads": int(vision["width"]) // int(vision.get("head_width", 64)),
            "hidden_act": act,
        },
        "text_config": {
            "model_type": "clip_text_model",
            "vocab_size": int(text.get("vocab_size", 49_408)),
            "max_position_embeddings": int(text.get("context_length", 77)),
            "hidden_size": int(text.get("width", 512)),
            "intermediate_size": int(text.get("width", 512) * text.get("mlp_ratio", 4.0)),
            "num_hidden_layers": int(text.get("layers", 12)),
            "num_attention_heads": int(text.get("heads", 8)),
            "hidden_act": act,
            "eos_token_id": min(_END_OF_TEXT, int(text.get("vocab_size", 49_408)) - 1),
        },
    }


def _processor_config(config: Mapping[str, Any]) -> dict[str, Any]:
    given = config.get("preprocess_cfg") or {}
    side = _side(given.get("size") or config["model_cfg"]["vision_cfg"].get("image_size", 224))
    mode = given.get("resize_mode", "shortest")
    if mode not in {"shortest", "squash"}:
        raise ValueError(f"resize_mode {mode!r} pads images")
    return {
        "size": {"height": side, "width": side} if mode == "squash" else {"shortest_edge": side},
        "crop_size": side,
        "do_center_crop": True,
        "resample": _INTERPOLATIONS[given.get("interpolation", "bicubic")],
        "image_mean": given.get("mean"),
        "image_std": given.get("std"),
    }


def _side(size: Any) -> int:
    sides = {int(side) for side in (size if isinstance(size, list) else [size])}
    if len(sides) != 1:
        raise ValueError(f"image_size {size} is not square")
    return sides.pop()


def load(folder: Path, config: Mapping[str, Any]) -> Any:
    """Load the weights into a `transformers.CLIPModel`, in float32.

    Args:
        folder: of the model.
        config: that `read_config` made.

    Raises:
        OSError, ValueError, RuntimeError, SafetensorError: they are missing, damaged or of another model.
    """
    import torch
    from safetensors.torch import load_file
    from transformers import CLIPConfig, CLIPModel

    given = load_file(folder / WEIGHTS)
    weights = dict(_renamed({name: value.float() for name, value in given.items()}))
    with torch.device("meta"):
        model = CLIPModel(CLIPConfig(**{key: config[key] for key in config if key != "model_type"}))
    wanted = {name for name, _ in model.named_parameters()}
    if lacking := sorted(wanted - weights.keys()):
        raise ValueError(f"its weights lack {lacking[0]} and {len(lacking) - 1} more")
    model = CLIPModel(model.config)  # the buffers, too, which no file has
    model.load_state_dict(weights, strict=False, assign=True)
    return model.eval()


def _renamed(weights: "Mapping[str, torch.Tensor]") -> "Iterator[tuple[str, torch.Tensor]]":
    """Yield OpenCLIP's weights under the names that transformers has for them."""
    for name, value in weights.items():
        is_vision = name.startswith("visual.")
        rest = name.removeprefix("visual.").removeprefix("text.")
        tower = "vision_model" if is_vision else "text_model"
        if rest.startswith("transformer.resblocks."):
            yield from _layer(rest.removeprefix("transformer.resblocks."), tower, value)
        elif rest in {"proj", "text_projection"}:  # (width, dimensions), and a linear layer has it transposed
            projection = "visual_projection" if is_vision else "text_projection"
            yield f"{projection}.weight", value.T.contiguous()
        elif rest in _OUTSIDE[is_vision]:
            yield f"{tower}.{_OUTSIDE[is_vision][rest]}", value
        elif rest == "logit_scale":
            yield "logit_scale", value.reshape(())


_OUTSIDE: Mapping[bool, Mapping[str, str]] = {
    True: {
        "class_embedding": "embeddings.class_embedding",
        "positional_embedding": "embeddings.position_embedding.weight",
        "conv1.weight": "embeddings.patch_embedding.weight",
        "ln_pre.weight": "pre_layrnorm.weight",
        "ln_pre.bias": "pre_layrnorm.bias",
        "ln_post.weight": "post_layernorm.weight",
        "ln_post.bias": "post_layernorm.bias",
    },
    False: {
        "positional_embedding": "embeddings.position_embedding.weight",
        "token_embedding.weight": "embeddings.token_embedding.weight",
        "ln_final.weight": "final_layer_norm.weight",
        "ln_final.bias": "final_layer_norm.bias",
    },
}


def _layer(rest: str, tower: str, value: "torch.Tensor") -> "Iterator[tuple[str, torch.Tensor]]":
    """Yield a weight of one layer; OpenCLIP has those of queries, keys and values in one."""
    number, _, name = rest.partition(".")
    prefix = f"{tower}.encoder.layers.{number}"
    if name in {"attn.in_proj_weight", "attn.in_proj_bias"}:
        kind = name.rpartition("_")[2]
        for part, share in zip("qkv", value.chunk(3), strict=True):
            yield f"{prefix}.self_attn.{part}_proj.{kind}", share.contiguous()
        return
    module, _, kind = name.rpartition(".")
    if module in _LAYER:
        yield f"{prefix}.{_LAYER[module]}.{kind}", value
