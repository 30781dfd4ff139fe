"""The part of a model that embeds images, apart from the rest: what an engine takes over as a whole.

What does not belong here: loading and running a model (`models/encoder.py`).
"""

from typing import TYPE_CHECKING, Any

from clipper.models.families.families import Family

if TYPE_CHECKING:
    import torch


def image_tower(model: Any, family: Family) -> "torch.nn.Module":
    """Return the part of a loaded model that embeds images.

    It maps (n, 3, s, s) normalised pixels, in any float type, to (n, d) features before they are normalised,
    in the type of its weights. It has the model's own weights, and no part that reads texts.
    """
    if family.has_text:
        return _make_tower(model.vision_model, getattr(model, "visual_projection", None), pooled=True)
    return _make_tower(model, None, pooled=family.architecture != "ViTModel")


def _make_tower(
    vision: "torch.nn.Module", projection: "torch.nn.Module | None", *, pooled: bool
) -> "torch.nn.Module":
    """Make a tower of the parts of a model.

    Args:
        vision: gives an output with `pooler_output` and `last_hidden_state`.
        projection: into the space of texts; None where the pooled output is in it.
        pooled: whether the vector is the pooled output, or else the first token of the last layer.
    """
    import torch

    class ImageTower(torch.nn.Module):  # type: ignore[misc]
        """Embeds normalised images."""

        def __init__(self) -> None:
            super().__init__()
            self.vision, self.projection = vision, projection

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            """Return the features before they are normalised."""
            weights = next(self.vision.parameters())
            output = self.vision(pixel_values=pixels.to(weights.dtype))
            features: torch.Tensor = output.pooler_output if pooled else output.last_hidden_state[:, 0]
            return features if self.projection is None else self.projection(features)

    return ImageTower().eval()
