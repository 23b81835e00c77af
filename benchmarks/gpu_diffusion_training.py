"""Parts of `benchmarks.gpu` that train our small diffusion models, as their configurations say."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import ArgumentParser
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader

from benchmarks.gpu_site import Measured, Part, Site, gpu_bytes, peak_gib
from benchmarks.gpu_training import noise_batch

CONFIGS = Path(__file__).parents[1] / "configs" / "generation"
_WARM_UP, _REPEATS = 2, 5


def diffusion_training(name: str) -> Part:
    """Return a part that trains the model of ``configs/generation/NAME.yaml`` on noise."""

    def part(site: Site) -> list[Measured]:
        config = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
        data = config["data"]["init_args"]
        size, count = (int(data["size"]), 4 if site.is_smoke else int(data["batch_size"]))
        chunk, repeats, warm_up = (1, 1, 0) if site.is_smoke else (20, _REPEATS, _WARM_UP)
        steps = chunk * (repeats + warm_up) + 1
        batch = noise_batch(count, size, torch.device("cpu"))
        clock, before = _Clock(chunk), gpu_bytes(site.device)
        Trainer(
            accelerator="cpu" if site.device.type == "cpu" else "gpu",
            devices=1,
            precision=config["trainer"]["precision"],
            gradient_clip_val=config["trainer"].get("gradient_clip_val"),
            max_steps=steps,
            callbacks=[clock],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        ).fit(_model(config["model"], steps), DataLoader([replace(batch)] * steps, batch_size=None))
        seconds = [b - a for a, b in zip(clock.marks, clock.marks[1:], strict=False)][warm_up:]
        rates = tuple(chunk * count / each for each in seconds)
        peak = peak_gib(site.device, before)
        title = f"{name}, {size} px, batch {count}"
        return [Measured(title, "images/s", rates, peak_gib=peak)]

    return part


class _Clock(Callback):
    """Notes the time after every so many steps."""

    def __init__(self, chunk: int) -> None:
        self.chunk = chunk
        self.marks: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        if (trainer.global_step - 1) % self.chunk == 0:
            if pl_module.device.type == "cuda":
                torch.cuda.synchronize(pl_module.device)
            self.marks.append(time.perf_counter())


def _model(recipe: Any, steps: int) -> LightningModule:
    """Return the model of a configuration; its length, which the command line links, is `steps`."""
    recipe["init_args"]["max_steps"] = steps
    parser = ArgumentParser()
    parser.add_argument("--model", type=LightningModule)
    return parser.instantiate(parser.parse_object({"model": recipe})).model
