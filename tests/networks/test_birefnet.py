from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from networks.adapter import ImageInput
from networks.birefnet import BiRefNet
from networks.birefnet_decoder import resized, tiles_of
from networks.official_weights import published_network
from networks.outputs import Outputs
from networks.swin import Swin, SwinB, SwinL, SwinS, SwinT
from networks.weights import WeightsError, load_weights
from tests.networks.official import assert_recorded, digests, fill, randn, recorded

PUBLISHED = {"t": SwinT, "b": SwinB, "l": SwinL}


def swin(num_checkpointed: int = 0) -> Swin:
    return Swin(8, (1, 2, 1, 1), heads=(1, 2, 2, 4), window=4, num_checkpointed=num_checkpointed)


def small(**arguments: bool | int) -> BiRefNet:
    return BiRefNet(swin(), **arguments)


@pytest.mark.parametrize("size", PUBLISHED)
def test_keys_and_shapes_are_the_published_ones(size: str) -> None:
    with torch.device("meta"):
        net = BiRefNet(PUBLISHED[size]())
    facts = recorded(f"birefnet_swin_{size}")
    assert digests(net) == facts["keys"]
    assert sum(x.numel() for x in net.parameters()) == facts["num_parameters"]


@pytest.mark.slow
def test_outputs_equal_those_of_the_official_code() -> None:
    net = BiRefNet(SwinT()).eval()
    fill(net)
    image = randn(1, 3, 256, 256)
    with torch.no_grad():
        found = [*net.bb(image), net(image).logits[0]]
    for x, facts in zip(found, recorded("birefnet_swin_t")["outputs"].values(), strict=True):
        assert_recorded(x, facts)


@pytest.mark.parametrize("size", [(32, 32), (64, 96)])
def test_maps_have_the_size_and_its_eighth_and_below(size: tuple[int, int]) -> None:
    outputs = small().eval()(randn(1, 3, *size))
    height, width = size
    parts = [(height // n, width // n) for n in (1, 8, 16, 32)]
    assert [x.shape for x in outputs.logits] == [(1, 1, *part) for part in parts]
    assert [x.shape for x in outputs.features] == [(1, 1, *part) for part in parts[1:]]


class Photo:
    def __init__(self, image: Tensor) -> None:
        self.image, self.mask = image, image[:, :1]


@pytest.mark.parametrize("size", [(1, 1), (50, 33)])
def test_adapter_lets_any_size_in(size: tuple[int, int]) -> None:
    net = ImageInput(small().eval(), divisor=32)
    outputs = net(Photo(randn(1, 3, *size).sigmoid()))
    assert [x.shape for x in outputs.logits] == [(1, 1, *size)] * 4


def test_sizes_are_checked_before_an_image_is_seen() -> None:
    net = small()
    net.check_image_size(32, 64)
    with pytest.raises(ValueError, match=r"50x64: .* multiples of 32"):
        net.check_image_size(50, 64)


def test_other_sizes_and_lonely_samples_are_one_line_with_the_cure() -> None:
    with pytest.raises(ValueError, match=r"50x64: .* multiples of 32; give data.size one"):
        small()(randn(2, 3, 50, 64))
    with pytest.raises(ValueError, match=r"one sample to train on.* batch_norm false"):
        small()(randn(1, 3, 64, 64))


def test_one_sample_a_process_is_left_to_norms_that_are_synchronised() -> None:
    net = torch.nn.SyncBatchNorm.convert_sync_batchnorm(small())
    with pytest.raises(ValueError, match="more than 1 value per channel"):  # of torch, alone
        net(randn(1, 3, 32, 32))


def test_one_sample_trains_without_norms() -> None:
    net = small(batch_norm=False)
    assert net(randn(1, 3, 32, 32)).logits[0].shape == (1, 1, 32, 32)
    assert not [key for key in net.state_dict() if "running" in key]


def test_tiles_are_the_image_cut_up() -> None:
    image = randn(2, 3, 8, 6)
    tiles = tiles_of(image, randn(2, 1, 4, 2))
    parts = [
        image[:, c : c + 1, y : y + 4, x : x + 2]
        for c in range(3)
        for y in (0, 4)
        for x in (0, 2, 4)
    ]
    assert torch.equal(tiles, torch.cat(parts, 1))


def test_mixing_before_enlarging_changes_nothing() -> None:
    decoder = small().eval().decoder
    image, x = randn(1, 3, 32, 64), randn(1, 8, 8, 16)
    whole = torch.cat((resized(x, image), decoder.ipt_blk1(image)), 1)
    found = decoder._last(x, image)
    torch.testing.assert_close(found, decoder.conv_out1(whole), rtol=1e-4, atol=1e-5)


def total(outputs: Outputs) -> Tensor:
    parts = [x.square().mean() for x in (*outputs.logits, *outputs.features)]
    return torch.stack(parts).sum()


def after_a_step(net: BiRefNet) -> dict[str, Tensor]:
    fill(net)
    torch.manual_seed(0)
    total(net(randn(2, 3, 64, 32))).backward()
    gradients = {name: x.grad for name, x in net.named_parameters() if x.grad is not None}
    assert gradients.keys() == dict(net.named_parameters()).keys()
    assert all(x.isfinite().all() for x in gradients.values())
    return {**gradients, **dict(net.named_buffers())}


@pytest.mark.slow
def test_checkpointing_changes_neither_gradients_nor_statistics() -> None:
    plain = after_a_step(small())
    found = after_a_step(BiRefNet(swin(num_checkpointed=2), num_checkpointed=4))
    assert plain.keys() == found.keys()
    for name, x in plain.items():
        torch.testing.assert_close(found[name], x, rtol=1e-4, atol=1e-5, msg=name)


def test_half_precision_raises_nothing() -> None:
    net, image = small().eval(), randn(1, 3, 32, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert net(image).logits[0].isfinite().all()
    assert net.to(torch.bfloat16)(image.bfloat16()).logits[0].dtype == torch.bfloat16


def test_official_files_load_with_their_prefixes(tmp_path: Path) -> None:
    source, net = small(), small()
    path = tmp_path / "birefnet.safetensors"
    save_file({f"_orig_mod.module.{key}": x for key, x in source.state_dict().items()}, path)
    load_weights(net, str(path))
    assert all(torch.equal(x, source.state_dict()[key]) for key, x in net.state_dict().items())


@pytest.mark.parametrize("backbone", [SwinT, SwinS, SwinB, SwinL])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_published_variants_are_told_by_their_shapes(backbone: type, batch_norm: bool) -> None:
    with torch.device("meta"):
        state = BiRefNet(backbone(), batch_norm=batch_norm).state_dict()
    told = f"networks.birefnet.BiRefNet with backbone networks.swin.{backbone.__name__}"
    assert published_network(state) == told + ("" if batch_norm else ", batch_norm false")


def test_weights_of_a_batch_of_one_are_answered_by_batch_norm_false(tmp_path: Path) -> None:
    path = tmp_path / "birefnet.safetensors"
    save_file(small(batch_norm=False).state_dict(), path)
    with pytest.raises(WeightsError, match=r"They are those of .*, batch_norm false"):
        load_weights(small(), str(path))
