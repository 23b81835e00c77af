import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

from networks.clip_seg import ClipSeg
from networks.clip_zegclip import from_zegclip
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


def published_net() -> ClipSeg:
    vision = CLIPVisionCfg(
        layers=3, width=WIDTH, head_width=WIDTH // HEADS, patch_size=PATCH, image_size=GRID * PATCH
    )
    text = CLIPTextCfg(context_length=16, width=DIM, heads=1, layers=1)
    clip = CLIP(DIM, vision, text, quick_gelu=True)
    return ClipSeg(
        clip,
        num_prompts=2,
        num_heads=DECODER_HEADS,
        double_class_embedding=True,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
    ).eval()


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
