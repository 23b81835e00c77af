"""Zero-1-to-3: an object seen from another camera, from one image (Liu et al., ICCV 2023).

Letters: B images; H, W their size; h, w that of the latents.
"""

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPVisionModelWithProjection

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""Of the images that CLIP was trained on, by its authors."""


class CCProjection(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers' own mixins
    """Joins the embedding of an image with a camera; layout of ``kxic/zero123-xl``.

    Args:
        in_channel: Length of the embedding and the four numbers of the camera.
        out_channel: Length of what the U-Net is told.
    """

    @register_to_config
    def __init__(self, in_channel: int = 772, out_channel: int = 768) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.projection = nn.Linear(in_channel, out_channel)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return ``(B, out_channel)`` of ``(B, in_channel)``."""
        return self.projection(embedding)


class CLIPCameraProjection(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """The same with the names of ``ashawkey/zero123-xl-diffusers``.

    Args:
        embedding_dim: Length of the embedding, and of what the U-Net is told.
        additional_embeddings: Numbers of the camera.
    """

    @register_to_config
    def __init__(self, embedding_dim: int = 768, additional_embeddings: int = 4) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.proj = nn.Linear(embedding_dim + additional_embeddings, embedding_dim)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return ``(B, embedding_dim)`` of ``(B, embedding_dim + additional_embeddings)``."""
        return self.proj(embedding)


def camera_vector(polar: Tensor, azimuth: Tensor, radius: Tensor) -> Tensor:
    """Return the published description of how a camera moves, ``(B, 4)``.

    [polar, sin(azimuth), cos(azimuth), radius], angles in radians; authors' ``gradio_new.py``.

    Args:
        polar: ``(B,)`` degrees, positive moves the camera down.
        azimuth: ``(B,)`` degrees, positive moves the camera to the right.
        radius: ``(B,)``, positive moves the camera away.
    """
    turn = torch.deg2rad(azimuth)
    return torch.stack([torch.deg2rad(polar), turn.sin(), turn.cos(), radius], dim=1)


class Zero123Net(nn.Module):
    """The four networks that draw another view.

    Args:
        unet: Takes eight channels, noisy latents before the image's latents.
        vae: Autoencoder.
        image_encoder: Of CLIP.
        camera_projection: `CCProjection` or `CLIPCameraProjection`.
    """

    clip_mean: Tensor
    clip_std: Tensor

    def __init__(
        self,
        unet: UNet2DConditionModel,
        vae: AutoencoderKL,
        *,
        image_encoder: CLIPVisionModelWithProjection,
        camera_projection: CCProjection | CLIPCameraProjection,
    ) -> None:
        super().__init__()
        self.unet = unet
        self.vae = vae
        self.image_encoder = image_encoder
        self.camera_projection = camera_projection
        self.register_buffer("clip_mean", torch.tensor(_CLIP_MEAN).view(1, 3, 1, 1), False)
        self.register_buffer("clip_std", torch.tensor(_CLIP_STD).view(1, 3, 1, 1), False)

    def told(self, images: Tensor, cameras: Tensor) -> Tensor:
        """Return what the U-Net is told, ``(B, 1, D)``.

        Args:
            images: ``(B, 3, H, W)`` float in [-1, 1].
            cameras: ``(B, 4)`` of `camera_vector`.
        """
        side = self.image_encoder.config.image_size
        assert isinstance(side, int)  # of CLIP, whose pictures are square
        # as CLIP was fed in training: bicubic from corner to corner, without antialiasing
        seen = F.interpolate(images, size=(side, side), mode="bicubic", align_corners=True)
        embedding = self.image_encoder((seen / 2 + 0.5 - self.clip_mean) / self.clip_std)
        joined = torch.cat([embedding.image_embeds, cameras.to(embedding.image_embeds)], dim=1)
        return self.camera_projection(joined)[:, None]

    def latents(self, images: Tensor) -> Tensor:
        """Return the latents of the images that the U-Net sees, ``(B, 4, h, w)``.

        The mode, and not scaled: the published model was trained so.

        Args:
            images: ``(B, 3, H, W)`` float in [-1, 1].
        """
        return self.vae.encode(images).latent_dist.mode()

    def images(self, latents: Tensor) -> Tensor:
        """Return ``(B, 3, H, W)``, about [-1, 1], of ``(B, 4, h, w)`` scaled latents."""
        return self.vae.decode(latents / self.vae.config["scaling_factor"]).sample

    def forward(
        self, noisy: Tensor, time: Tensor, *, seen: Tensor, told: Tensor, guidance: float
    ) -> Tensor:
        """Return the prediction of the U-Net, guided away from knowing neither image nor camera.

        Args:
            noisy: ``(B, 4, h, w)``.
            time: 0-dim int64.
            seen: ``(B, 4, h, w)`` of `latents`.
            told: ``(B, 1, D)`` of `told`.
            guidance: 1 is none, and takes half the time.
        """
        if guidance == 1:
            inputs = torch.cat([noisy, seen], dim=1)
            return self.unet(inputs, time, encoder_hidden_states=told).sample
        images = torch.cat([torch.zeros_like(seen), seen])
        known = torch.cat([torch.zeros_like(told), told])
        inputs = torch.cat([torch.cat([noisy, noisy]), images], dim=1)
        away, towards = self.unet(inputs, time, encoder_hidden_states=known).sample.chunk(2)
        return away + guidance * (towards - away)
