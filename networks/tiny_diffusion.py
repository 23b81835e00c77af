"""A text-to-image diffusion model in diffusers' parts, small enough to be trained from nothing.

Letters: B images; C their channels; H, W their size; c, h, w channels and size of their latents;
K ControlNets; L tokens of a prompt.
"""

from collections.abc import Sequence

import torch
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from networks.identity_vae import IdentityVAE
from networks.tiny_diffusion_words import BEGIN, END, UNKNOWN


class TextToImage(nn.Module):
    """A U-Net with ControlNets beside it, a text encoder, and pixels for latents.

    All that is trained of a ``StableDiffusionPipeline`` and its ControlNets, in one module.

    Args:
        unet: Of ``C p p`` channels in and out, C 3 for images and 1 for masks. The width of its
            text is ``cross_attention_dim``.
        controls: Names of the ControlNets. Each begins as the U-Net's first half (Zhang et al.
            2023, arXiv 2302.05543) and sees pictures of three channels.
        num_halvings: Of the sides of an image to those of its latents; p is 2 to this power.
        vocabulary: Number of words that the text encoder may know.
        max_tokens: L, words of a prompt and two for its ends.
        text_layers: Of the text encoder.

    Raises:
        ValueError: If the U-Net's channels are those of neither images nor masks.
    """

    def __init__(
        self,
        unet: UNet2DConditionModel,
        *,
        controls: Sequence[str] = (),
        num_halvings: int = 1,
        vocabulary: int = 256,
        max_tokens: int = 24,
        text_layers: int = 1,
    ) -> None:
        super().__init__()
        self.vae = IdentityVAE.of(_colours(unet, num_halvings), num_halvings=num_halvings)
        self.unet = unet
        self.text_encoder = CLIPTextModel(
            _text_config(unet.config["cross_attention_dim"], vocabulary, max_tokens, text_layers)
        )
        with torch.no_grad():  # words that training never meets say nothing
            for name, parameter in self.text_encoder.named_parameters():
                if name.endswith("token_embedding.weight"):
                    parameter[UNKNOWN] = 0
        # each level of the embedding halves its picture once, down to the size of the latents
        widths = tuple(16 * 2**level for level in range(num_halvings + 1))
        branches = {
            name: ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=widths)
            for name in controls
        }
        for branch in branches.values():
            _wake(branch)
        self.controls = nn.ModuleDict(branches)
        for part in (unet, *branches.values()):
            # on CPUs, steps are 1.3 times as fast as with the fused kernel: its backward is slow
            part.set_attn_processor(AttnProcessor())
        self.max_tokens = max_tokens
        self.vocabulary = vocabulary

    @property
    def colours(self) -> int:
        """C."""
        return int(self.vae.config["in_channels"])

    def encode(self, images: Tensor) -> Tensor:
        """Return latents ``(B, c, h, w)`` of ``(B, C, H, W)`` images in [-1, 1]."""
        return self.vae.fold(images)

    def decode(self, latents: Tensor) -> Tensor:
        """Return images ``(B, C, H, W)``, about [-1, 1], of ``(B, c, h, w)`` latents."""
        return self.vae.unfold(latents)

    def forward(
        self,
        latents: Tensor,
        times: Tensor,
        tokens: Tensor,
        pictures: Sequence[Tensor] = (),
        shown: Tensor | None = None,
    ) -> Tensor:
        """Return what the U-Net predicts, ``(B, c, h, w)``.

        A ControlNet is asked only about the images that are shown its picture: what is dropped
        costs nothing.

        Args:
            latents: ``(B, c, h, w)`` with noise.
            times: ``(B,)`` int64 numbers of the noise levels.
            tokens: ``(B, L)`` int64, of the prompts.
            pictures: K of them, ``(B, 3, H, W)`` in [0, 1].
            shown: ``(K, B)`` bool, which image is shown which picture. None: all.
        """
        text = self.text_encoder(tokens)[0]
        down: list[Tensor] | None = None
        middle: Tensor | None = None
        for number, (control, picture) in enumerate(
            zip(self.controls.values(), pictures, strict=True)
        ):
            rows = torch.arange(len(latents), device=latents.device)
            if shown is not None:
                rows = rows[shown[number]]
            if not len(rows):
                continue
            more, central = control(
                latents[rows],
                times[rows],
                encoder_hidden_states=text[rows],
                controlnet_cond=picture[rows],
                return_dict=False,
            )
            spread = [_spread(each, rows, len(latents)) for each in (*more, central)]
            down = spread[:-1] if down is None else [*map(torch.add, down, spread[:-1])]
            middle = spread[-1] if middle is None else middle + spread[-1]
        found: Tensor = self.unet(
            latents,
            times,
            encoder_hidden_states=text,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            return_dict=False,
        )[0]
        return found


def _wake(branch: ControlNetModel) -> None:
    """Let a ControlNet speak from the first step.

    Its layers of zeros protect a trained base. Beside one that begins from nothing they are in the
    way, as is torch's own initialisation, which halves a picture at each layer before it meets the
    latents: it is not heard for thousands of steps.
    """
    for layer in branch.controlnet_cond_embedding.modules():
        if isinstance(layer, nn.Conv2d):  # keeps the variance (He et al., arXiv 1502.01852)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    for layer in (*branch.controlnet_down_blocks, branch.controlnet_mid_block):
        layer.reset_parameters()


def _spread(part: Tensor, rows: Tensor, count: int) -> Tensor:
    """Return what belongs to some rows of a batch with zeros at the others."""
    whole = part.new_zeros((count, *part.shape[1:]))
    return whole.index_copy(0, rows, part)


def _colours(unet: UNet2DConditionModel, num_halvings: int) -> int:
    area = 4**num_halvings
    found = int(unet.config["in_channels"])
    if found not in (area, 3 * area) or found != unet.config["out_channels"]:
        raise ValueError(
            f"unet has {found} in_channels and {unet.config['out_channels']} out_channels: with "
            f"num_halvings {num_halvings} give it {area} of each for masks or {3 * area} for images"
        )
    return found // area


def _text_config(width: int, vocabulary: int, max_tokens: int, layers: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // 16),
        max_position_embeddings=max_tokens,
        bos_token_id=BEGIN,
        eos_token_id=END,
        pad_token_id=END,
    )
