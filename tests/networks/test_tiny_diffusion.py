from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from networks.tiny_diffusion import TextToImage
from networks.tiny_diffusion_words import BEGIN, END, UNKNOWN, word_tokenizer

TOKENS = torch.tensor([[BEGIN, 3, 4, END, END, END], [BEGIN, 5, END, END, END, END]])


def tiny_unet(channels: int) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=channels,
        out_channels=channels,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=4,
    )


def tiny_net(controls: tuple[str, ...] = (), channels: int = 12) -> TextToImage:
    torch.manual_seed(0)
    return TextToImage(tiny_unet(channels), controls=controls, vocabulary=8, max_tokens=6).eval()


def inputs() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 12, 8, 8, generator=generator), torch.tensor([3, 900])


def pictures(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(2)
    return [torch.rand(2, 3, 16, 16, generator=generator) for _ in range(count)]


@torch.no_grad()
def test_new_controlnets_hear_pictures_about_as_well_as_latents() -> None:
    torch.manual_seed(0)
    net = TextToImage(tiny_unet(12), controls=["mask"], vocabulary=8, max_tokens=6).eval()
    latents, times = inputs()
    control = net.controls["mask"]
    (picture,) = pictures(1)
    seen = control.controlnet_cond_embedding(picture)
    assert 0.1 < float(seen.std() / control.conv_in(latents).std()) < 10
    hidden = torch.zeros(1, 2, dtype=torch.bool)
    bare = net(latents, times, TOKENS, [picture], hidden)
    assert float((net(latents, times, TOKENS, [picture]) - bare).std()) > 0.05 * float(bare.std())


def test_each_sample_goes_by_the_pictures_that_it_is_shown() -> None:
    net = tiny_net(("canny", "mask"))
    latents, times = inputs()
    shown = torch.tensor([[True, False], [True, True]])
    together = net(latents, times, TOKENS, pictures(2), shown)
    for row in range(2):
        one = slice(row, row + 1)
        text = net.text_encoder(TOKENS[one])[0]
        parts = [
            control(
                latents[one],
                times[one],
                encoder_hidden_states=text,
                controlnet_cond=picture[one],
                return_dict=False,
            )
            for control, picture, on in zip(
                net.controls.values(), pictures(2), shown[:, row], strict=True
            )
            if on
        ]
        alone = net.unet(
            latents[one],
            times[one],
            encoder_hidden_states=text,
            down_block_additional_residuals=[
                sum(x) for x in zip(*[d for d, _ in parts], strict=True)
            ],
            mid_block_additional_residual=sum(m for _, m in parts),
        ).sample
        torch.testing.assert_close(together[one], alone, atol=1e-5, rtol=1e-4)


def test_gradients_reach_every_part() -> None:
    net = tiny_net(("mask",)).train()
    latents, times = inputs()
    net(latents, times, TOKENS, pictures(1)).square().mean().backward()
    without = [n for n, p in net.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


def test_net_of_one_channel_is_for_masks() -> None:
    net = tiny_net(channels=4)
    assert net.colours == 1
    mask = torch.rand(1, 1, 16, 16)
    assert torch.equal(net.decode(net.encode(mask)), mask)


def test_unknown_word_says_nothing_at_first() -> None:
    words = tiny_net().text_encoder.get_input_embeddings().weight
    assert not words[UNKNOWN].any()
    assert words[END].any()


def test_unet_with_channels_of_neither_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unet has 3 in_channels .* give it 4 of each for masks"):
        TextToImage(tiny_unet(3))


def test_words_are_numbered_in_their_order() -> None:
    words = word_tokenizer(["A round table", "a low, round bed"], max_tokens=9)
    found = words("a round, low table").input_ids
    assert found == [BEGIN, 3, 4, 7, 6, 5, END]


def test_what_is_not_known_is_one_token_each() -> None:
    words = word_tokenizer(["a table"], max_tokens=9)
    assert words("a heron table").input_ids == [BEGIN, 3, UNKNOWN, 4, END]


def test_long_prompt_is_cut_and_keeps_its_end() -> None:
    words = word_tokenizer(["a table"], max_tokens=4)
    found = words("a a table table", truncation=True, max_length=4).input_ids
    assert found == [BEGIN, 3, 3, END]


def test_tokenizer_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    words = word_tokenizer(["a table"], max_tokens=5)
    words.save_pretrained(tmp_path)
    loaded = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert loaded.model_max_length == 5
    assert loaded("A table", padding="max_length").input_ids == [BEGIN, 3, 4, END, END]
