from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from networks.sam_hq import SamHQ
from networks.sam_hq_keys import to_transformers
from networks.u2net import U2NetP
from networks.weights import WeightsError
from tests.networks.official import randn
from tests.networks.tiny_sam_hq import (
    SIZE,
    save_official_layout,
    save_tiny_sam_hq,
    tiny_sam_hq,
)


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
    with pytest.raises(ValueError, match="got 32 x 64"):
        SamHQ(folder).check_image_size(32, SIZE)


def test_official_file_draws_the_map_of_the_same_weights_in_a_folder(tmp_path: Path) -> None:
    official = save_official_layout(tmp_path / "sam_hq_vit.pth")
    model = tiny_sam_hq()
    model.load_state_dict(to_transformers(torch.load(official, weights_only=True)))
    model.save_pretrained(tmp_path / "folder")
    with torch.no_grad():
        of_file, of_folder = (
            SamHQ(str(path)).eval()(pair()).logits[0] for path in (official, tmp_path / "folder")
        )
    assert of_file.equal(of_folder)


def test_own_state_is_read_back(folder: str, tmp_path: Path) -> None:
    net = SamHQ(folder)
    torch.save({f"net.{key}": x for key, x in net.state_dict().items()}, tmp_path / "own.pth")
    state = SamHQ(str(tmp_path / "own.pth")).state_dict()
    assert all(x.equal(state[key]) for key, x in net.state_dict().items())


def test_half_of_an_official_file_is_one_line(tmp_path: Path) -> None:
    official = save_official_layout(tmp_path / "sam_hq_vit.pth")
    state = torch.load(official, weights_only=True)
    del state["mask_decoder.iou_token.weight"]
    torch.save(state, official)
    with pytest.raises(WeightsError, match="not all of SAM-HQ"):
        SamHQ(str(official))


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="no published weights of SAM-HQ"):
        SamHQ(str(tmp_path / "a.pth"))
    with pytest.raises(WeightsError, match="neither an official file"):
        SamHQ(str(tmp_path))


def test_weights_of_another_published_network_are_named(tmp_path: Path) -> None:
    torch.save(U2NetP(width=0.25).state_dict(), tmp_path / "u2netp.pth")
    with pytest.raises(WeightsError, match=r"They are those of networks\.u2net\.U2NetP with width"):
        SamHQ(str(tmp_path / "u2netp.pth"))
