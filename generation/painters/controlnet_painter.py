"""An image for a mask by a diffusion model with ControlNets: the second stage of MaskFactory.

The published settings (two ControlNets, 512, 80 steps, its negative prompt) are the defaults, but
for its defects: each pair has noise of its own, the mask keeps its aspect, and the image comes back
at the mask's size with its detail painted, not blurred.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from datamodules.generation_result import Rejected
from datamodules.sample import MaskKind, Provenance, Sample
from generation.diffusion.controlled_loading import Adapter, load_controlled
from generation.diffusion.controls import CannyCondition, Control, MaskCondition
from generation.diffusion.denoise import (
    Conditions,
    Step,
    added_by_controls,
    denoise,
    denoising_step,
)
from generation.diffusion.noise import generators_for, noise
from generation.diffusion.one_graph import one_graph
from generation.diffusion.reduced_step import Added, ReducedStep
from generation.diffusion.sampler_table import SamplerTable, sampler_table
from generation.diffusion.sampling import Refinement, Sampling
from generation.diffusion.schedulers import scheduler_like
from generation.diffusion.size_buckets import bucket
from generation.diffusion.tiles import Tile, TiledStep, tile_starts
from generation.licence import joint_licence
from generation.prompts.prompts import Prompts, models_of, prompts_for

VERSION = 1
"""Raised whenever the same seed gives other pixels."""

NEGATIVE_PROMPT = "monochrome, lowres, bad anatomy, worst quality, low quality"
"""MaskFactory's."""

PUBLISHED_CONTROLS = (
    Control(model="lllyasviel/sd-controlnet-canny", condition=CannyCondition()),
    Control(model="lllyasviel/sd-controlnet-seg", condition=MaskCondition()),
)
"""MaskFactory's, for Stable Diffusion 1.x; configurations spell them out."""


PUBLISHED_SAMPLING = Sampling()
TO_1536 = Refinement()


