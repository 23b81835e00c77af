"""Functions that are compiled as one graph for each size of what they are given."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")

_MOST_GRAPHS = 256
"""More than sizes of pictures times sizes of batches. Without it torch gives up after eight."""


def one_graph(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function, compiled without a break, for each size at its first call with it.

    Args:
        function: Of tensors, whose sizes are known when it is compiled.
    """
    compiled = torch.compile(function, fullgraph=True, dynamic=False)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with torch._dynamo.config.patch(
            recompile_limit=_MOST_GRAPHS, accumulated_recompile_limit=_MOST_GRAPHS
        ):
            return compiled(*args, **kwargs)

    return call
