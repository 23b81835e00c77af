"""What a diffusion model is trained on: images with noise, and what it is to predict of them.

At noise level t an image x is seen as ``sqrt(a) x + sqrt(1 - a) e`` with e standard normal and a
the cumulated alpha of t (Ho et al., "Denoising diffusion probabilistic models", NeurIPS 2020,
arXiv 2006.11239, eq. 4).

Letters: B images; c, h, w channels and size of their latents.
"""

from typing import Literal

import torch
from torch import Tensor

Prediction = Literal["epsilon", "v_prediction", "sample"]


def noised(latents: Tensor, noise: Tensor, alphas: Tensor) -> Tensor:
    """Return latents with as much noise as their levels say.

    Args:
        latents: ``(B, c, h, w)`` float.
        noise: ``(B, c, h, w)`` standard normal.
        alphas: ``(B,)`` cumulated alphas in [0, 1].
    """
    signal = alphas.view(-1, 1, 1, 1)
    return signal.sqrt() * latents + (1 - signal).sqrt() * noise


def target(latents: Tensor, noise: Tensor, alphas: Tensor, prediction: Prediction) -> Tensor:
    """Return what a network predicts of latents that it sees with noise.

    ``v_prediction`` is ``sqrt(a) e - sqrt(1 - a) x`` (Salimans and Ho, ICLR 2022, arXiv
    2202.00512, appendix D): it still says what the image is where nothing of it is to be seen.

    Args:
        latents: ``(B, c, h, w)`` float.
        noise: ``(B, c, h, w)`` standard normal.
        alphas: ``(B,)`` cumulated alphas in [0, 1].
        prediction: As the scheduler of the model names it.

    Returns:
        ``(B, c, h, w)``.
    """
    if prediction == "epsilon":
        return noise
    if prediction == "sample":
        return latents
    signal = alphas.view(-1, 1, 1, 1)
    return signal.sqrt() * noise - (1 - signal).sqrt() * latents


def level_weights(alphas: Tensor, prediction: Prediction, most: float | None) -> Tensor:
    """Return how much each noise level counts: min-SNR (Hang et al., ICCV 2023, arXiv 2303.09556).

    Of the signal-to-noise ratio ``s = a / (1 - a)`` the error of the image counts min(s, most);
    what that is in terms of noise or v follows. The levels next to pure noise then count next to
    nothing: a model that is to paint from pure noise, where v alone says anything, wants none of
    it.

    Args:
        alphas: ``(B,)`` cumulated alphas in [0, 1).
        prediction: As the scheduler of the model names it.
        most: Greatest weight; 5 in the paper. None: 1 for all, the plain squared error.

    Returns:
        ``(B,)``.
    """
    if most is None:
        return torch.ones_like(alphas)
    ratio = alphas / (1 - alphas)
    if prediction == "epsilon":
        return (most / ratio).clamp(max=1)
    counted = ratio.clamp(max=most)
    return counted if prediction == "sample" else counted / (ratio + 1)
