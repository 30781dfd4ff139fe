"""Linear layers that a CPU multiplies faster than torch's own: float32 by oneDNN, and int8.

What does not belong here: which layers of a model are replaced in which engine (`towers.py`).
"""

import torch  # noqa: TID253 - this file is itself loaded inside functions only
from torch import nn  # noqa: TID253

from clipper.models.engines.int8_kernels import LEAST, STEPS, quantise, scale_back


class PackedLinear(nn.Module):  # type: ignore[misc]
    """A linear layer whose weights lie as oneDNN wants them; its results differ in their last bits.

    torch multiplies float32 with MKL, which takes twice as long on processors that are not Intel's.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        """Pack the weights.

        Args:
            weight: (m, k) float32 or bfloat16, on the CPU.
            bias: (m,) of the same type.
        """
        super().__init__()
        # No public name reaches these two operators; torch's own compiler uses them.
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), None)  # noqa: SLF001
        self.bias = bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply (..., k) to (..., m), of the type of the weights."""
        linear = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001
        result: torch.Tensor = linear(x, self.packed, self.bias, "none", [], "")
        return result


class Int8Linear(nn.Module):  # type: ignore[misc]
    """A linear layer that multiplies in int8, with a scale for each row of the weights and of the input.

    Symmetric quantisation, per channel and per token: torchao's `Int8DynamicActivationInt8WeightConfig`. An
    image's result does not depend on the others of its batch, as it would with one scale for all of them.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        """Quantise the weights.

        Args:
            weight: (m, k) float32, on the CPU.
            bias: (m,) float32.
        """
        super().__init__()
        weight = weight.detach()
        scale = weight.abs().amax(1).clamp_min(LEAST) / STEPS
        self._quantised = (weight / scale[:, None]).round().to(torch.int8).t().contiguous()
        self._scale = scale.numpy()
        self._bias = (torch.zeros(len(weight)) if bias is None else bias.detach().float()).numpy()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply (..., k) float32 to (..., m) float32."""
        rows = x.reshape(-1, x.shape[-1]).contiguous()
        quantised, scales = torch.empty(rows.shape, dtype=torch.int8), torch.empty(len(rows))
        quantise(rows.numpy(), quantised.numpy(), scales.numpy())
        product = torch._int_mm(quantised, self._quantised)  # noqa: SLF001 - no public name reaches it
        result = torch.empty(product.shape)
        scale_back(product.numpy(), scales.numpy(), self._scale, self._bias, result.numpy())
        return result.view(*x.shape[:-1], -1)


class PatchLinear(nn.Module):  # type: ignore[misc]
    """A convolution whose patches do not overlap, as one product, which takes half as long."""

    def __init__(self, convolution: nn.Conv2d, linear: type[PackedLinear | Int8Linear]) -> None:
        """Take the weights of a convolution with `is_patching`."""
        super().__init__()
        self.side = int(convolution.kernel_size[0]), int(convolution.kernel_size[1])
        self.product = linear(convolution.weight.detach().flatten(1).contiguous(), convolution.bias)
        self.weight = convolution.weight  # models read its type, to convert their input

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve (n, c, h, w) to (n, m, h / p, w / q)."""
        high, wide = self.side
        patches = x.unfold(2, high, high).unfold(3, wide, wide)  # (n, c, rows, columns, p, q)
        n, _, rows, columns, _, _ = patches.shape
        flat = patches.permute(0, 2, 3, 1, 4, 5).reshape(n * rows * columns, -1)
        return self.product(flat).view(n, rows, columns, -1).permute(0, 3, 1, 2)


def is_patching(layer: nn.Module) -> bool:
    """Whether a layer is a convolution that `PatchLinear` can replace."""
    return (
        type(layer) is nn.Conv2d
        and layer.kernel_size == layer.stride
        and layer.dilation == (1, 1)
        and layer.groups == 1
        and layer.padding in ((0, 0), "valid", 0)
    )
