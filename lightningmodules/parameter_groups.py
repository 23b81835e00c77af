"""Learning rates that differ between the parts of a network."""

from collections.abc import Mapping

from torch import nn
from torch.nn import Parameter
from torch.optim import Optimizer

from lightningmodules.optimizer_factory import OptimizerFactory


def optimizer_with_factors(
    make: OptimizerFactory, net: nn.Module, factors: Mapping[str, float]
) -> Optimizer:
    """Return an optimizer in which some parts of a network have a rate of their own.

    Args:
        make: From parameters to an optimizer.
        net: Only its parameters that need gradients are taken.
        factors: Factor on the learning rate by the name of a part, such as ``net.bkbone``; the
            longest name that fits a parameter counts. All else has factor 1.

    Raises:
        ValueError: If a factor is negative, or a name fits no parameter that needs gradients.
    """
    groups = _groups(net, factors)
    optimizer = make({"params": parameters} for parameters in groups.values())
    for group, factor in zip(optimizer.param_groups, groups, strict=True):
        group["lr"] *= factor
    return optimizer


def _groups(net: nn.Module, factors: Mapping[str, float]) -> dict[float, list[Parameter]]:
    """Return the parameters of each factor, those of factor 1 first: logs show the first rate."""
    used: set[str] = set()
    found: dict[float, list[Parameter]] = {1.0: []}
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            part = max((x for x in factors if f"{name}.".startswith(f"{x}.")), key=len, default="")
            used.add(part)
            found.setdefault(factors.get(part, 1.0), []).append(parameter)
    wrong = [x for x, factor in factors.items() if factor < 0 or x not in used]
    if wrong:
        raise ValueError(
            f"lr_factors {dict(factors)}: give 0 or more for parts of the network that are "
            f"trained, {', '.join(wrong)} is none"
        )
    return {factor: parameters for factor, parameters in found.items() if parameters}
