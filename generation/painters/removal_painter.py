"""Counterfactuals of labelled images: the objects painted over, all else as it was."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datamodules.generation_result import Rejected
from datamodules.sample import MaskKind, Sample
from generation.diffusion.controlled_loading import load_controlled
from generation.diffusion.controlled_unet import ControlledUNet
from generation.diffusion.denoise import (
    Conditions,
    Denoiser,
    Row,
    Text,
    denoise,
    denoising_step,
)
from generation.diffusion.noise import generators_for, noise
from generation.diffusion.noise_levels import noise_levels
from generation.diffusion.pair_sampling import joined
from generation.diffusion.sampler_table import sampler_table
from generation.diffusion.sampling import Sampling
from generation.diffusion.schedulers import scheduler_like
from generation.labelers.labeler import shown_classes
from generation.painters.counterfactual_painter import as_bytes
from generation.prompts.descriptions import NOTHING, without_classes

VERSION = 1
"""Raised whenever the same seed gives other pixels."""
_SAMPLING = Sampling(steps=30)


class RemovalPainter(nn.Module):
    """Paints the labelled objects of images over. A `batch_painter.BatchPainter`.

    The drafts are labelled pairs; they come back with a counterfactual whose bytes are the image's
    outside the widened mask. With an inpainting model the network is shown what is around the
    object; with any other, what is around is put back after each step (as RePaint, CVPR 2022, does
    without its repetitions), which fits worse.

    Args:
        model: Base by hub id or local folder: SD 1.x, SD 2.x or SDXL, or one of their inpainting
            models, whose U-Net has nine channels.
        margin: Share of the image's side by which masks are widened: shadows and blurred edges
            lie there.
        replacement: Stands for the classes in the prompt.
        negative_prompt: What to keep away from, beside the classes.
        sampling: How it is painted.
        licence: SPDX expression of what the model's licence asks of images. Empty: not known, and
            so for the pairs.
        revision: Of the base, on the hub.
        dtype: Of the weights.

    Raises:
        ModelNotFound: If the model is neither here nor to be had.
        ValueError: If it has no U-Net, or the margin is out of its range.
    """

    def __init__(
        self,
        *,
        model: str = "stable-diffusion-v1-5/stable-diffusion-inpainting",
        margin: float = 0.03,
        replacement: str = NOTHING,
        negative_prompt: str = "",
        sampling: Sampling = _SAMPLING,
        licence: str = "",
        revision: str = "main",
        dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    ) -> None:
        super().__init__()
        if not 0 <= margin < 0.5:
            raise ValueError(f"margin {margin} must be in [0, 0.5), a share of the image's side")
        kinds = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
        self.net = load_controlled(model, [], revision=revision, dtype=kinds[dtype])
        if not isinstance(self.net, ControlledUNet):
            raise ValueError(f"base {model!r} has no U-Net: give one of SD 1.x, SD 2.x or SDXL")
        self.margin = margin
        self.replacement = replacement
        self.negative_prompt = negative_prompt
        self.sampling = sampling
        self.licence = licence
        scheduler = scheduler_like(
            self.net.pipeline.scheduler, sampling.scheduler, sampling.options
        )
        self._table = sampler_table(scheduler, steps=sampling.steps)
        self._levels = noise_levels(scheduler, steps=sampling.steps)

    @torch.no_grad()
    def paint(self, drafts: Sequence[Sample], seeds: Sequence[int]) -> Sequence[Sample | Rejected]:
        """Return the labelled pairs with counterfactuals.

        Raises:
            ValueError: If a pair has no object to remove, or its size does not fit the networks.
        """
        done: dict[int, Sample] = {}
        sizes: dict[tuple[int, ...], list[int]] = {}
        for place, draft in enumerate(drafts):
            self._check(draft)
            sizes.setdefault(tuple(draft.mask.shape), []).append(place)
        for places in sizes.values():
            own = [drafts[place] for place in places]
            painted = self._painted(own, [seeds[place] for place in places])
            for place, other in zip(places, painted, strict=True):
                done[place] = self._finished(drafts[place], other)
        return [done[place] for place in range(len(drafts))]

    def _check(self, draft: Sample) -> None:
        if not objects(draft).any():
            raise ValueError(
                f"pair {draft.id!r} has no labelled object to paint over: label it first, by the "
                "labeler of lightningmodules.synthesizer.Synthesizer"
            )
        if any(side % self.net.multiple for side in draft.mask.shape):
            raise ValueError(
                f"pair {draft.id!r} has size {tuple(draft.mask.shape)}: {self.net.names[0]} needs "
                f"multiples of {self.net.multiple}"
            )

    def _painted(self, drafts: Sequence[Sample], seeds: Sequence[int]) -> list[Tensor]:
        """Return ``(3, H, W)`` uint8 counterfactuals of pairs of one size."""
        device, size = self.net.device, tuple(drafts[0].mask.shape)
        images = torch.stack([draft.image for draft in drafts]).to(device).float() / 255
        masks = torch.stack([self._widened(draft) for draft in drafts]).to(device)
        small = F.adaptive_max_pool2d(masks, [side // self.net.shrink for side in size])
        known = self.net.encode(images * 2 - 1)
        text = joined([self._text(draft, (size[0], size[1])) for draft in drafts])
        conditions = self.net.conditions(text, [], self.sampling.guidance)
        generators = generators_for(seeds, "removal")
        first = noise(generators, known.shape[1:], device)
        levels = self._levels.to(device)
        step = _KeepingStep(known, first, small, levels)
        net: Denoiser = self.net.denoiser
        if self.net.pipeline.unet.config["in_channels"] > self.net.channels:
            # grey where the object is, as these models were trained
            around = self.net.encode((images * 2 - 1) * (masks < 0.5))
            net = _InpaintingDenoiser(self.net.denoiser, torch.cat([small, around], 1))
        latents = denoise(
            net,
            first * self._table.start[1],
            self._table,
            generators,
            conditions=conditions,
            step=step,
        )
        found = self.net.decode(latents)
        share = F.avg_pool2d(masks, 3, stride=1, padding=1) * (masks > 0)
        return [as_bytes(each) for each in images + share * (found - images)]

    def _widened(self, draft: Sample) -> Tensor:
        """Return ``(1, H, W)`` float, 1 within the widened mask."""
        found = objects(draft).float()[None]
        reach = round(self.margin * max(draft.mask.shape))
        return F.max_pool2d(found, 2 * reach + 1, stride=1, padding=reach)

    def _text(self, draft: Sample, size: tuple[int, int]) -> Text:
        names = shown_classes(draft)
        told = without_classes(draft.prompt, names, self.replacement) if draft.prompt else ""
        negative = ", ".join(filter(None, [*names, self.negative_prompt]))
        return self.net.text([told], negative, size=size, guidance=self.sampling.guidance)

    def _finished(self, draft: Sample, other: Tensor) -> Sample:
        origin, sampling = draft.provenance, self.sampling
        licences = (origin.licence, self.licence)
        edit = (
            f"removed(margin={self.margin:g},steps={sampling.steps},"
            f"guidance={sampling.guidance:g},scheduler={sampling.scheduler or 'base'},v{VERSION})"
        )
        return replace(
            draft,
            counterfactual=other,
            provenance=replace(
                origin,
                # one that is not known leaves all unknown
                licence="" if "" in licences else " AND ".join(sorted(set(licences))),
                edits=(*origin.edits, edit),
                models=tuple(dict.fromkeys((*origin.models, *self.net.names))),
            ),
        )


def objects(sample: Sample) -> Tensor:
    """Return ``(H, W)`` bool: what is neither background nor void; of a soft mask all of it."""
    if sample.mask_kind is MaskKind.ALPHA:
        return sample.mask > 0
    return (sample.mask > 0) & (sample.mask < 255)


class _KeepingStep:
    """A step after which everything outside the mask is the image, with the noise of that step."""

    def __init__(self, known: Tensor, drawn: Tensor, mask: Tensor, levels: Tensor) -> None:
        self.known = known
        self.drawn = drawn
        self.mask = mask
        self.levels = levels
        self.num_done = 0

    def __call__(
        self,
        net: Denoiser,
        latents: Tensor,
        outputs: Tensor,
        fresh: Tensor | None,
        row: Row,
        conditions: Conditions,
    ) -> tuple[Tensor, Tensor]:
        new, output = denoising_step(net, latents, outputs, fresh, row, conditions)
        self.num_done += 1
        image, noise_share = self.levels[self.num_done]
        kept = image * self.known + noise_share * self.drawn
        return torch.where(self.mask > 0, new, kept), output


class _InpaintingDenoiser(nn.Module):
    """Shows a U-Net of nine channels the mask and what is around it. A `Denoiser`."""

    def __init__(self, net: nn.Module, shown: Tensor) -> None:
        super().__init__()
        self.net = net
        self.shown = shown

    def forward(self, latent: Tensor, time: Tensor, conditions: Conditions) -> Tensor:
        """Return the base's output, see `generation.diffusion.denoise.Denoiser`."""
        shown = self.shown.repeat(len(latent) // len(self.shown), 1, 1, 1)
        found: Tensor = self.net(torch.cat([latent, shown.to(latent)], 1), time, conditions)
        return found

    def added(self, latent: Tensor, time: Tensor, conditions: Conditions) -> tuple[Tensor, ...]:
        """Return nothing: there is no ControlNet."""
        return ()
