"""BiRefNet's losses against recorded values, SciPy and closed forms."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from lightningmodules.losses import (
    BCE,
    BiRefNetSupervision,
    DeepSupervision,
    EdgeSupervision,
    IoU,
    Sum,
)
from lightningmodules.losses.birefnet import birefnet_weights, laplacian
from networks.outputs import Outputs
from tests.lightningmodules.loss_inputs import LOGITS, MASK, ones, randn
from tests.lightningmodules.test_supervision import batch_of

MAPS = [LOGITS, *(randn(2, 1, size, size, seed=41 + i) for i, size in enumerate((8, 16, 32)))]


def total(loss: torch.nn.Module, outputs: Outputs, batch: object) -> float:
    return float(torch.stack(list(loss(outputs, batch).values())).sum())


@pytest.mark.parametrize("repaired", [False, True])
def test_maps_have_the_recorded_loss(repaired: bool) -> None:
    loss = BiRefNetSupervision(repaired=repaired)
    found = loss(Outputs(logits=MAPS), batch_of(MASK))
    expected = {"bce": 23.021533489227295, "iou": 0.6647999584674835, "ssim": 4.693332076072693}
    # the published batch of 8 counts four times as much as the recorded one of 2
    expected["iou"] *= 4 if repaired else 1
    for name, value in expected.items():
        assert found[name].item() / 4 == pytest.approx(value, rel=1e-5)
    if not repaired:
        assert sum(found.values()).item() == pytest.approx(113.51866912841797, rel=1e-5)


def test_summed_iou_is_the_recorded_one_and_grows_with_the_batch() -> None:
    summed = IoU(smooth=0.0, is_summed=True)
    value = summed(LOGITS, MASK, ones(MASK))
    assert value.item() == pytest.approx(1.3137145042419434, rel=1e-5)
    doubled = [torch.cat((x, x)) for x in (LOGITS, MASK, ones(MASK))]
    torch.testing.assert_close(summed(*doubled), 2 * value)
    torch.testing.assert_close(IoU(smooth=0.0)(*doubled), value / 2)


def of_iou(epoch: int, *, repaired: bool) -> dict[str, float]:
    """Weights in the last step of an epoch of 10 epochs of 5 steps, the last 3 being the end."""
    return birefnet_weights(5 * epoch - 1, 50, epochs=10, last_epochs=3, repaired=repaired)


def test_published_end_halves_iou_at_every_epoch_and_drops_bce() -> None:
    assert of_iou(7, repaired=False) == {"bce": 30, "iou": 0.5, "ssim": 10}
    for epoch, expected in ((8, 0.25), (9, 0.125), (10, 0.0625)):
        assert of_iou(epoch, repaired=False) == {"bce": 0, "iou": expected, "ssim": 10}
    # the first step of an epoch already has its weights
    assert birefnet_weights(35, 50, epochs=10, last_epochs=3, repaired=False)["iou"] == 0.25


def test_repaired_end_halves_iou_once() -> None:
    assert of_iou(7, repaired=True) == {"bce": 30, "iou": 4, "ssim": 10}
    for epoch in (8, 9, 10):
        assert of_iou(epoch, repaired=True) == {"bce": 0, "iou": 2, "ssim": 10}


def test_run_without_a_length_has_no_end() -> None:
    weights = birefnet_weights(10**6, -1, epochs=10, last_epochs=3, repaired=False)
    assert weights["bce"] == 30


def test_loss_takes_the_weights_of_its_step() -> None:
    loss = BiRefNetSupervision(epochs=10, last_epochs=2)
    outer = Sum([loss, EdgeSupervision()])
    whole = loss(Outputs(logits=MAPS), batch_of(MASK))
    outer.begin_step(9, 10)
    end = loss(Outputs(logits=MAPS), batch_of(MASK))
    assert end["bce"] == 0
    torch.testing.assert_close(end["iou"], whole["iou"] / 4)
    torch.testing.assert_close(end["ssim"], whole["ssim"])
    outer.begin_step(0, 10)
    torch.testing.assert_close(loss(Outputs(logits=MAPS), batch_of(MASK)), whole)


@pytest.mark.parametrize(("epochs", "last_epochs"), [(10, 11), (10, -1), (0, 0)])
def test_end_that_is_longer_than_the_run_is_refused(epochs: int, last_epochs: int) -> None:
    with pytest.raises(ValueError, match=f"last_epochs {last_epochs} must be 0 to epochs {epochs}"):
        BiRefNetSupervision(epochs, last_epochs)


def test_run_without_an_end_keeps_its_weights() -> None:
    weights = birefnet_weights(49, 50, epochs=10, last_epochs=0, repaired=False)
    assert weights == {"bce": 30, "iou": 0.5, "ssim": 10}


def test_short_run_is_divided_like_a_long_one() -> None:
    ends = [
        birefnet_weights(step, 25, epochs=500, last_epochs=40, repaired=True)["bce"]
        for step in range(25)
    ]
    assert ends == [30] * 23 + [0] * 2


def test_corners_stay_corners_where_asked() -> None:
    loss = DeepSupervision({"bce": BCE()}, align_corners=True)
    x = randn(2, 1, 3, 5, seed=7)
    whole = F.interpolate(x, size=(64, 64), mode="bilinear", align_corners=True)
    for logits in (x, whole):
        found = loss(Outputs(logits=[logits]), batch_of(MASK))["bce"]
        torch.testing.assert_close(found, BCE()(whole, MASK, ones(MASK)))


@pytest.mark.parametrize("size", [(3, 3), (9, 14)])
def test_laplacian_is_that_of_scipy(size: tuple[int, int]) -> None:
    grey = randn(2, 1, *size, seed=3).double()
    kernel = np.ones((5, 5)) / 48
    kernel[2, 2] = -24 / 48
    expected = np.stack([ndimage.convolve(x[0].numpy(), kernel, mode="mirror") for x in grey])
    torch.testing.assert_close(laplacian(grey)[:, 0], torch.from_numpy(expected))


def outputs(height: int = 64, width: int = 64) -> Outputs:
    sizes = [(height // n, width // n) for n in (8, 16, 32)]
    return Outputs(
        logits=[LOGITS.clone(), *(randn(2, 1, *size, seed=50 + i) for i, size in enumerate(sizes))],
        features=[randn(2, 1, *size, seed=60 + i) for i, size in enumerate(sizes)],
    )


def test_edges_are_those_of_the_image_where_the_side_maps_see_the_object() -> None:
    batch, found = batch_of(MASK), outputs()
    batch.image = randn(2, 3, 64, 64, seed=4).sigmoid()
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4)))
    seen = ((batch.image - mean) / std).mean(1, keepdim=True)
    expected: list[Tensor] = []
    for side, edge in zip(found.logits[1:], found.features, strict=True):
        m, e = (
            F.interpolate(x, size=(64, 64), mode="bilinear", align_corners=True)
            for x in (side, edge)
        )
        expected.append(F.binary_cross_entropy(e.sigmoid(), (laplacian(seen) * m).sigmoid()))
    value = EdgeSupervision(std=(0.2, 0.3, 0.4), weight=2.0)(found, batch)["edges"]
    torch.testing.assert_close(value, 2 * torch.stack(expected).sum(), rtol=1e-4, atol=1e-5)


def test_both_maps_of_a_level_learn_from_its_edges() -> None:
    batch, found = batch_of(MASK), outputs()
    batch.image = randn(2, 3, 64, 64, seed=4).sigmoid()
    for x in (*found.logits, *found.features):
        x.requires_grad_()
    EdgeSupervision()(found, batch)["edges"].backward()
    for x in (*found.logits[1:], *found.features):
        assert x.grad is not None
        assert x.grad.abs().max() > 0
    assert found.logits[0].grad is None


def test_edges_of_an_image_that_was_continued_are_cut_back() -> None:
    batch, found = batch_of(MASK[..., :50, :40]), outputs()
    batch.image = randn(2, 3, 50, 40, seed=4).sigmoid()
    changed = outputs()
    changed.features[0][..., 7:, 6:] += 9  # seen below 50 and right of 40 alone
    one, other = (EdgeSupervision()(x, batch)["edges"] for x in (found, changed))
    assert one.isfinite()
    torch.testing.assert_close(one, other)


def test_edges_need_a_network_that_returns_them() -> None:
    with pytest.raises(ValueError, match=r"0 feature maps for 3 side maps: .*BiRefNet"):
        EdgeSupervision()(Outputs(logits=MAPS), batch_of(MASK))


def test_gradient_of_the_edges_is_right() -> None:
    batch = batch_of(MASK[:1, :, :32, :32])
    batch.image = randn(1, 3, 32, 32, seed=4).sigmoid()
    maps = [randn(1, 1, n, n, seed=70 + n).double().requires_grad_() for n in (4, 2, 1)]
    edges = [randn(1, 1, n, n, seed=80 + n).double().requires_grad_() for n in (4, 2, 1)]

    def value(*x: Tensor) -> Tensor:
        found = Outputs(logits=[LOGITS[:1], *x[:3]], features=list(x[3:]))
        return EdgeSupervision()(found, batch)["edges"]

    assert torch.autograd.gradcheck(value, (*maps, *edges))
