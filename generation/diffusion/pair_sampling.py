"""An image and its counterfactual, sampled side by side.

Letters: B scenes; C, h, w channels and size of their latents; H, W size of the images; G 2 with
guidance and 1 without.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from generation.diffusion.controlled_model import ControlledModel
from generation.diffusion.denoise import (
    Conditions,
    Denoiser,
    Row,
    Text,
    denoise,
    denoising_step,
)
from generation.diffusion.loading import Network
from generation.diffusion.noise import generators_for, noise
from generation.diffusion.sampler_table import SamplerTable
from generation.diffusion.scene_attention import SceneReading, scene_attention
from generation.diffusion.word_maps import WordMaps, recorded, word_tokens
from generation.prompts.descriptions import NOTHING, mentions_of, without_classes

_NOISE = "text to image"


@dataclass(frozen=True, slots=True)
class Scene:
    """What one image shows."""

    text: str
    class_names: tuple[str, ...]
    """Mentioned in the text; their objects are gone in the counterfactual."""
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How images come from noise."""

    table: SamplerTable
    size: tuple[int, int]
    """(H, W) in pixels."""
    guidance: float
    negative_prompt: str


class PairSampler(Protocol):
    """Samples images with their counterfactuals."""

    def __call__(
        self, model: ControlledModel, scenes: Sequence[Scene], way: Way
    ) -> tuple[Tensor, Tensor]:
        """Return images and counterfactuals, ``(B, 3, H, W)`` float32 in [0, 1] each.

        Args:
            model: Base without ControlNets.
            scenes: B of them, without `unread_classes`.
            way: How they are sampled.

        Raises:
            ValueError: If a text does not mention its classes.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class UnrelatedNoise:
    """MagicSeg's own way: another word for the classes, and another noise. A `PairSampler`.

    The pairs share a description and nothing else: outside the object they differ as much as
    images of two scenes do. It is here to be compared with.
    """

    replacement: str = NOTHING

    def __call__(
        self, model: ControlledModel, scenes: Sequence[Scene], way: Way
    ) -> tuple[Tensor, Tensor]:
        """Return images and counterfactuals, see `PairSampler`."""
        told = [without_classes(s.text, s.class_names, self.replacement) for s in scenes]
        images = sampled(model, scenes, way)
        others = [Scene(text, (), scene.seed) for text, scene in zip(told, scenes, strict=True)]
        return images, sampled(model, others, way, noise_of="unrelated")


@dataclass(frozen=True, kw_only=True)
class SharedScene:
    """Prompt swap in the same noise and the same scene. A `PairSampler`.

    Image and counterfactual begin with one noise and take the same steps. What their prompts name
    differently is found by the image's attention to those words; from `start` on the counterfactual
    takes everything outside from the image, latent by latent, and fills the place of the object by
    reading the image's scene around it.
    """

    start: float = 0.2
    """Share of the steps after which the scene is shared: before, nothing says where what is."""
    threshold: float = 0.3
    """Of the strongest attention to the words, in (0, 1]; 0.3 in Prompt-to-Prompt."""
    margin: int = 1
    """Latents by which the object's place is widened."""
    replacement: str = NOTHING

    def __post_init__(self) -> None:
        if not 0 <= self.start < 1 or not 0 < self.threshold <= 1 or self.margin < 0:
            raise ValueError(
                f"start {self.start} must be in [0, 1), threshold {self.threshold} in (0, 1] and "
                f"margin {self.margin} 0 or more"
            )

    def __call__(
        self, model: ControlledModel, scenes: Sequence[Scene], way: Way
    ) -> tuple[Tensor, Tensor]:
        """Return images and counterfactuals, see `PairSampler`."""
        count, names = len(scenes), [" and ".join(scene.class_names) for scene in scenes]
        told = [without_classes(s.text, s.class_names, self.replacement) for s in scenes]
        text = joined(
            [
                *(_text(model, scene.text, way.negative_prompt, way) for scene in scenes),
                # what guidance leads away from is the object too
                *(
                    _text(model, other, ", ".join(filter(None, [name, way.negative_prompt])), way)
                    for other, name in zip(told, names, strict=True)
                ),
            ]
        )
        conditions = model.conditions(text, [], way.guidance)
        size = latent_size(model, way.size)
        halves = 1 if conditions.guidance is None else 2
        maps = WordMaps(
            slice(2 * count * (halves - 1), 2 * count * (halves - 1) + count),
            _words(model, scenes, conditions.text.tokens),
            size,
        )
        seeds = [scene.seed for scene in scenes]
        generators = [*generators_for(seeds, _NOISE), *generators_for(seeds, _NOISE)]
        first = noise(generators, (model.channels, *size), model.device) * way.table.start[1]
        with ExitStack() as changes:
            reading = changes.enter_context(scene_attention(model.denoiser.unet))
            changes.enter_context(recorded(model.denoiser.unet, maps))
            step = _SharingStep(
                self, reading, maps, first_shared=round(self.start * len(way.table.times))
            )
            latents = denoise(
                model.denoiser, first, way.table, generators, conditions=conditions, step=step
            )
        images, others = model.decode(latents).chunk(2)
        region = maps.region(self.threshold, margin=self.margin).float()
        return images, blended(images, others, region)


