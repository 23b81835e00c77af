import pytest
import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from torch.nn import functional as F

from networks.clip_model import small_clip
from networks.clip_seg import ClipSeg


@pytest.fixture(scope="module")
def clip() -> CLIP:
    torch.manual_seed(0)
    return small_clip(
        width=32, num_layers=3, patch_size=8, image_size=32, dim=32, text_layers=1
    ).eval()


@pytest.fixture(scope="module")
def net(clip: CLIP) -> ClipSeg:
    torch.manual_seed(1)
    return ClipSeg(clip, num_prompts=2, num_heads=4).eval()


def unit(*shape: int) -> torch.Tensor:
    return F.normalize(torch.randn(shape, generator=torch.Generator().manual_seed(2)), dim=-1)


def picture(*size: int) -> torch.Tensor:
    return torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(3))


def test_encoder_without_prompts_sees_what_clip_sees(clip: CLIP) -> None:
    net = ClipSeg(clip, num_prompts=0)
    image = picture(32, 32)
    expected = clip.encode_image((image - net.mean) / net.std, normalize=True)
    torch.testing.assert_close(net.encode(image).image, expected)


@pytest.mark.parametrize("size", [(32, 32), (33, 71), (8, 100), (1, 1)])
def test_logits_have_the_size_of_the_image(net: ClipSeg, size: tuple[int, int]) -> None:
    assert net(picture(*size), unit(5, 32)).shape == (2, 5, *size)


def test_features_have_length_one(net: ClipSeg) -> None:
    features = net.encode(picture(40, 48))
    assert features.patches.shape == (2, 32, 5, 6)
    torch.testing.assert_close(features.patches.norm(dim=1), torch.ones(2, 5, 6))
    torch.testing.assert_close(features.image.norm(dim=1), torch.ones(2))


def test_names_do_not_see_each_other(net: ClipSeg) -> None:
    text, image = unit(6, 32), picture(32, 32)
    torch.testing.assert_close(net(image, text)[:, 2:4], net(image, text[2:4]))


def test_each_image_may_have_names_of_its_own(net: ClipSeg) -> None:
    text, image = unit(2, 4, 32), picture(32, 32)
    expected = [net(image[k : k + 1], text[k]) for k in range(2)]
    torch.testing.assert_close(net(image, text), torch.cat(expected))


def test_images_do_not_see_each_other(net: ClipSeg) -> None:
    text, image = unit(3, 32), picture(32, 24)
    torch.testing.assert_close(net(image, text)[1:], net(image[1:], text))


@pytest.mark.parametrize(
    ("num_prompts", "full", "learning"),
    [
        (0, False, {"decoder"}),
        (2, False, {"decoder", "prompts"}),
        (2, True, {"decoder", "prompts", "clip"}),
    ],
)
def test_all_that_is_to_learn_gets_a_gradient(
    clip: CLIP, num_prompts: int, full: bool, learning: set[str]
) -> None:
    net = ClipSeg(clip, num_prompts=num_prompts, train_image_encoder=full, num_heads=4, dropout=0)
    net(picture(32, 32), unit(3, 32)).square().sum().backward()
    trained = {name: p for name, p in net.named_parameters() if p.requires_grad}
    assert {name.partition(".")[0] for name in trained} == learning
    assert all(name.startswith("clip.visual") for name in trained if name.startswith("clip"))
    # a bias of all keys alike moves no softmax, but what is left of it is not exactly 0
    assert [name for name, p in trained.items() if p.grad is None] == []
    net.zero_grad()


def test_vocabulary_is_encoded_once_and_follows_the_device(net: ClipSeg) -> None:
    text = net.embed(["chair", "bicycle"])
    assert net.embed(("chair", "bicycle")) is text
    assert net.embed(["bicycle"]) is not text
    torch.testing.assert_close(net.embed(["bicycle"]), text[1:])
    assert not any("text_" in key and "projection" not in key for key in net.state_dict())
    assert any(buffer is text for buffer in net.buffers())


def test_other_weights_forget_the_vocabulary(net: ClipSeg) -> None:
    text = net.embed(["chair"])
    net.load_state_dict(net.state_dict())
    assert net.embed(["chair"]) is not text


def test_vocabulary_of_an_evaluation_can_be_trained_with(clip: CLIP) -> None:
    net = ClipSeg(clip, num_prompts=0, num_heads=4)
    with torch.inference_mode():
        net.embed(["chair"])
    net(picture(16, 16), net.embed(["chair"])).sum().backward()


def test_patches_in_half_precision_stay_close(net: ClipSeg) -> None:
    text, image = unit(3, 32), picture(32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(image, text)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, net(image, text), atol=0.01, rtol=0.1)


def test_convolutional_encoder_is_refused() -> None:
    vision = CLIPVisionCfg(layers=(1, 1, 1, 1), width=8, head_width=8, image_size=32)
    clip = CLIP(8, vision, CLIPTextCfg(width=8, heads=1, layers=1, vocab_size=10))
    with pytest.raises(ValueError, match="ModifiedResNet: ClipSeg needs"):
        ClipSeg(clip)


@pytest.mark.parametrize("prior", [0.01, 0.5, 0.9])
def test_scores_begin_at_the_prior(clip: CLIP, prior: float) -> None:
    torch.manual_seed(4)
    net = ClipSeg(clip, num_heads=4, prior=prior).eval()
    with torch.no_grad():
        scores = net(picture(64, 64), net.embed(["chair", "bicycle"])).sigmoid()
    assert scores.mean().item() == pytest.approx(prior, rel=0.2)


@pytest.mark.parametrize("prior", [0.0, 1.0])
def test_prior_that_is_no_score_is_refused(clip: CLIP, prior: float) -> None:
    with pytest.raises(ValueError, match=f"prior is {prior}: give"):
        ClipSeg(clip, prior=prior)
