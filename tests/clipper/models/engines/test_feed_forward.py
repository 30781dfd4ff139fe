"""A feed-forward part is found by what it computes, and computes the same by other layers."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch  # noqa: TID253 - what is tested are torch's modules
from torch import nn  # noqa: TID253
from transformers.activations import ACT2FN  # noqa: TID253

from clipper.models.engines.feed_forward_layers import replaced_feed_forward
from clipper.models.engines.linear_layers import Int8Linear, PackedLinear
from clipper.models.engines.towers import cpu_has_bf16

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch without oneDNN")
WIDE, NARROW = 96, 32


class Part(nn.Module):
    """The feed-forward part of a block, with its parts in the order in which few libraries name them."""

    def __init__(
        self, activation: nn.Module, *, bias: bool = True, wide: int = WIDE, how: str = "chain"
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.activation, self.how = activation, how
        self.up = nn.Linear(NARROW, wide, bias=bias)
        self.down = nn.Linear(wide, NARROW, bias=bias)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.how == "with a residual":
            return x + self.down(self.activation(self.up(x)))
        if self.how == "the other order":
            return self.up(self.activation(self.down(x)))
        if self.how == "twice as much":
            return 2 * self.down(self.activation(self.up(x)))
        return self.dropout(self.down(self.activation(self.up(x))))


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ["quick_gelu", "gelu", "gelu_pytorch_tanh", "silu"])
def test_the_activation_of_a_family_goes_into_the_first_layer(name: str, *, bias: bool):
    part = Part(ACT2FN[name], bias=bias).eval()
    x = 3 * torch.randn(2, 5, NARROW)
    exact = part(x)
    for linear, off in ((PackedLinear, 1e-6), (Int8Linear, 0.02)):
        made = replaced_feed_forward(part, linear)
        assert made is not None
        assert [type(layer) for layer in made] == [linear, linear]
        assert (made(x) - exact).norm() / exact.norm() < off
    assert torch.equal(part(x), exact)  # which stays as it was


@pytest.mark.parametrize("activation", [nn.GELU(), nn.SiLU(inplace=True)])
def test_a_part_without_names_is_found_too(activation: nn.Module):
    part = nn.Sequential(nn.Linear(NARROW, WIDE), activation, nn.Identity(), nn.Linear(WIDE, NARROW))
    assert replaced_feed_forward(part, PackedLinear) is not None


@pytest.mark.skipif(not cpu_has_bf16(), reason="a processor without bfloat16")
def test_results_are_in_the_type_of_the_layers():
    part = Part(ACT2FN["quick_gelu"]).eval()
    x = torch.randn(2, 5, NARROW)
    made = replaced_feed_forward(part, partial(PackedLinear, dtype=torch.bfloat16))
    result = made(x.to(torch.bfloat16))
    assert result.dtype == torch.bfloat16
    assert (result.float() - part(x)).norm() / part(x).norm() < 0.02


@pytest.mark.parametrize(
    "make",
    [
        lambda: Part(nn.ReLU6()),
        lambda: Part(ACT2FN["gelu_10"]),
        lambda: Part(nn.LayerNorm(WIDE)),
        lambda: Part(nn.Unflatten(-1, (-1, 1))),
        lambda: Part(nn.GELU(), how="with a residual"),
        lambda: Part(nn.GELU(), how="twice as much"),
        lambda: Part(nn.GELU(), how="the other order", wide=NARROW),
        lambda: Part(nn.GELU(), how="the other order"),
        lambda: Part(nn.GELU()).train(),
        lambda: nn.Sequential(nn.Linear(NARROW, WIDE), nn.GELU(), nn.Linear(NARROW, NARROW)),
        lambda: nn.Sequential(nn.Linear(NARROW, WIDE), nn.GELU()),
        lambda: nn.MultiheadAttention(NARROW, 2),
        nn.GELU,
    ],
)
def test_what_computes_something_else_stays(make: Callable[[], nn.Module]):
    assert replaced_feed_forward(make(), PackedLinear) is None
