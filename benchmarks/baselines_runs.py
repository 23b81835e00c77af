"""One run of a baseline: its model, its data, its training, its scores, its row."""

import os
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import ArgumentParser
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer

from benchmarks.ablation_claims import claimed
from benchmarks.ablation_rows import Row, append_row, read_rows
from benchmarks.ablation_runs import num_failures
from benchmarks.baselines_plan import MIXTURE, Run
from benchmarks.baselines_scores import MEASURES, run_scores, save
from callbacks import run_facts
from callbacks.compare_statistics import scores_of_set
from callbacks.synthesis_failures import SynthesisFailures
from lightningmodules.dis import DIS
from metrics.dis import DISMetrics
from metrics.scores import Evaluated, ImageScores

CONFIGS = Path(__file__).parents[1] / "configs" / "dis"
NUM_LOOKS = 3
"""At the validation photos while training, beside the one before."""
_TRIAL_COUNTS = {"DIS-TR": 6, "DIS-VD": 2, "DIS-TE1": 2}
_FLIP = {"class_path": "albumentations.HorizontalFlip", "init_args": {"p": 0.5}}


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """What all runs share.

    Args:
        photos: Set in the DIS5K layout. None: the scenes of ``configs/dis/mixture.yaml``.
        work: Where caches, scenes and claims go.
        rows: The file of finished runs; scores of images go beside it.
        device: That is trained on.
        workers: Loader processes.
        is_trial: Two steps of two pairs at the least size: to see that it runs.
    """

    photos: Path | None
    work: Path
    rows: Path
    device: torch.device
    workers: int = 0
    is_trial: bool = False

    @property
    def set_name(self) -> str:
        """Name of the photos in rows."""
        return "procedural" if self.photos is None else self.photos.name

    def key(self, run: Run) -> str:
        """Name of a run in the rows."""
        return f"{self.set_name}-{run.name}"

    def sized(self, run: Run) -> Run:
        """Return a run as it is made: shorter and smaller in a trial."""
        if not self.is_trial:
            return run
        net = run.network
        changes = {**net.changes, **net.tiny}
        size = net.tiny_size
        tiny = replace(net, size=size, batch=2, steps=2, changes=changes)
        return replace(run, network=tiny)


def scores_file(rows: Path, key: str) -> Path:
    """Return where the scores of a run's images are kept."""
    return rows.with_suffix("") / f"{key}.npz"


def finish(campaign: Campaign, run: Run) -> Row:
    """Return the row of a run; make it if it is missing."""
    key = campaign.key(run)
    for row in read_rows(campaign.rows):
        if row["run"] == key:
            return row
    print(f"{datetime.now(UTC):%H:%M:%S} {key}", flush=True)
    row = {"run": key, **made(campaign, campaign.sized(run), scores_file(campaign.rows, key))}
    with claimed(campaign.work, "rows", waits=True):
        append_row(campaign.rows, row)
    return row


def made(campaign: Campaign, run: Run, kept: Path) -> Row:
    """Train and test a run; leave its images' scores in a file and return what is known of it."""
    begun, begun_cpu = time.perf_counter(), time.process_time()
    model, data = model_of(run), data_of(campaign, run)
    folder = campaign.work / "runs" / campaign.key(run)
    for left in folder.glob("synthesis_failures.*.csv"):  # of a try that was stopped
        left.unlink()
    rising, tested = _Rising(), _Tested()
    trainer = partial(_trainer, campaign, folder)
    trainer([rising]).validate(model, datamodule=data, verbose=False)
    trainer([rising, SynthesisFailures()], run.network.steps).fit(model, datamodule=data)
    model.test_metrics = DISMetrics(MEASURES)  # the whole list would take longer than training
    trainer([tested]).test(model, datamodule=data, verbose=False)
    found = run_scores(tested.scores)
    save(kept, found)
    return {
        **_facts(campaign, run),
        "parameters": sum(p.numel() for p in model.net.parameters()),
        "rising_max_f": rising.found,
        "tested": len(tested.scores),
        "scores": {name: round(value, 5) for name, value in scores_of_set(found).items()},
        "failures": num_failures(folder),
        "cpu_seconds": round(time.process_time() - begun_cpu),
        "seconds": round(time.perf_counter() - begun),
    }


