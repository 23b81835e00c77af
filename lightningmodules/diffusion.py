"""Train a small text-to-image diffusion model with ControlNets on pairs of images and masks.

Letters: B samples; C channels of an image; H, W its size; c, h, w those of its latents.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from datamodules.batch import Batch
from datamodules.seeds import generator_for, seed_for
from generation.diffusion.controls import Condition
from generation.diffusion.inversion import ddim_schedule, sample
from generation.diffusion.noise import noise
from generation.diffusion.saving import save_pipeline
from generation.prompts.captions import Captions
from lightningmodules.diffusion_draws import DiffusionDraws, Dropping, draws_of, generators_at
from lightningmodules.losses.denoising import level_weights, noised, target
from lightningmodules.mask_draws import Place
from lightningmodules.optimizer_factory import OptimizerFactory
from lightningmodules.schedules import Schedule
from networks.tiny_diffusion import TextToImage
from networks.tiny_diffusion_words import word_tokenizer

_DROPPING = Dropping()
_SHOWN_STEPS = 20
"""Of the sampler, for pictures of a run."""


class Diffusion(LightningModule):
    """Base and ControlNets learn together; each sample is told a random part of what is known.

    A net for one channel learns the masks of the pairs, one for three their images. What a sample
    is shown and asked is drawn for itself from (seed, id, slot): noise, noise level, words, which
    conditions and whether the prompt is left out. So ranks and resume change nothing.

    Args:
        net: What is trained.
        captions: What a pair is called.
        optimizer: Built from the parameters of `net` that need gradients.
        controls: What each ControlNet of `net` is shown of a mask, by its name.
        scheduler: Its noise levels are trained on; it is saved with the weights.
        dropping: How often prompt and conditions are left out.
        min_snr: Greatest weight of a noise level, see `losses.denoising.level_weights`. None: the
            plain squared error.
        schedule: Factor on the learning rate, a function of (step, max_steps). None: constant.
        max_steps: Length of the run; the command line links it to ``trainer.max_steps``.
        seed: Of all draws; the command line links it to ``seed_everything``.

    Raises:
        ValueError: If controls of net and conditions differ, or the words are more than the text
            encoder may know.
    """

    alphas: Tensor

    def __init__(
        self,
        net: TextToImage,
        captions: Captions,
        optimizer: OptimizerCallable,
        *,
        scheduler: DDIMScheduler,
        controls: Mapping[str, Condition] | None = None,
        dropping: Dropping = _DROPPING,
        min_snr: float | None = None,
        schedule: Schedule | None = None,
        max_steps: int = -1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = net.to(memory_format=torch.channels_last)
        self.captions = captions
        self.optimizer = OptimizerFactory(optimizer)
        self.controls = dict(controls or {})
        self.scheduler = scheduler
        self.dropping = dropping
        self.min_snr = min_snr
        self.schedule = schedule
        self.max_steps = max_steps
        self.seed = seed
        self.tokenizer = word_tokenizer(captions.texts, max_tokens=net.max_tokens)
        self.register_buffer("alphas", scheduler.alphas_cumprod.float(), persistent=False)
        _check(net, self.controls, len(self.tokenizer))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss, a scalar."""
        count = len(batch)
        place = Place(
            step=self.trainer.fit_loop.total_batch_idx,
            first=self.global_rank * count,
            batch_size=count * self.trainer.world_size,
        )
        drawn = self._drawn(batch, generators_at(self.seed, batch.id, place), self.dropping)
        loss = self._loss(batch, drawn)
        self.log("train/loss", loss, prog_bar=True, batch_size=count)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the loss, for each sample at the same noise and level every time."""
        generators = [generator_for(self.seed, "validation", id) for id in batch.id]
        loss = self._loss(batch, self._drawn(batch, generators, self.dropping))
        self.log(
            "val/loss", loss, prog_bar=True, batch_size=len(batch), on_epoch=True, sync_dist=True
        )

    @torch.no_grad()
    def draw(self, batch: Batch, number: int = 0) -> Tensor:
        """Return images for the classes and masks of a batch, the same at every call.

        Args:
            batch: Of floats.
            number: 0 shows the net all conditions, others leave them out and change the noise.

        Returns:
            ``(B, C, H, W)`` float in [0, 1].
        """
        images = self._images(batch)
        generators = [generator_for(self.seed, "shown", id, number) for id in batch.id]
        shape = self.net.encode(images[:1]).shape[1:]
        texts = self._texts(batch, [seed_for(self.seed, "shown", id) for id in batch.id])
        tokens, pictures = self._tokens(texts), self._pictures(batch)
        shown = torch.full((len(pictures), len(batch)), number == 0)
        schedule = ddim_schedule(self.scheduler, _SHOWN_STEPS)

        def predict(latents: Tensor, step: int) -> Tensor:
            times = schedule.timesteps[step].expand(len(latents)).to(latents.device)
            output = self.net(latents, times, tokens, pictures, shown.to(latents.device))
            return schedule.noise(output.float(), latents, step)

        found = sample(noise(generators, shape, images.device), predict, schedule)
        return (self.net.decode(found) / 2 + 0.5).clamp(0, 1)

    def save_pipeline(self, folder: Path) -> None:
        """Write the net as a pipeline of diffusers, see `generation.diffusion.saving`.

        Raises:
            OSError: If something cannot be written.
        """
        save_pipeline(folder, self.net, self.tokenizer, self.scheduler)

    def configure_optimizers(self) -> Any:
        """Return the injected optimizer, with the schedule stepped after each step.

        Raises:
            ValueError: If there is a schedule and the run has no length.
        """
        optimizer = self.optimizer([p for p in self.net.parameters() if p.requires_grad])
        if self.schedule is None:
            return optimizer
        schedule, max_steps = self.schedule, self.max_steps
        schedule(0, max_steps)  # raises now and not at the first step
        scheduler = LambdaLR(optimizer, lambda step: schedule(step, max_steps))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def _loss(self, batch: Batch, drawn: DiffusionDraws) -> Tensor:
        latents = self.net.encode(self._images(batch))
        device, kind = latents.device, self.scheduler.config["prediction_type"]
        fresh, times = drawn.noise.to(device), drawn.times.to(device)
        alphas = self.alphas[times]
        texts = self._texts(batch, drawn.seeds)
        told = [text if is_told else "" for text, is_told in zip(texts, drawn.told, strict=True)]
        found = self.net(
            noised(latents, fresh, alphas).contiguous(memory_format=torch.channels_last),
            times,
            self._tokens(told),
            self._pictures(batch),
            drawn.shown.to(device),
        )
        errors = (found.float() - target(latents, fresh, alphas, kind)).square().mean((1, 2, 3))
        return (level_weights(alphas, kind, self.min_snr) * errors).mean()

    def _drawn(
        self, batch: Batch, generators: Sequence[torch.Generator], dropping: Dropping
    ) -> DiffusionDraws:
        return draws_of(
            generators,
            self.net.encode(self._images(batch)[:1]).shape[1:],
            num_times=len(self.alphas),
            num_controls=len(self.controls),
            dropping=dropping,
        )

    def _images(self, batch: Batch) -> Tensor:
        """Return what is learned, ``(B, C, H, W)`` in [-1, 1]."""
        return (batch.mask if self.net.colours == 1 else batch.image) * 2 - 1

    def _texts(self, batch: Batch, seeds: Sequence[int]) -> list[str]:
        images = (batch.image * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        masks = (batch.mask[:, 0] * 255).round().byte().cpu().numpy()
        names = [names[0] for names in batch.class_names]
        rows = zip(names, images, masks, seeds, strict=True)
        return [self.captions(*row) for row in rows]

    def _tokens(self, texts: Sequence[str]) -> Tensor:
        found = self.tokenizer(
            list(texts),
            padding="max_length",
            max_length=self.net.max_tokens,
            truncation=True,
            return_tensors="pt",
        )
        return found.input_ids.to(self.device)

    def _pictures(self, batch: Batch) -> list[Tensor]:
        """Return what the ControlNets are shown, each ``(B, 3, H, W)`` in [0, 1]."""
        size = (batch.mask.shape[2], batch.mask.shape[3])
        masks = (batch.mask[:, 0] * 255).round().byte().cpu()
        found = [
            torch.stack([self.controls[name].picture(mask, size) for mask in masks])
            for name in self.net.controls
        ]
        return [each.to(batch.mask.device) for each in found]


def _check(net: TextToImage, controls: Mapping[str, Condition], num_words: int) -> None:
    if set(net.controls) != set(controls):
        raise ValueError(
            f"the net has ControlNets {sorted(net.controls)}, but there are conditions for "
            f"{sorted(controls)}: give net.controls and controls the same names"
        )
    if num_words > net.vocabulary:
        raise ValueError(
            f"the captions have {num_words} words, the net's text encoder has room for "
            f"{net.vocabulary}: raise net.vocabulary"
        )
