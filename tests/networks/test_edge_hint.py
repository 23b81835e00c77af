import torch

from networks.edge_hint import EdgeHint


def test_hint_begins_at_nothing_and_learns() -> None:
    hint = EdgeHint(2, 5)
    found = hint(torch.rand(3, 1, 8, 6))
    assert found.shape == (3, 5, 4, 3)
    assert not found.any()
    found.sum().backward()
    assert hint.add.weight.grad is not None
    assert hint.add.weight.grad.any()


def test_every_pixel_of_the_edges_tells() -> None:
    hint = EdgeHint(4, 2)
    torch.nn.init.normal_(hint.add.weight, generator=torch.Generator().manual_seed(0))
    edges = torch.zeros(1, 1, 8, 8, requires_grad=True)
    hint(edges).square().sum().backward()
    assert edges.grad is not None
    assert edges.grad.all()
