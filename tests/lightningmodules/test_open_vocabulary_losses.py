import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from lightningmodules.losses.open_vocabulary import ClassMasks, MaskMatching, dice, focal


def random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def maps(*shape: int) -> tuple[Tensor, Tensor]:
    logits = torch.randn(shape, generator=random(), dtype=torch.float64)
    return logits, torch.rand(shape, generator=random()) > 0.6


def masks_of(
    labels: Tensor, weight: Tensor | None = None, void: Tensor | None = None
) -> ClassMasks:
    return ClassMasks(
        labels=labels,
        weight=torch.ones(len(labels), 1, *labels.shape[1:]) if weight is None else weight,
        is_void=torch.zeros_like(labels, dtype=torch.bool) if void is None else void,
    )


def test_focal_is_that_of_torchvision() -> None:
    logits, target = maps(2, 3, 4, 5)
    weight = torch.rand(2, 1, 4, 5, generator=random(), dtype=torch.float64)
    losses = sigmoid_focal_loss(logits, target.double(), alpha=0.25, gamma=2)
    expected = (weight * losses).sum((2, 3)) / weight.sum((2, 3))
    torch.testing.assert_close(focal(logits, target, weight), expected)


def test_focal_of_an_image_that_does_not_count_is_zero() -> None:
    logits, target = maps(1, 2, 3, 3)
    assert focal(logits, target, torch.zeros(1, 1, 3, 3)).tolist() == [[0, 0]]


def test_dice_is_one_minus_twice_the_common_area() -> None:
    target = torch.tensor([[[[True, True, False, False]]]])
    logits = torch.tensor([[[[math.inf, -math.inf, math.inf, -math.inf]]]])
    weight = torch.tensor([[[[1.0, 1.0, 0.5, 1.0]]]])
    # both 1; areas 1.5 and 2
    assert dice(logits, target, weight).item() == pytest.approx(1 - 3 / 4.5)


def published(logits: Tensor, labels: Tensor, *, void: int = 255) -> tuple[float, float]:
    """Focal and Dice with loops over images and classes, as ZegCLIP's code means them."""
    focal_sum, dice_sum, number = 0.0, 0.0, 0
    big = F.interpolate(logits, labels.shape[1:], mode="bilinear", align_corners=False)
    for image, truth in zip(big, labels, strict=True):
        for k, map in enumerate(image):
            target = (truth == k).double()
            p = map.sigmoid()
            q = torch.where(target > 0, p, 1 - p)
            share = torch.where(target > 0, 0.25, 0.75)
            focal_sum += float((share * (1 - q) ** 2 * -q.log()).mean())
            if target.any():
                number += 1
                overlap = float((p * target).sum())
                dice_sum += 1 - (2 * overlap + 1) / float(p.sum() + target.sum() + 1)
    return focal_sum / number, dice_sum / number


def test_terms_are_the_published_sums_with_void_as_negative() -> None:
    logits = torch.randn(2, 4, 3, 2, generator=random(), dtype=torch.float64)
    labels = torch.randint(-1, 4, (2, 6, 5), generator=random())
    void = torch.rand(2, 6, 5, generator=random()) > 0.7
    labels[void] = -1
    loss = MaskMatching(100, 1, void_is_negative=True)
    terms = loss(logits, masks_of(labels, void=void))
    expected = published(logits, labels)
    assert terms["focal"].item() == pytest.approx(100 * expected[0], rel=1e-5)
    assert terms["dice"].item() == pytest.approx(expected[1], rel=1e-5)


@pytest.mark.parametrize("ignored_by", ["weight", "void"])
def test_what_nobody_knows_has_no_influence(ignored_by: str) -> None:
    labels = torch.zeros(1, 2, 4, dtype=torch.long)
    ignored = torch.zeros(1, 2, 4, dtype=torch.bool)
    ignored[..., 2:] = True
    weight, void = (~ignored[:, None]).float(), None
    if ignored_by == "void":
        weight, void = None, ignored
    logits = torch.randn(1, 2, 2, 4, generator=random()).requires_grad_()
    terms = MaskMatching()(logits, masks_of(labels, weight, void))
    (terms["focal"] + terms["dice"]).backward()
    assert logits.grad is not None
    assert (logits.grad[..., 2:] == 0).all()
    assert (logits.grad[..., :2] != 0).all()


def test_perfect_masks_cost_nothing_and_wrong_ones_much() -> None:
    labels = torch.tensor([[[0, 0, 1, -1]]])
    right = torch.full((1, 2, 1, 4), -50.0)
    right[0, 0, 0, :2] = right[0, 1, 0, 2] = 50.0
    best, worst = (MaskMatching()(sign * right, masks_of(labels)) for sign in (1, -1))
    assert sum(best.values()).item() == pytest.approx(0, abs=1e-6)
    assert sum(worst.values()).item() > 100


def test_an_image_of_background_alone_has_a_focal_term() -> None:
    logits = torch.zeros(1, 3, 2, 2)
    terms = MaskMatching(1, 1)(logits, masks_of(torch.full((1, 2, 2), -1)))
    assert terms["focal"].item() == pytest.approx(3 * 0.75 * 0.25 * math.log(2))
    assert terms["dice"].item() == 0


def test_gradients_are_those_of_differences() -> None:
    logits, target = maps(1, 2, 2, 3)
    weight = torch.rand(1, 1, 2, 3, generator=random(), dtype=torch.float64)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: focal(x, target, weight).sum(), logits)
    assert torch.autograd.gradcheck(lambda x: dice(x, target, weight).sum(), logits)


RANK = """
import sys, torch
from datetime import timedelta
from torch import distributed
sys.path[:0] = [sys.argv[1]]
from lightningmodules.losses.open_vocabulary import ClassMasks, MaskMatching
rank, folder = int(sys.argv[2]), sys.argv[3]
distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank,
                               world_size=2, timeout=timedelta(seconds=60))
labels = torch.tensor([[[0, -1]], [[1 if rank == 0 else -1, -1]]])
masks = ClassMasks(labels=labels, weight=torch.ones(2, 1, 1, 2), is_void=labels > 9)
loss = MaskMatching(focal_weight=1.0)
both = loss.train()(torch.zeros(2, 2, 1, 2), masks)
for _ in range(3 - rank):
    own = loss.eval()(torch.zeros(2, 2, 1, 2), masks)
total = torch.ones(())
distributed.all_reduce(total)  # as the sums at the end of a validation
print(float(both["focal"]), float(own["focal"]), float(total))
distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_processes_that_evaluate_different_numbers_of_batches_do_not_meet(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, root, str(rank), tmp_path], stdout=subprocess.PIPE
        )
        for rank in (0, 1)
    ]
    printed = [rank.communicate(timeout=120)[0].split() for rank in ranks]
    pixel = 0.25 * math.log(2)  # of a logit of 0, times the share of its sign
    first, second = 2 * (0.5 + 0.75) * pixel, (0.5 + 3 * 0.75) * pixel
    found = [[float(word) for word in row] for row in printed]
    # two masks and one: trained by their mean, evaluated by the own number
    assert found[0] == pytest.approx([first / 1.5, first / 2, 2])
    assert found[1] == pytest.approx([second / 1.5, second, 2])
