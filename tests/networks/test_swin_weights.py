from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from networks.swin import Swin
from networks.swin_weights import backbone_keys
from networks.u2net import U2NetP
from networks.weights import WeightsError
from tests.networks.official import fill, randn


def classifier() -> nn.Module:
    net = timm.models.swin_transformer.SwinTransformer(
        img_size=64, embed_dim=8, depths=(2, 1, 1, 1), num_heads=(1, 2, 2, 4), window_size=2
    )
    fill(net)
    return net


def swin(weights: Path | None = None, window: int = 2) -> Swin:
    return Swin(
        8,
        (2, 1, 1, 1),
        heads=(1, 2, 2, 4),
        window=window,
        weights=None if weights is None else str(weights),
    )


def test_features_are_those_of_the_classifier_of_timm(tmp_path: Path) -> None:
    source, path = classifier().eval(), tmp_path / "model.safetensors"
    save_file(source.state_dict(), path)
    net, image = swin(path).eval(), randn(1, 3, 64, 64)
    # windows of 2 divide every map, and more than one fits: there both compute the same
    x = source.patch_embed(image)
    for stage, features in enumerate(net(image)):
        x = source.layers[stage](x)
        norm: nn.Module = getattr(net, f"norm{stage}")
        if stage < 3:  # at 2 x 2 one window is all, which timm does not shift
            torch.testing.assert_close(features, norm(x).permute(0, 3, 1, 2), rtol=1e-4, atol=1e-5)


def official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state of ours as the official classifier's."""
    named = {key: x for key, x in state.items() if not key.startswith("norm")}
    named["norm.weight"], named["head.weight"] = torch.ones(64), torch.ones(10, 64)
    named["layers.0.blocks.1.attn_mask"] = torch.zeros(4, 4, 4)
    return named


def test_official_classifier_loads_and_leaves_the_norms_alone(tmp_path: Path) -> None:
    source, path = swin(), tmp_path / "swin.pth"
    fill(source)
    torch.save({"model": official(source.state_dict())}, path)
    net = swin(path)
    for key, x in net.state_dict().items():
        if key.startswith("norm"):
            assert torch.equal(x, torch.full_like(x, float(key.endswith("weight"))))
        else:
            assert torch.equal(x, source.state_dict()[key])


def test_keys_of_timm_become_official_ones() -> None:
    with torch.device("meta"):
        kept = backbone_keys(classifier().state_dict())
        wanted = {key: x for key, x in swin().state_dict().items() if not key.startswith("norm")}
    wanted = {key: x for key, x in wanted.items() if "relative_position_index" not in key}
    assert {key: x.shape for key, x in kept.items()} == {k: x.shape for k, x in wanted.items()}


def test_other_classifiers_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file(classifier().state_dict(), path)
    with pytest.raises(
        WeightsError, match=r"do not fit Swin: 5 keys .*of the same size and window"
    ):
        swin(path, window=4)


def test_weights_of_another_published_network_are_named(tmp_path: Path) -> None:
    torch.save(U2NetP(width=0.25).state_dict(), tmp_path / "u2netp.pth")
    with pytest.raises(WeightsError, match=r"They are those of networks\.u2net\.U2NetP with width"):
        swin(tmp_path / "u2netp.pth")
