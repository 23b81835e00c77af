import torch
from torch.nn import functional as F

from networks.deformable_aspp import DeformableASPP, DeformableConv2d
from tests.networks.official import randn


def test_fresh_convolution_is_an_ordinary_one() -> None:
    net, x = DeformableConv2d(3, 5, 7), randn(2, 3, 9, 6)
    wanted = F.conv2d(x, net.regular_conv.weight, padding=3)
    torch.testing.assert_close(net(x), wanted, rtol=1e-4, atol=1e-5)


def test_offsets_move_and_factors_weigh_what_is_seen() -> None:
    net, x = DeformableConv2d(2, 2, 1), randn(1, 2, 6, 7)
    with torch.no_grad():
        net.offset_conv.bias.copy_(torch.tensor([1.0, 2.0]))  # down, right
        net.modulator_conv.bias.fill_(float(torch.logit(torch.tensor(0.25))))
    moved = F.pad(x[:, :, 1:, 2:], (0, 2, 0, 1))
    wanted = 2 * 0.25 * F.conv2d(moved, net.regular_conv.weight)
    torch.testing.assert_close(net(x), wanted, rtol=1e-4, atol=1e-5)


def test_half_precision_runs_on_every_device_and_returns_its_type() -> None:
    net, x = DeformableConv2d(3, 4, 3), randn(1, 3, 5, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert net(x).dtype == torch.bfloat16
    assert net.to(torch.bfloat16)(x.bfloat16()).dtype == torch.bfloat16
    assert net.double()(x.double()).dtype == torch.float64


def test_a_pixel_is_enough_and_norms_can_be_left_out() -> None:
    net = DeformableASPP(8, batch_norm=False)
    assert net(randn(1, 8, 1, 1)).shape == (1, 8, 1, 1)
    assert not any("running_mean" in key for key in net.state_dict())