class ControlNetPainter(nn.Module):
    """Paints masks with a diffusion model. A `generation.painters.batch_painter.BatchPainter`.

    Args:
        model: Base by hub id or local folder: SD 1.x, SD 2.x, SDXL or SD3.
        controls: What the base goes by beside the prompt. Those that are switched off cost nothing.
        prompts: Ask for the class. Null: no words, and no guidance.
        negative_prompt: What to keep away from.
        size: Side in pixels of a square of the area painted, as the base was trained.
        sampling: How the image is drawn.
        refinement: Second pass. Null: the image is enlarged to the mask's size as it is.
        adapter: LoRA merged into the base, such as those for few steps.
        compile_step: Compile a denoising step as one graph. It is worth its minute for some dozens
            of images; groups are then filled up to powers of two, as each size is a graph.
        licence: SPDX expression of what the models' licences ask of images. Empty: not known, and
            so for the pairs.
        revision: Of the base, on the hub.
        dtype: Of the weights. Those of SDXL with two ControlNets are 12 GB in 16 bits; to load them
            so needs half of the memory that ``trainer.precision`` needs for it.

    Raises:
        ModelNotFound: If one of the models is neither here nor to be had.
        ValueError: If a ControlNet does not fit the base, or the size not its networks.
    """

    def __init__(
        self,
        *,
        model: str = "stable-diffusion-v1-5/stable-diffusion-v1-5",
        controls: Sequence[Control],
        prompts: Prompts | None,
        negative_prompt: str = NEGATIVE_PROMPT,
        size: int = 512,
        sampling: Sampling = PUBLISHED_SAMPLING,
        refinement: Refinement | None = TO_1536,
        adapter: Adapter | None = None,
        compile_step: bool = False,
        licence: str = "",
        revision: str = "main",
        dtype: Literal["float32", "bfloat16", "float16"] = "float32",
    ) -> None:
        super().__init__()
        self.controls = [control for control in controls if control.is_used]
        kinds = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
        self.net = load_controlled(
            model, self.controls, revision=revision, adapter=adapter, dtype=kinds[dtype]
        )
        bucket((1, 1), side=size, multiple=self.net.multiple)  # raises if the size cannot be
        self.prompts = prompts
        self.negative_prompt = negative_prompt
        self.size = size
        self.sampling = sampling
        self.refinement = refinement
        self.licence = licence
        self.guidance = 1.0 if prompts is None else sampling.guidance
        self.compile_step = compile_step
        scheduler = scheduler_like(
            self.net.pipeline.scheduler, sampling.scheduler, sampling.options
        )
        self._table = sampler_table(scheduler, steps=sampling.steps)
        self._second: SamplerTable | None = None
        if refinement is not None:
            self._second = sampler_table(
                scheduler, steps=refinement.steps, strength=refinement.strength
            )
        self._step: Step = denoising_step
        self._added: Added = added_by_controls
        if compile_step:
            self._step = one_graph(denoising_step)
            self._added = one_graph(added_by_controls)

    @torch.no_grad()
    def paint(self, drafts: Sequence[Sample], seeds: Sequence[int]) -> Sequence[Sample | Rejected]:
        """Return the pairs with painted images, see `BatchPainter`.

        Raises:
            ValueError: If a mask is of labels.
            PromptError: If there is no prompt to be had.
        """
        for draft in drafts:
            if draft.mask_kind is not MaskKind.ALPHA:
                raise ValueError(f"sample {draft.id!r} has a mask of labels: give one object each")
        texts = [""] * len(drafts)
        if self.prompts is not None:
            texts = prompts_for(self.prompts, [draft.class_names[0] for draft in drafts], seeds)
        jobs = [_Job(*each) for each in zip(drafts, seeds, texts, strict=True)]
        groups: dict[tuple[tuple[int, int], float], list[int]] = {}
        for place, job in enumerate(jobs):
            groups.setdefault(self._shape(job.draft), []).append(place)
        done: dict[int, Sample] = {}
        for (size, factor), places in groups.items():
            images = self._images([jobs[place] for place in places], size, factor)
            for place, image in zip(places, images, strict=True):
                done[place] = self._finished(jobs[place], image)
        return [done[place] for place in range(len(jobs))]

    def _shape(self, draft: Sample) -> tuple[tuple[int, int], float]:
        """Return the size of the first pass and how much larger the second is, in halves."""
        height, width = draft.mask.shape
        size = bucket((height, width), side=self.size, multiple=self.net.multiple)
        if self.refinement is None:
            return size, 1.0
        larger = ceil(2 * sqrt(height * width / (size[0] * size[1]))) / 2
        return size, max(1.0, min(larger, int(2 * self.refinement.side / self.size) / 2))

    def _images(self, jobs: list["_Job"], size: tuple[int, int], factor: float) -> list[Tensor]:
        """Return ``(3, H, W)`` uint8 images of the masks' own sizes, on the CPU."""
        count = len(jobs)
        if self.compile_step:
            jobs = [*jobs, *[jobs[-1]] * ((1 << (count - 1).bit_length()) - count)]
        generators = generators_for([job.seed for job in jobs], "controlnet")
        conditions = self._conditions(jobs, size)
        images = self._first_pass(generators, conditions, size)
        if factor > 1:
            images = self._refined(images, jobs, generators, size, factor)
        return [_bytes(image, job.draft) for image, job in zip(images, jobs[:count], strict=False)]

    def _conditions(self, jobs: Sequence["_Job"], size: tuple[int, int]) -> Conditions:
        text = self.net.text(
            [job.text for job in jobs], self.negative_prompt, size=size, guidance=self.guidance
        )
        return self.net.conditions(text, self._pictures(jobs, size), self.guidance)

    def _pictures(self, jobs: Sequence["_Job"], size: tuple[int, int]) -> list[Tensor]:
        """Return the control pictures of each condition, ``(B, 3, *size)`` in [0, 1]."""
        device = self.net.device
        return [
            torch.stack([control.condition.picture(job.draft.mask, size) for job in jobs]).to(
                device
            )
            for control in self.controls
        ]

    def _first_pass(
        self, generators: Sequence[Generator], conditions: Conditions, size: tuple[int, int]
    ) -> Tensor:
        shape = (self.net.channels, *(side // self.net.shrink for side in size))
        first = noise(generators, shape, self.net.device) * self._table.start[1]
        latent = denoise(
            self.net.denoiser,
            first,
            self._table,
            generators,
            conditions=conditions,
            step=self._step_of(self._table),
        )
        return self.net.decode(latent)

    def _refined(
        self,
        images: Tensor,
        jobs: Sequence["_Job"],
        generators: Sequence[Generator],
        size: tuple[int, int],
        factor: float,
    ) -> Tensor:
        assert self.refinement is not None
        assert self._second is not None
        shrink = self.net.shrink
        large = (int(size[0] * factor) // shrink, int(size[1] * factor) // shrink)
        small = (size[0] // shrink, size[1] // shrink)
        canvas = (large[0] * shrink, large[1] * shrink)
        enlarged = F.interpolate(images, canvas, mode="bicubic").clamp(0, 1)
        latent = self.net.encode(enlarged * 2 - 1)
        fresh = noise(generators, latent.shape[1:], latent.device)
        first = self._second.start[0] * latent + self._second.start[1] * fresh
        tiles = self._tiles(jobs, size, canvas)
        return self.net.decode(
            denoise(
                self.net.denoiser,
                first,
                self._second,
                generators,
                conditions=tiles[0].conditions,
                step=TiledStep(self._step_of(self._second), tiles, small),
            )
        )

    def _step_of(self, table: SamplerTable) -> Step:
        """Return the step for one way along a table."""
        if self.sampling.is_exact:
            return self._step
        return ReducedStep(
            self._step,
            self._added,
            num_steps=len(table.times),
            control_every=self.sampling.control_every,
            guided_share=self.sampling.guided_share,
        )

    def _tiles(
        self, jobs: Sequence["_Job"], size: tuple[int, int], canvas: tuple[int, int]
    ) -> list[Tile]:
        assert self.refinement is not None
        shrink, share = self.net.shrink, self.refinement.overlap
        texts = [job.text for job in jobs]
        text = self.net.text(texts, self.negative_prompt, size=size, guidance=self.guidance)
        pictures = self._pictures(jobs, canvas)
        rows, columns = (
            tile_starts(whole // shrink, part // shrink, int(share * part) // shrink)
            for whole, part in zip(canvas, size, strict=True)
        )
        tiles = []
        for top in rows:
            for left in columns:
                y, x = top * shrink, left * shrink
                shown = [each[..., y : y + size[0], x : x + size[1]] for each in pictures]
                tiles.append(Tile(top, left, self.net.conditions(text, shown, self.guidance)))
        return tiles

    def _finished(self, job: "_Job", image: Tensor) -> Sample:
        draft = job.draft
        assert self.prompts is not None or not job.text
        writers = () if self.prompts is None else models_of(self.prompts)
        models = (*draft.provenance.models, *self.net.names, *writers)
        return replace(
            draft,
            image=image,
            counterfactual=None,
            prompt=job.text,
            seed=job.seed,
            provenance=Provenance(
                source="controlnet",
                revision=str(VERSION),
                config=draft.provenance.config,
                parents=draft.provenance.parents,
                licence=joint_licence(draft.provenance.licence, self.licence),
                edits=(*draft.provenance.edits, self._described()),
                models=tuple(dict.fromkeys(models)),
            ),
        )

    def _described(self) -> str:
        controls = "+".join(f"{each.condition!r}x{each.weight:g}" for each in self.controls)
        second, sampling = self.refinement, self.sampling
        reduced = (
            ""
            if sampling.is_exact
            else f",reduced({sampling.control_every},{sampling.guided_share:g})"
        )
        refined = "" if second is None else f",refined({second.side},{second.strength:g})"
        return (
            f"controlnet({controls or 'prompt'},size={self.size},steps={sampling.steps},"
            f"guidance={self.guidance:g},scheduler={sampling.scheduler or 'base'}{reduced}"
            f"{refined},v{VERSION})"
        )


@dataclass(frozen=True, slots=True)
class _Job:
    draft: Sample
    seed: int
    text: str


def _bytes(image: Tensor, draft: Sample) -> Tensor:
    """Return ``(3, H, W)`` uint8 at the mask's size of an image in [0, 1]."""
    size = tuple(draft.mask.shape)
    if tuple(image.shape[1:]) != size:
        image = F.interpolate(image[None], size, mode="bicubic", antialias=True)[0].clamp(0, 1)
    return (image * 255).round().to(torch.uint8).cpu()
