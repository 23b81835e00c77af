import torch
from torch import Tensor, nn

from generation.diffusion.autoencoding import precision_of, without_overflow


class Squares(nn.Module):
    """Overflows in float16 as SDXL's autoencoder does."""

    def __init__(self, *, force_upcast: bool) -> None:
        super().__init__()
        self.config = {"force_upcast": force_upcast}
        self.weight = nn.Parameter(torch.full((1, 1), 300.0), requires_grad=False)
        self.device = torch.device("cpu")

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight @ self.weight


def shown(net: Squares) -> Tensor:
    with (
        torch.autocast("cpu", torch.float16),
        without_overflow(net, precision_of(net)) as vae,
    ):
        return vae(torch.ones(1, 1))


def test_autoencoder_that_would_overflow_computes_in_32_bits() -> None:
    assert shown(Squares(force_upcast=True)) == 90000
    assert shown(Squares(force_upcast=False)).isinf()


def test_precision_is_that_of_autocast_or_of_the_weights() -> None:
    net = nn.Linear(1, 1).bfloat16()
    assert precision_of(net) == torch.bfloat16
    with torch.autocast("cpu", torch.float16):
        assert precision_of(net) == torch.float16
