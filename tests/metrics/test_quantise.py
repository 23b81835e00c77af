import pytest
import torch
import torch.nn.functional as F

from metrics.quantise import resize, to_truth_size, to_uint8


def test_every_8_bit_value_survives_the_round_trip() -> None:
    values = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(values.float() / 255), values)


@pytest.mark.parametrize(("level", "expected"), [(0.5, 1), (1.5, 2), (2.5, 3), (0.49, 0)])
def test_halves_are_rounded_upwards(level: float, expected: int) -> None:
    exact = torch.tensor(level / 255, dtype=torch.float64)
    assert int(to_uint8(torch.nextafter(exact, torch.tensor(1.0, dtype=torch.float64)))) == expected


@pytest.mark.parametrize("bad", [float("nan"), -0.01, 1.01])
def test_values_that_are_no_probabilities_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        to_uint8(torch.tensor([0.5, bad]))


def test_probabilities_are_resized_not_logits() -> None:
    logits = torch.tensor([[-100.0, 4.0]])[None, None]
    expected = F.interpolate(logits.sigmoid(), (1, 7), mode="bilinear", align_corners=False)
    assert torch.equal(to_truth_size(logits, (1, 7)), to_uint8(expected[0, 0]))


def test_a_map_of_the_truths_size_is_not_resampled() -> None:
    logits = torch.randn(1, 1, 5, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(to_truth_size(logits, (5, 7)), to_uint8(logits.sigmoid()[0, 0]))


@pytest.mark.parametrize("size", [(1, 1), (1, 13), (301, 3), (64, 64)])
def test_a_constant_map_stays_constant_at_any_size(size: tuple[int, int]) -> None:
    resized = resize(torch.ones(17, 23), size)
    assert tuple(resized.shape) == size
    assert torch.equal(to_uint8(resized), torch.full(size, 255, dtype=torch.uint8))


def test_half_precision_logits_are_accepted() -> None:
    logits = torch.tensor([[[[-30.0, 30.0]]]], dtype=torch.bfloat16)
    assert to_truth_size(logits, (1, 2)).tolist() == [[0, 255]]
