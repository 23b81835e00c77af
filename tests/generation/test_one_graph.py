"""A compiled function meets more sizes than torch compiles by itself."""

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounter

from generation.diffusion import one_graph as module
from generation.diffusion.one_graph import one_graph


def test_more_than_eight_sizes_have_a_graph_each_and_keep_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counter, compile_ = CompileCounter(), torch.compile
    monkeypatch.setattr(
        module.torch,
        "compile",
        lambda function, **options: compile_(function, backend=counter, **options),
    )

    def doubled(x: Tensor) -> Tensor:
        return 2 * x

    call = one_graph(doubled)
    for _ in range(2):
        for side in range(2, 13):
            assert torch.equal(call(torch.ones(side)), torch.full((side,), 2.0))
    assert counter.frame_count == 11
