"""Linear layers that a CPU multiplies faster than torch's own: float32 and bfloat16 by oneDNN, and int8.

What does not belong here: which layers of a model are replaced in which engine (`towers.py`).
"""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple, TypeAlias

import torch  # noqa: TID253 - this file is itself loaded inside functions only
from torch import nn  # noqa: TID253

from clipper.models.engines.int8_kernels import LEAST, STEPS, quantise, scale_back

# Without VNNI, a processor adds two products in 16 bits. Weights of so many steps keep within them.
_SMALL_STEPS = 63.0
_PROBED_SIDE = 256  # of the matrices with which it is found out


class Activation(NamedTuple):
    """What a layer makes of each of its results: oneDNN's name and algorithm, and torch's function.

    The function may overwrite its input.
    """

    name: str
    algorithm: str
    function: Callable[[torch.Tensor], torch.Tensor]


NONE = Activation("none", "", lambda x: x)
SILU = Activation("swish", "", partial(nn.functional.silu, inplace=True))
GELU = Activation("gelu", "none", nn.functional.gelu)
GELU_TANH = Activation("gelu", "tanh", partial(nn.functional.gelu, approximate="tanh"))
ACTIVATIONS = (SILU, GELU, GELU_TANH)


class PackedLinear(nn.Module):  # type: ignore[misc]
    """A linear layer whose weights lie as oneDNN wants them; its results differ in their last bits.

    torch multiplies float32 with MKL, which takes twice as long on processors that are not Intel's. It brings
    bfloat16 weights into oneDNN's order for each product.
    """

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        activation: Activation = NONE,
        *,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Pack the weights.

        Args:
            weight: (m, k) float32, on the CPU.
            bias: (m,) float32.
            activation: of the results.
            dtype: float32 or bfloat16, of the input and of the results.
        """
        super().__init__()
        # No public name reaches these two operators; torch's own compiler uses them.
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach().to(dtype), None)  # noqa: SLF001
        self.bias = None if bias is None else bias.detach().to(dtype)
        self.activation = activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply (..., k) to (..., m)."""
        linear = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001
        name, algorithm, _ = self.activation
        result: torch.Tensor = linear(x, self.packed, self.bias, name, [], algorithm)
        return result


class Int8Linear(nn.Module):  # type: ignore[misc]
    """A linear layer that multiplies in int8, with a scale for each row of the weights and of the input.

    Symmetric quantisation, per channel and per token: torchao's `Int8DynamicActivationInt8WeightConfig`. An
    image's result does not depend on the others of its batch, as it would with one scale for all of them.
    """

    def __init__(
        self, weight: torch.Tensor, bias: torch.Tensor | None, activation: Activation = NONE
    ) -> None:
        """Quantise the weights.

        Args:
            weight: (m, k) float32, on the CPU.
            bias: (m,) float32.
            activation: of the results.
        """
        super().__init__()
        weight = weight.detach()
        scale = weight.abs().amax(1).clamp_min(LEAST) / (STEPS if _sums_are_exact() else _SMALL_STEPS)
        self._quantised = (weight / scale[:, None]).round().to(torch.int8).t().contiguous()
        self._scale = scale.numpy()
        self._bias = (torch.zeros(len(weight)) if bias is None else bias.detach().float()).numpy()
        self.activation = activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply (..., k) float32 to (..., m) float32."""
        rows = x.reshape(-1, x.shape[-1]).contiguous()
        quantised, scales = torch.empty(rows.shape, dtype=torch.int8), torch.empty(len(rows))
        quantise(rows.numpy(), quantised.numpy(), scales.numpy())
        product = torch._int_mm(quantised, self._quantised)  # noqa: SLF001 - no public name reaches it
        result = torch.empty(product.shape)
        scale_back(product.numpy(), scales.numpy(), self._scale, self._bias, result.numpy())
        return self.activation.function(result).view(*x.shape[:-1], -1)


@cache
def _sums_are_exact() -> bool:
    """Whether products of large numbers in int8 add up on this processor, or end at the largest int16."""
    most = torch.full((_PROBED_SIDE, _PROBED_SIDE), int(STEPS), dtype=torch.int8)
    return bool((torch._int_mm(most, most) == _PROBED_SIDE * int(STEPS) ** 2).all())  # noqa: SLF001


Linear: TypeAlias = PackedLinear | Int8Linear


class PatchLinear(nn.Module):  # type: ignore[misc]
    """A convolution whose patches do not overlap, as one product, which takes half as long."""

    def __init__(self, convolution: nn.Conv2d, linear: Callable[..., Linear]) -> None:
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