def model_of(run: Run) -> DIS:
    """Return the model of a run: that of its configuration with the network's changes."""
    net = run.network
    recipe = yaml.safe_load((CONFIGS / f"{net.config}.yaml").read_text())["model"]
    for path, value in net.changes.items():
        _put(recipe["init_args"], path.split("."), value)
    recipe["init_args"] |= {"max_steps": net.steps, "seed": run.seed, "skeletons": None}
    torch.manual_seed(run.seed)  # of the weights: both arms of a seed begin alike
    model: DIS = _instance("model", LightningModule, recipe)
    return model


def data_of(campaign: Campaign, run: Run) -> LightningDataModule:
    """Return the data of ``configs/dis/mixture.yaml``, on the photos and with the arm of a run."""
    recipe = yaml.safe_load((CONFIGS / "mixture.yaml").read_text())["data"]
    arguments = recipe["init_args"]
    source = arguments["source"]
    if campaign.is_trial:
        source["init_args"] |= {"size": run.network.size, "counts": _TRIAL_COUNTS}
    arguments |= {
        "root": str(campaign.photos or campaign.work / "procedural"),
        "source": None if campaign.photos else source,
        "size": run.network.size,
        "batch_size": run.network.batch,
        "transforms": [_FLIP],
        "cache": str(campaign.work / "cache"),
        "on_error": "skip",
        "num_workers": campaign.workers,
        "seed": run.seed,
    }
    if run.arm != MIXTURE:
        arguments["mixture"] = None
    data: LightningDataModule = _instance("data", LightningDataModule, recipe)
    return data


class _Rising(Callback):
    """Notes max F on the validation photos at every look."""

    def __init__(self) -> None:
        self.found: dict[str, float] = {}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        score = float(trainer.callback_metrics["val/max_f"])
        self.found[str(trainer.global_step)] = round(score, 5)


class _Tested(Callback):
    """Keeps the scores of every image of a test."""

    def __init__(self) -> None:
        self.scores: list[ImageScores] = []

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, *_: object
    ) -> None:
        assert isinstance(outputs, Evaluated)
        self.scores += outputs.scores


def _trainer(
    campaign: Campaign, folder: Path, callbacks: list[Callback], max_steps: int = -1
) -> Trainer:
    return Trainer(
        accelerator="cpu" if campaign.device.type == "cpu" else "gpu",
        devices=1,
        precision="bf16-mixed",
        max_steps=max_steps,
        val_check_interval=max(1, max_steps // NUM_LOOKS),
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        inference_mode=False,  # the metrics of the look before training are used in it
        use_distributed_sampler=False,
        default_root_dir=folder,
    )


def _facts(campaign: Campaign, run: Run) -> Row:
    net = run.network
    return {
        "network": net.key,
        "arm": run.arm,
        "seed": run.seed,
        "set": campaign.set_name,
        "size": net.size,
        "batch": net.batch,
        "steps": net.steps,
        "initialisation": net.initialisation,
        "commit": run_facts.commit(),
        "hardware": run_facts.hardware(campaign.device, 1),
        "versions": run_facts.versions(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[2], 1),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def _put(arguments: Any, path: list[str], value: object) -> None:
    *folders, last = path
    for name in folders:
        arguments = arguments.setdefault(name, {})
    arguments[last] = value


def _instance(name: str, kind: type, recipe: object) -> Any:
    parser = ArgumentParser()
    parser.add_argument(f"--{name}", type=kind)
    return getattr(parser.instantiate(parser.parse_object({name: recipe})), name)
