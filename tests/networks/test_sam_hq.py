from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from networks.sam_hq import SamHQ
from networks.weights import WeightsError
from tests.networks.official import randn
from tests.networks.tiny_sam_hq import SIZE, save_tiny_sam_hq


@dataclass
class Pair:
    image: Tensor
    mask: Tensor


def pair(size: int = SIZE) -> Pair:
    mask = torch.zeros(2, 1, size, size)
    mask[0, :, 8:40, 16:48] = 1
    mask[1, :, 30:60, 2:33] = 1
    return Pair(randn(2, 3, size, size).sigmoid(), mask)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    return str(save_tiny_sam_hq(tmp_path_factory.mktemp("sam_hq")))


def test_map_has_a_quarter_of_the_side_and_follows_the_box(folder: str) -> None:
    net = SamHQ(folder).eval()
    here, there = pair(), pair()
    there.mask = there.mask.flip(2)
    with torch.no_grad():
        (x,), (again,), (moved,) = [net(batch).logits for batch in (here, here, there)]
    assert x.shape == (2, 1, SIZE // 4, SIZE // 4)
    assert again.equal(x)
    assert not moved.equal(x)


def test_only_what_sam_hq_adds_is_trained(folder: str) -> None:
    net = SamHQ(folder).train()
    for seed in range(6):  # of every kind of prompt
        torch.manual_seed(seed)
        net(pair()).logits[0].square().mean().backward()
    trained = {name.split(".")[2] for name, x in net.named_parameters() if x.grad is not None}
    assert trained == {
        *("hq_token", "hq_mask_mlp", "compress_vit_conv1", "compress_vit_norm"),
        *("compress_vit_conv2", "encoder_conv1", "encoder_norm", "encoder_conv2"),
        *("mask_conv1", "mask_norm", "mask_conv2"),
    }


def test_prompts_of_a_training_step_follow_the_seed_of_the_step(folder: str) -> None:
    net = SamHQ(folder).train()
    found: list[Tensor] = []
    for seed in (1, 2, 3, 4, 1):
        torch.manual_seed(seed)
        found.append(net(pair()).logits[0].detach())
    assert found[0].equal(found[-1])
    assert any(not x.equal(found[0]) for x in found[1:-1])


def test_another_size_is_refused_with_the_cure(folder: str) -> None:
    with pytest.raises(ValueError, match=f"set data.size to {SIZE}".replace(".", "[.]")):
        SamHQ(folder)(pair(32))


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="no published weights of SAM-HQ"):
        SamHQ(str(tmp_path / "a.pth"))
    with pytest.raises(WeightsError, match="neither an official file"):
        SamHQ(str(tmp_path))
