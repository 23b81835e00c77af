"""Mean nearest and mean pairwise cosine."""

import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity as by_scikit_learn

from metrics.cosine_similarity import cosine_similarity


def test_equals_the_matrix_of_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(13, 7, generator=generator)
    generated = torch.randn(9, 7, generator=generator) + 1
    cosines = by_scikit_learn(generated.double().numpy(), real.double().numpy())
    found = cosine_similarity(real, generated)
    assert found.nearest == pytest.approx(cosines.max(1).mean())
    assert found.pairwise == pytest.approx(cosines.mean())


def test_length_does_not_matter() -> None:
    real, generated = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.0, 9.0]])
    assert cosine_similarity(real, generated) == pytest.approx((1, 0.5))


def test_zeros_are_like_nothing() -> None:
    assert cosine_similarity(torch.ones(2, 3), torch.zeros(2, 3)) == (0, 0)
