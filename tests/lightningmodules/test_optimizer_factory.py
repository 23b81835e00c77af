from copy import deepcopy
from functools import partial
from threading import Lock

import torch

from lightningmodules.optimizer_factory import OptimizerFactory


class CommandLine:
    """Holds what cannot be copied, as a trainer of several processes does."""

    def __init__(self) -> None:
        self.lock = Lock()

    def make(self, parameters: list[torch.nn.Parameter], lr: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=lr)


def test_copy_of_its_owner_shares_it() -> None:
    factory = OptimizerFactory(partial(CommandLine().make, lr=0.5))
    assert deepcopy({"optimizer": factory})["optimizer"] is factory


def test_makes_the_optimizer_of_its_callable() -> None:
    parameter = torch.nn.Parameter(torch.zeros(2))
    made = OptimizerFactory(partial(CommandLine().make, lr=0.5))([parameter])
    assert made.param_groups[0]["lr"] == 0.5
    assert made.param_groups[0]["params"] == [parameter]
