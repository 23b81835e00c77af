import pytest
import torch
from torch import Tensor, nn

from networks.checkpointing import run_checkpointed


def block(momentum: float | None = 0.1) -> nn.Sequential:
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, momentum=momentum), nn.ReLU(), nn.Conv2d(4, 2, 3)
    )
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return net


def image() -> Tensor:
    return torch.randn((2, 3, 9, 7), generator=torch.Generator().manual_seed(1))


def state_after_two_steps(net: nn.Module, checkpointed: bool) -> dict[str, Tensor]:
    for _ in range(2):
        y = run_checkpointed(net, image()) if checkpointed else net(image())
        y.square().sum().backward()
    gradients = {f"{name}.grad": x.grad for name, x in net.named_parameters() if x.grad is not None}
    return gradients | net.state_dict()


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("training", [True, False])
def test_gradients_and_statistics_are_those_of_a_plain_pass(
    momentum: float | None, training: bool
) -> None:
    plain = state_after_two_steps(block(momentum).train(training), checkpointed=False)
    found = state_after_two_steps(block(momentum).train(training), checkpointed=True)
    assert found.keys() == plain.keys()
    for name, x in plain.items():
        assert torch.equal(found[name], x), name


def test_norms_are_left_as_they_were() -> None:
    net = block(momentum=None)
    run_checkpointed(net, image()).sum().backward()
    norm = net[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.momentum is None
    assert norm.num_batches_tracked == 1


@pytest.mark.slow
def test_compiled_pass_updates_statistics_once() -> None:
    net = block()
    torch.compile(run_checkpointed, backend="aot_eager", fullgraph=True)(
        net, image()
    ).sum().backward()
    plain = block()
    plain(image())
    torch.testing.assert_close(net[1].running_mean, plain[1].running_mean)
    assert net[1].num_batches_tracked == 1
