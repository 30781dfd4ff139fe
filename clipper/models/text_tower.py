"""CLIP's text tower in numpy: the first search of a process need not wait for torch's import.

torch and transformers take seconds to load, a text takes milliseconds to embed. `load_verified` trusts it
only if it repeats a vector that transformers made when the images were indexed. What does not belong here:
images, and every other use of a model (`models/encoder.py`).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipper.models.source import ModelSource
from clipper.models.unit_vectors import require_length_one
from clipper.text import clean

if TYPE_CHECKING:
    import numpy as np

# The least cosine with the vector that transformers made. float32 differs by 1e-7 between two libraries; an
# activation that is only nearly the same makes 1e-5 in a model of two layers.
MIN_AGREEMENT = 1 - 2e-6
_EOS_OF_OLD_CONFIGS = 2  # early versions wrote it for any tokenizer, and took the highest token


class TextTower:
    """The text half of a `CLIPModel` folder, in float32."""

    def __init__(self, source: ModelSource) -> None:
        """Load tokenizer and weights; `context` is the most tokens that the model reads.

        Raises:
            OSError, KeyError, ValueError, TypeError: a file or an entry is missing or malformed.
        """
        from tokenizers import Tokenizer

        self._source = source
        config = json.loads((source.folder / "config.json").read_text("utf-8"))["text_config"]
        self._weights = _read_weights(source)
        self._act = _ACTIVATIONS[config.get("hidden_act", "quick_gelu")]
        self._eps = float(config.get("layer_norm_eps", 1e-5))
        self._heads = int(config.get("num_attention_heads", 8))
        self._layers = int(config.get("num_hidden_layers", 12))
        self._eos = config.get("eos_token_id")
        self._tokenizer = Tokenizer.from_str((source.folder / "tokenizer.json").read_text("utf-8"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.context = len(self._weights["text_model.embeddings.position_embedding.weight"])

    def embed_texts(self, texts: Sequence[str]) -> "np.ndarray":
        """Embed texts, cut to the model's context: (n, d) float32, rows L2-normalised.

        Raises:
            ModelError: the model gives no vector for a text.
        """
        import numpy as np

        vectors = np.stack([self._embed(clean(text)) for text in texts])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
        return require_length_one(unit, self._source, of="texts")

    def tokens(self, text: str) -> int:
        """Count the tokens of a text, with those that begin and end it."""
        return len(self._tokenizer.encode(clean(text)).ids)

    def _embed(self, text: str) -> "np.ndarray":
        import numpy as np

        tokens = self._tokenizer.encode(text).ids
        if len(tokens) > self.context:
            tokens = [*tokens[: self.context - 1], tokens[-1]]
        table = self._weights["text_model.embeddings.token_embedding.weight"]
        x = table[tokens] + self._weights["text_model.embeddings.position_embedding.weight"][: len(tokens)]
        for layer in range(self._layers):
            prefix = f"text_model.encoder.layers.{layer}"
            x = x + self._attend(self._norm(x, f"{prefix}.layer_norm1"), f"{prefix}.self_attn")
            inner = self._act(self._linear(self._norm(x, f"{prefix}.layer_norm2"), f"{prefix}.mlp.fc1"))
            x = x + self._linear(inner, f"{prefix}.mlp.fc2")
        last = max(tokens) if self._eos in {None, _EOS_OF_OLD_CONFIGS} else self._eos
        pooled = self._norm(x, "text_model.final_layer_norm")[tokens.index(last)]
        return np.asarray(pooled @ self._weights["text_projection.weight"].T)

    def _attend(self, x: "np.ndarray", name: str) -> "np.ndarray":
        """Causal self-attention over (tokens, width) float32."""
        import numpy as np

        count, width = x.shape
        q, k, v = (
            self._linear(x, f"{name}.{part}_proj").reshape(count, self._heads, -1).swapaxes(0, 1)
            for part in "qkv"
        )
        scores = q @ k.swapaxes(1, 2) / np.sqrt(np.float32(width // self._heads))
        scores += np.triu(np.full((count, count), -np.inf, np.float32), 1)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (weights / weights.sum(-1, keepdims=True)) @ v
        return self._linear(mixed.swapaxes(0, 1).reshape(count, width), f"{name}.out_proj")

    def _linear(self, x: "np.ndarray", name: str) -> "np.ndarray":
        import numpy as np

        return np.asarray(x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"])

    def _norm(self, x: "np.ndarray", name: str) -> "np.ndarray":
        import numpy as np

        centred = x - x.mean(-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(-1, keepdims=True) + self._eps)
        return np.asarray(centred / scale * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"])


def load_verified(source: ModelSource, text: str, vector: "np.ndarray") -> TextTower | None:
    """Load a model's text tower; return None unless it embeds `text` as transformers did: (d,) `vector`."""
    if not source.is_plain_clip:
        return None
    try:
        tower = TextTower(source)
        agreement = float(tower.embed_texts([text])[0] @ vector)
    except Exception:  # noqa: BLE001 - built differently: transformers can load it, or reports the error
        return None
    return tower if agreement >= MIN_AGREEMENT else None


def _read_weights(source: ModelSource) -> Mapping[str, "np.ndarray"]:
    """Read the text tower's tensors by name, in float32."""
    import numpy as np
    from safetensors import safe_open

    weights = {}
    for path in sorted(source.folder.glob("model*.safetensors")):
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - no dictionary
                if name.startswith("text_"):
                    weights[name] = np.asarray(file.get_tensor(name), np.float32)
    return weights


def _quick_gelu(x: "np.ndarray") -> "np.ndarray":
    import numpy as np

    return np.asarray(x / (1 + np.exp(-1.702 * x)))


def _gelu(x: "np.ndarray") -> "np.ndarray":
    import numpy as np
    from scipy.special import erf

    return np.asarray(x * (1 + erf(x / np.sqrt(np.float32(2)))) / 2)


_ACTIVATIONS: Mapping[str, Callable[[Any], Any]] = {"quick_gelu": _quick_gelu, "gelu": _gelu}
