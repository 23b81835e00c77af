from functools import partial

import pytest
import torch
from torch import nn

from lightningmodules.optimizer_factory import OptimizerFactory
from lightningmodules.parameter_groups import optimizer_with_factors

SGD = OptimizerFactory(partial(torch.optim.SGD, lr=0.5, momentum=0.9, weight_decay=0.1))


class Net(nn.Module):
    """A backbone of two layers, and a head whose name begins like the backbone's."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        self.body_head = nn.Linear(2, 1)
        self.frozen = nn.Linear(2, 2).requires_grad_(False)


def rates(net: nn.Module, factors: dict[str, float]) -> dict[str, float]:
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    groups = optimizer_with_factors(SGD, net, factors).param_groups
    return {names[id(x)]: group["lr"] for group in groups for x in group["params"]}


def test_longest_name_that_fits_gives_the_rate() -> None:
    found = rates(Net(), {"body": 0.1, "body.0": 0.0})
    assert found == {
        "body_head.weight": 0.5,
        "body_head.bias": 0.5,
        "body.0.weight": 0.0,
        "body.0.bias": 0.0,
        "body.1.weight": 0.05,
        "body.1.bias": 0.05,
    }


def test_without_factors_there_is_one_group_of_all_that_is_trained() -> None:
    net = Net()
    (group,) = optimizer_with_factors(SGD, net, {}).param_groups
    assert [id(x) for x in group["params"]] == [id(x) for x in net.parameters() if x.requires_grad]
    assert group["lr"] == 0.5


def test_part_of_factor_zero_keeps_its_values() -> None:
    net = Net()
    before = [x.clone() for x in net.body[0].parameters()]
    optimizer = optimizer_with_factors(SGD, net, {"body.0": 0.0})
    for _ in range(3):
        optimizer.zero_grad()
        net.body_head(net.body(torch.ones(1, 2))).sum().backward()
        optimizer.step()
    assert all(x.equal(y) for x, y in zip(before, net.body[0].parameters(), strict=True))


@pytest.mark.parametrize("factors", [{"bkbone": 0.1}, {"frozen": 0.1}, {"body": -1.0}])
def test_part_that_is_not_trained_is_refused(factors: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(factors))} is none"):
        optimizer_with_factors(SGD, Net(), factors)
