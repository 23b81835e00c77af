from math import log

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from datamodules.batch import Batch
from lightningmodules.losses import BCE, Dice
from lightningmodules.losses.points import PointSupervision, at_points
from networks.outputs import Outputs
from tests.lightningmodules.test_udun_losses import batch_of


def loss_of(
    num_points: int = 50, doubtful: float = 0.75, oversample: float = 3.0
) -> PointSupervision:
    terms = {"bce": BCE(), "dice": Dice()}
    return PointSupervision(terms, num_points, doubtful=doubtful, oversample=oversample).eval()


def batch(mask: Tensor, weight: Tensor | None = None) -> Batch:
    made = batch_of(mask)
    made.weight = torch.ones_like(mask) if weight is None else weight
    return made


def test_even_map_has_the_loss_of_the_whole_map() -> None:
    mask, logits = torch.ones(2, 1, 12, 8), torch.full((2, 1, 3, 2), 0.3)
    terms = loss_of()(Outputs(logits=[logits]), batch(mask))
    whole = F.interpolate(logits, mask.shape[2:])
    weight = torch.ones_like(mask)
    assert terms["bce"].item() == pytest.approx(BCE()(whole, mask, weight).item())
    share = torch.tensor(0.3).sigmoid().item()
    assert terms["dice"].item() == pytest.approx(1 - (100 * share + 1) / (50 * share + 51))


def test_many_points_come_to_the_loss_of_the_whole_map() -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 1, 16, 16, generator=generator)
    mask = (torch.randn(2, 1, 16, 16, generator=generator) > 0).float()
    found = loss_of(20000, doubtful=0.0)(Outputs(logits=[logits]), batch(mask))["bce"]
    # a fine raster of both maps, enlarged as points read them
    fine = [
        F.interpolate(x, (512, 512), mode="bilinear", align_corners=False) for x in (logits, mask)
    ]
    expected = F.binary_cross_entropy_with_logits(*fine)
    assert found.item() == pytest.approx(expected.item(), abs=0.01)


def test_points_lie_where_the_network_is_in_doubt() -> None:
    logits = torch.full((1, 1, 32, 32), 20.0)
    logits[..., :8] = 0.0
    mask = torch.ones(1, 1, 32, 32)
    doubtful = loss_of(50, doubtful=1.0, oversample=8)(Outputs(logits=[logits]), batch(mask))
    anywhere = loss_of(50, doubtful=0.0)(Outputs(logits=[logits]), batch(mask))
    assert doubtful["bce"].item() == pytest.approx(log(2))
    assert anywhere["bce"].item() < 0.5 * log(2)


def test_doubt_where_nothing_counts_draws_no_points() -> None:
    logits = torch.full((1, 1, 32, 32), 1.0)
    logits[..., 20:] = 0.0  # most in doubt, and of no weight
    weight = torch.ones(1, 1, 32, 32)
    weight[..., 16:] = 0.0
    mask = torch.ones(1, 1, 32, 32)
    found = loss_of(50, doubtful=1.0)(Outputs(logits=[logits]), batch(mask, weight))
    assert found["bce"].item() == pytest.approx(log(1 + torch.tensor(-1.0).exp().item()))


def test_points_follow_the_seed_in_training_and_stay_else() -> None:
    logits = torch.linspace(-2, 2, 64).view(1, 1, 8, 8)
    outputs, data, loss = Outputs(logits=[logits]), batch(torch.ones(1, 1, 8, 8)), loss_of(5)
    assert loss(outputs, data)["bce"] == loss(outputs, data)["bce"]
    found: list[float] = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        found.append(loss.train()(outputs, data)["bce"].item())
    assert found[0] == found[2] != found[1]


def test_gradients_are_those_of_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 1, 2, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    data = batch((torch.rand(1, 1, 4, 6, generator=generator) > 0.5).double())
    loss = loss_of(40, doubtful=0.0)  # which points are kept is no smooth function
    assert torch.autograd.gradcheck(
        lambda x: sum(loss(Outputs(logits=[x]), data).values()), [logits]
    )


def test_centres_of_pixels_have_the_values_of_pixels() -> None:
    x = torch.arange(6.0).view(1, 1, 2, 3)
    points = torch.tensor([[[0.5 / 3, 0.25], [2.5 / 3, 0.75], [1.0, 1.0]]])
    assert at_points(x, points).flatten().tolist() == pytest.approx([0.0, 5.0, 5.0], abs=1e-5)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="give at least one"):
        PointSupervision({})
    with pytest.raises(ValueError, match="doubtful 2"):
        PointSupervision({"bce": BCE()}, doubtful=2.0)
