"""Images and their counterfactuals from descriptions, by a diffusion model: MagicSeg's data."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from datamodules.generation_result import Rejected
from datamodules.sample import Sample
from generation.diffusion.controlled_loading import Adapter, load_controlled
from generation.diffusion.controlled_unet import ControlledUNet
from generation.diffusion.pair_sampling import PairSampler, Scene, Way, sampled, unread_classes
from generation.diffusion.sampler_table import sampler_table
from generation.diffusion.sampling import Sampling
from generation.diffusion.schedulers import scheduler_like
from generation.diffusion.size_buckets import bucket
from generation.labelers.labeler import shown_classes

VERSION = 1
"""Raised whenever the same seed gives other pixels."""
PUBLISHED_SAMPLING = Sampling(steps=20)


class CounterfactualPainter(nn.Module):
    """Paints descriptions with and without their objects. A `batch_painter.BatchPainter`.

    The drafts come from `generation.draft_sources.names.NameDrafts`; their masks are left to a
    labeler. Each draft has noise of its own, whatever the batch. MagicSeg's settings (Stable
    Diffusion 1.5, 20 steps, guidance 7.5, 512 pixels, no negative prompt) are the defaults.

    Args:
        counterfactual: How the second image is made, such as
            `generation.diffusion.pair_sampling.SharedScene`. Null: there is none yet,
            and `generation.painters.removal_painter.RemovalPainter` paints it from the labels.
        model: Base by hub id or local folder: SD 1.x, SD 2.x or SDXL.
        negative_prompt: What to keep away from.
        size: Height and width of the images in pixels.
        sampling: How an image is drawn.
        adapter: LoRA merged into the base, such as those for few steps.
        licence: SPDX expression of what the model's licence asks of images. Empty: not known, and
            so for the pairs.
        revision: Of the base, on the hub.
        dtype: Of the weights.

    Raises:
        ModelNotFound: If the model is neither here nor to be had.
        ValueError: If it has no U-Net, or the size does not fit its networks.
    """

    def __init__(
        self,
        *,
        counterfactual: PairSampler | None,
        model: str = "stable-diffusion-v1-5/stable-diffusion-v1-5",
        negative_prompt: str = "",
        size: int = 512,
        sampling: Sampling = PUBLISHED_SAMPLING,
        adapter: Adapter | None = None,
        licence: str = "",
        revision: str = "main",
        dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    ) -> None:
        super().__init__()
        kinds = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
        self.net = load_controlled(
            model, [], revision=revision, adapter=adapter, dtype=kinds[dtype]
        )
        if not isinstance(self.net, ControlledUNet):
            raise ValueError(f"base {model!r} has no U-Net: give one of SD 1.x, SD 2.x or SDXL")
        if bucket((1, 1), side=size, multiple=self.net.multiple) != (size, size):
            raise ValueError(
                f"size {size} is no multiple of {self.net.multiple}, as the networks of {model} "
                "need it"
            )
        self.counterfactual = counterfactual
        self.sampling = sampling
        self.licence = licence
        scheduler = scheduler_like(
            self.net.pipeline.scheduler, sampling.scheduler, sampling.options
        )
        self.way = Way(
            table=sampler_table(scheduler, steps=sampling.steps),
            size=(size, size),
            guidance=sampling.guidance,
            negative_prompt=negative_prompt,
        )

    @torch.no_grad()
    def paint(self, drafts: Sequence[Sample], seeds: Sequence[int]) -> Sequence[Sample | Rejected]:
        """Return the drafts with images and counterfactuals of the painter's size.

        Their masks are empty, of the same size.

        Returns:
            `Rejected` for a draft with a class that its prompt mentions only behind what the text
            encoder reads: nobody would see that it was not painted.

        Raises:
            ValueError: If a draft has no prompt, or one that does not mention its classes.
        """
        scenes = [scene_of(draft, seed) for draft, seed in zip(drafts, seeds, strict=True)]
        results: list[Sample | Rejected] = []
        for draft, scene in zip(drafts, scenes, strict=True):
            unread = unread_classes(self.net.pipeline.tokenizer, scene)
            results.append(self._rejected(draft, unread) if unread else draft)
        places = [k for k, result in enumerate(results) if isinstance(result, Sample)]
        if places:
            painted = self._painted([drafts[k] for k in places], [scenes[k] for k in places])
            for place, pair in zip(places, painted, strict=True):
                results[place] = pair
        return results

    def _rejected(self, draft: Sample, unread: Sequence[str]) -> Rejected:
        num = int(self.net.pipeline.tokenizer.model_max_length) - 2  # beside start and end
        reason = f"{', '.join(unread)} behind the {num} tokens that the text encoder reads"
        return Rejected(draft.id, type(self).__name__, reason)

    def _painted(self, drafts: Sequence[Sample], scenes: Sequence[Scene]) -> list[Sample]:
        if self.counterfactual is None:
            images = sampled(self.net, scenes, self.way)
            return [self._finished(d, i, None) for d, i in zip(drafts, images, strict=True)]
        images, others = self.counterfactual(self.net, scenes, self.way)
        return [
            self._finished(draft, image, other)
            for draft, image, other in zip(drafts, images, others, strict=True)
        ]

    def _finished(self, draft: Sample, image: Tensor, other: Tensor | None) -> Sample:
        origin, sampling = draft.provenance, self.sampling
        licences = (origin.licence, self.licence)
        edit = (
            f"painted(size={self.way.size[0]},steps={sampling.steps},"
            f"guidance={sampling.guidance:g},scheduler={sampling.scheduler or 'base'},"
            f"counterfactual={self.counterfactual!r},v{VERSION})"
        )
        return replace(
            draft,
            image=as_bytes(image),
            mask=torch.zeros(self.way.size, dtype=torch.uint8),
            weight=None,
            counterfactual=None if other is None else as_bytes(other),
            provenance=replace(
                origin,
                # one that is not known leaves all unknown
                licence="" if "" in licences else " AND ".join(sorted(set(licences))),
                edits=(*origin.edits, edit),
                models=tuple(dict.fromkeys((*origin.models, *self.net.names))),
            ),
        )


def scene_of(draft: Sample, seed: int) -> Scene:
    """Return what a draft describes.

    Raises:
        ValueError: If it has no prompt.
    """
    if not draft.prompt:
        raise ValueError(
            f"draft {draft.id!r} has no description: take "
            "generation.draft_sources.names.NameDrafts as the source"
        )
    return Scene(draft.prompt, shown_classes(draft), seed)


def as_bytes(image: Tensor) -> Tensor:
    """Return ``(3, H, W)`` uint8 on the CPU of an image in [0, 1]."""
    return (image * 255).round().clamp(0, 255).to(torch.uint8).cpu()
