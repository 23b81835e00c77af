from pathlib import Path

import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from safetensors.torch import save_file

from networks.clip_seg import ClipSeg
from networks.clip_zegclip import from_zegclip
from networks.weights import WeightsError, load_weights
from tests.networks.zegclip_reference import (
    DECODER_HEADS,
    DIM,
    GRID,
    HEADS,
    PATCH,
    WIDTH,
    published_shapes,
    published_state,
    zegclip_logits,
)


def published_net(
    *, double: bool = True, image_size: int = GRID * PATCH, weights: Path | None = None
) -> ClipSeg:
    vision = CLIPVisionCfg(
        layers=3, width=WIDTH, head_width=WIDTH // HEADS, patch_size=PATCH, image_size=image_size
    )
    text = CLIPTextCfg(context_length=16, width=DIM, heads=1, layers=1)
    clip = CLIP(DIM, vision, text, quick_gelu=True)
    return ClipSeg(
        clip,
        num_prompts=2,
        num_heads=DECODER_HEADS,
        double_class_embedding=double,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        weights=None if weights is None else str(weights),
    ).eval()


def written(path: Path, state: dict[str, torch.Tensor]) -> Path:
    """A checkpoint as mmcv writes it."""
    meta = {"epoch": 1, "iter": 20000, "CLASSES": ("chair", "bicycle"), "mmseg_version": "0.24"}
    torch.save({"meta": meta, "state_dict": state, "optimizer": {"state": {}}}, path)
    return path


@pytest.mark.parametrize("size", [(32, 32), (40, 24)])
def test_network_with_published_weights_equals_the_plain_products(size: tuple[int, int]) -> None:
    state, net = published_state(), published_net()
    net.load_state_dict(from_zegclip(state).state)
    random = torch.Generator().manual_seed(1)
    image = torch.randn(2, 3, *size, generator=random)
    text = torch.nn.functional.normalize(torch.randn(5, DIM, generator=random), dim=-1)
    with torch.no_grad():
        logits = net.decoder(net.encode(image), text)
    expected = zegclip_logits(state, image, text)
    assert expected.std() > 0.05  # there is something to compare
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-4)


def test_a_published_checkpoint_is_read_as_it_is(tmp_path: Path) -> None:
    state, net = published_state(), published_net()
    net.load_state_dict(from_zegclip(state).state)
    read = published_net(weights=written(tmp_path / "zegclip.pth", state)).state_dict()
    assert read.keys() == net.state_dict().keys()
    assert all(x.equal(read[key]) for key, x in net.state_dict().items())


def test_weights_of_ours_are_read_as_before(tmp_path: Path) -> None:
    net, path = published_net(), tmp_path / "weights.safetensors"
    save_file(net.state_dict(), path)
    read = published_net(weights=path).state_dict()
    assert all(x.equal(read[key]) for key, x in net.state_dict().items())


@pytest.mark.parametrize("double", [True, False])
def test_a_published_checkpoint_says_what_network_it_needs(double: bool, tmp_path: Path) -> None:
    path = written(tmp_path / "zegclip.pth", published_state())
    size = 2 * GRID * PATCH if double else GRID * PATCH
    with pytest.raises(WeightsError, match=r"zegclip\.pth: they are those of .* with double_class"):
        published_net(double=double, image_size=size, weights=path)


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("backbone.prompt_embeddings", r"\.prompt_embeddings'\] is missing"),
        ("backbone.prompt_norm.bias", r"1 of \d+ keys missing \(prompts\.norm\.bias\)"),
        ("decode_head.q_proj.weight", r"keys missing \(decoder\.descriptor\.weight\)"),
    ],
)
def test_a_published_checkpoint_is_read_whole_or_not(
    lost: str, message: str, tmp_path: Path
) -> None:
    state = published_state()
    del state[lost]
    with pytest.raises(WeightsError, match=message):
        published_net(weights=written(tmp_path / "zegclip.pth", state))


def test_a_published_checkpoint_is_named_to_other_networks(tmp_path: Path) -> None:
    path = written(tmp_path / "zegclip.pth", published_state())
    with pytest.raises(WeightsError, match=r"They are those of networks\.clip_seg\.ClipSeg with"):
        load_weights(torch.nn.Conv2d(3, 4, 3), str(path))


def test_every_key_is_used_or_named_as_unused() -> None:
    # 376 are recorded of the published network for VOC
    shapes = published_shapes(num_blocks=12, num_text_blocks=12, num_texts=2)
    assert len(shapes) == 376
    mapped = from_zegclip({key: torch.zeros(shape) for key, shape in shapes.items()})
    assert set(mapped.unused) <= set(shapes)
    # two keys of prompts become one, and the scale of CLIP's logits comes to them
    assert len(mapped.state) + len(mapped.unused) == 376
    last = {key for key in mapped.unused if ".layers.2." in key}
    assert len(last) == 6 + 12  # dead everywhere, and dead in the last layer alone
    assert len(mapped.unused) == len(last) + 2 * 6 + 1


def test_a_foreign_key_is_named() -> None:
    with pytest.raises(ValueError, match=r"'optimizer\.lr' is no key of ZegCLIP's"):
        from_zegclip({**published_state(), "optimizer.lr": torch.zeros(1)})


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match="these 1 keys are not ZegCLIP's"):
        from_zegclip({"conv1.weight": torch.zeros(1)})