class _SharingStep:
    """A step after which counterfactuals have the latents of their images but for the objects."""

    def __init__(
        self, how: SharedScene, reading: SceneReading, maps: WordMaps, *, first_shared: int
    ) -> None:
        self.how = how
        self.reading = reading
        self.maps = maps
        self.first_shared = first_shared
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
        is_shared = self.num_done >= max(1, self.first_shared)
        if is_shared:
            self._read_scene(len(latents[0]) // 2, 1 if conditions.guidance is None else 2)
        new, output = denoising_step(net, latents, outputs, fresh, row, conditions)
        self.num_done += 1
        if not is_shared:
            return new, output
        region = self.maps.region(self.how.threshold, margin=self.how.margin)
        return self._shared(new, region), self._shared(output, region)

    def _read_scene(self, count: int, halves: int) -> None:
        """Let the counterfactuals read their images where the objects are not."""
        region = self.maps.region(self.how.threshold, margin=self.how.margin)
        own = torch.arange(count, device=region.device)
        rows = torch.cat([torch.cat([own, own]) + 2 * count * k for k in range(halves)])
        self.reading.rows = rows
        self.reading.hidden = torch.cat([torch.zeros_like(region), region] * halves)

    @staticmethod
    def _shared(latents: Tensor, region: Tensor) -> Tensor:
        images, others = latents.chunk(2)
        return torch.cat([images, torch.where(region, others, images)])


def unread_classes(tokenizer: Network, scene: Scene) -> tuple[str, ...]:
    """Return the classes that a text mentions only behind what its encoder reads.

    They would not be painted, in silence.

    Args:
        tokenizer: Of the text encoder.
        scene: What it is given.

    Raises:
        ValueError: If the text does not mention one of its classes.
    """
    read = {
        mention.index
        for mention in mentions_of(scene.text, scene.class_names)
        if word_tokens(tokenizer, scene.text, [(mention.start, mention.stop)])
    }
    return tuple(name for place, name in enumerate(scene.class_names) if place not in read)


def sampled(
    model: ControlledModel, scenes: Sequence[Scene], way: Way, *, noise_of: str = _NOISE
) -> Tensor:
    """Return images alone, ``(B, 3, H, W)`` float32 in [0, 1].

    Args:
        model: Base without ControlNets.
        scenes: B of them.
        way: How they are sampled.
        noise_of: Other words draw other noise from the same seeds.
    """
    texts = [scene.text for scene in scenes]
    text = model.text(texts, way.negative_prompt, size=way.size, guidance=way.guidance)
    generators = generators_for([scene.seed for scene in scenes], noise_of)
    shape = (model.channels, *latent_size(model, way.size))
    first = noise(generators, shape, model.device) * way.table.start[1]
    conditions = model.conditions(text, [], way.guidance)
    return model.decode(
        denoise(model.denoiser, first, way.table, generators, conditions=conditions)
    )


def blended(images: Tensor, others: Tensor, region: Tensor) -> Tensor:
    """Return `others` within a region and `images` outside of it, with a soft edge.

    Args:
        images: ``(B, 3, H, W)``.
        others: Likewise.
        region: ``(B, 1, h, w)`` float, 1 within and 0 outside; the edge is as soft as its pixels
            are large.
    """
    share = F.interpolate(region, images.shape[-2:], mode="bilinear", align_corners=False)
    return images + share * (others - images)


def joined(texts: Sequence[Text]) -> Text:
    """Return texts as one: all that guidance leads away from first, as `Text` has it.

    Args:
        texts: Of one picture each, with the negative prompt first where there is guidance.
    """
    stacked = [None if parts[0] is None else torch.stack(parts, 1) for parts in _fields(texts)]
    tokens, *others = [None if each is None else each.flatten(0, 1) for each in stacked]
    assert tokens is not None
    return Text(tokens, *others)


def latent_size(model: ControlledModel, size: tuple[int, int]) -> tuple[int, int]:
    """Return (h, w) of (H, W)."""
    return size[0] // model.shrink, size[1] // model.shrink


def _fields(texts: Sequence[Text]) -> list[list[Tensor] | list[None]]:
    return [list(values) for values in zip(*texts, strict=True)]


def _text(model: ControlledModel, prompt: str, negative: str, way: Way) -> Text:
    return model.text([prompt], negative, size=way.size, guidance=way.guidance)


def _words(model: ControlledModel, scenes: Sequence[Scene], tokens: Tensor) -> Tensor:
    """Return ``(B, L)`` float32, 1 at the tokens of the scenes' classes."""
    found = torch.zeros(len(scenes), tokens.shape[1], device=tokens.device)
    for place, scene in enumerate(scenes):
        found_at = mentions_of(scene.text, scene.class_names)
        spans = [(mention.start, mention.stop) for mention in found_at]
        found[place, word_tokens(model.pipeline.tokenizer, scene.text, spans)] = 1
    return found
