from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from networks.isnet import ISNet, ISNetGTEncoder
from networks.official_weights import published_network
from networks.u2net import U2Net, U2NetP
from networks.weights import WeightsError, load_weights

SMALL = 1 / 16


@pytest.mark.parametrize(
    ("net", "name"),
    [
        (ISNet, "isnet.ISNet"),
        (ISNetGTEncoder, "isnet.ISNetGTEncoder"),
        (U2Net, "u2net.U2Net"),
        (U2NetP, "u2net.U2NetP"),
    ],
)
@pytest.mark.parametrize("width", [1.0, 0.25])
def test_nested_networks_are_told_by_their_shapes(net: type, name: str, width: float) -> None:
    with torch.device("meta"):
        state = net(width=width).state_dict()
    told = f"networks.{name}" + ("" if width == 1 else f" with width {width}")
    assert published_network(state) == told


def test_others_are_named() -> None:
    width = torch.empty(1024, 3, 16, 16, device="meta")
    sam = {"mask_decoder.hf_token.weight": width, "image_encoder.patch_embed.proj.weight": width}
    assert published_network(sam) == "SAM-HQ (vit_l)"
    assert (
        published_network({"bkbone.conv1.weight": width, "linear_t.weight": width})
        == "networks.udun.UDUN"
    )


def test_other_layouts_are_not_guessed() -> None:
    assert published_network(nn.Conv2d(3, 4, 3).state_dict()) is None
    assert published_network({}) is None


def message(net: nn.Module, path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        load_weights(net, str(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_file_of_another_variant_is_answered_by_the_one_that_fits(tmp_path: Path) -> None:
    path = tmp_path / "u2netp.pth"
    state = U2NetP(width=SMALL).state_dict()
    torch.save({"model": {f"module._orig_mod.{key}": x for key, x in state.items()}}, path)
    said = message(U2Net(width=SMALL), path)
    assert "do not fit U2Net: " in said
    assert said.endswith("They are those of networks.u2net.U2NetP with width 0.0625")
    load_weights(U2NetP(width=SMALL), str(path))


def test_broken_file_of_the_right_variant_is_not_answered_by_itself(tmp_path: Path) -> None:
    net, path = U2NetP(width=SMALL), tmp_path / "u2netp.safetensors"
    state = net.state_dict()
    del state["side3.bias"]
    save_file(state, path)
    assert "They are those of" not in message(net, path)
