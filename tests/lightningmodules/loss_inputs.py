"""Inputs whose losses by the official codes are recorded."""

import torch
from torch import Tensor
from torch.nn import functional as F


def randn(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def blobs(size: int = 64, seed: int = 2) -> Tensor:
    return (F.avg_pool2d(randn(2, 1, size, size, seed=seed), 9, 1, 4) > 0).float()


def ones(x: Tensor) -> Tensor:
    return torch.ones_like(x)


# the recorded inputs and values: official code on CPU, float32
LOGITS, MASK = randn(2, 1, 64, 64, seed=1), blobs()
SIDES = [LOGITS, *(randn(2, 1, 64 >> i, 64 >> i, seed=10 + i) for i in range(1, 6))]
FEATURES = [randn(2, 8, 16, 16, seed=20 + i) for i in range(6)]
MASK_FEATURES = [randn(2, 8, 16, 16, seed=30 + i) for i in range(6)]
