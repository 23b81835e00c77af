"""One run of the ablation: its photos, its training, its tests, its row."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import torch
import yaml

from benchmarks.ablation_arms import (
    ARMS,
    BASELINE,
    FILTERED,
    FULL,
    POOL_ARMS,
    UNET,
    Arm,
    editor_arms,
    filtered,
    transforms,
)
from benchmarks.ablation_data import link_all_as_test, link_fold, link_subset
from benchmarks.ablation_plan import Run
from benchmarks.ablation_pool import write_pool
from benchmarks.ablation_rows import Row
from callbacks import run_facts
from datamodules.cache import ResizedCache

CONFIG = ["--config", "configs/dis/unet.yaml", "--config", "configs/trainer/cpu.yaml"]


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """What all runs share.

    Args:
        sets: Folders by name.
        work: Where runs and links go.
        rows: The file of finished runs.
        editors: Name -> weights of a trained mask editor; arms without theirs are left out.
        steps: Optimizer steps of each run.
        size: Height and width of the square that is trained on, in pixels.
        workers: Loader processes.
    """

    sets: Mapping[str, Path]
    work: Path
    rows: Path
    editors: Mapping[str, Path]
    steps: int = 800
    size: int = 128
    workers: int = 0

    def arm(self, run: Run) -> Arm:
        """Return the arm of a run."""
        for judge in self.needs(run):
            return filtered(str(self.folder(judge) / "weights.safetensors"), self.size)
        return {**ARMS, **POOL_ARMS, **self.editor_arms}[run.arm]

    def needs(self, run: Run) -> list[Run]:
        """Return the run whose network judges the pairs of this one, if it has a filter."""
        return [replace(run, arm=BASELINE)] if run.arm == FILTERED else []

    def folder(self, run: Run) -> Path:
        """Return the folder of a run."""
        return self.work / run.key

    @property
    def editor_arms(self) -> dict[str, Arm]:
        """Arms of the trained editors, by name."""
        return editor_arms({name: str(path) for name, path in self.editors.items()})


def linked(campaign: Campaign, run: Run) -> tuple[Path, int]:
    """Link the photos of a run; return the folder and the number of training photos."""
    source = campaign.sets[run.trained_on]
    if run.fold is not None:
        folder = campaign.work / f"sets/davis-f{run.fold}"
        return folder, link_fold(source, folder, run.fold)
    folder = campaign.work / f"sets/{run.trained_on}-{run.percent}-{run.seed}"
    return folder, link_subset(source, folder, share=run.percent / 100, seed=run.seed)


def is_trained(folder: Path, steps: int) -> bool:
    """Return whether a run has come to its last step."""
    timing = folder / "timing.json"
    if not timing.is_file() or not (folder / "weights.safetensors").is_file():
        return False
    # the clock starts with the second batch
    return bool(json.loads(timing.read_text())["num_batches"] >= steps - 1)


def fit(campaign: Campaign, run: Run, links: Path, lr: float) -> None:
    """Train in a process of its own, going on where one was stopped."""
    data: Row = {
        **shared_data(campaign, links),
        "transforms": transforms(campaign.size),
        "mixture": campaign.arm(run).mixture(pool_of(campaign, run, links)),
    }
    overlay = campaign.folder(run) / "fit.yaml"
    write_overlay(overlay, data)
    train(
        *("fit", *CONFIG, "--config", str(overlay), *shared_flags(run, campaign.folder(run))),
        *("--trainer.max_steps", str(campaign.steps), "--trainer.logger", "false"),
        *("--trainer.val_check_interval", str(max(1, campaign.steps // 5))),
        *("--model.optimizer.lr", f"{lr}", "--ckpt_path", "last"),
    )


def pool_of(campaign: Campaign, run: Run, links: Path) -> str | None:
    """Make the pool of a run, if its arm has one; return its folder."""
    arm = campaign.arm(run)
    if arm.pool is None or arm.own is None:
        return None
    side = (campaign.size, campaign.size)
    folder = campaign.work / "pools" / run.key
    cache = ResizedCache(campaign.work / "cache", side)
    num = write_pool(links, folder, recipe=arm.own, times=arm.pool, seed=run.seed, cache=cache)
    print(f"{run.key}: a pool of {num} pairs", flush=True)
    return str(folder)


def test(campaign: Campaign, run: Run, links: Path, name: str) -> Path:
    """Test the best checkpoint on a set; return the folder of the report."""
    root = links
    if name != run.trained_on:
        root = campaign.work / f"sets/all-{name}"
        if name == "people":  # its own test photos, so that rows are comparable
            link_subset(campaign.sets[name], root, share=1.0, seed=0)
        else:
            link_all_as_test(campaign.sets[name], root)
    folder = campaign.folder(run) / f"on_{name}"
    overlay = campaign.folder(run) / f"test_{name}.yaml"
    write_overlay(overlay, shared_data(campaign, root))
    best = campaign.folder(run) / "checkpoints" / "best.ckpt"
    flags = shared_flags(run, folder)
    train("test", *CONFIG, "--config", str(overlay), *flags, "--ckpt_path", str(best))
    return folder / "report"


def shared_data(campaign: Campaign, root: Path) -> Row:
    """Return what training and test have alike of the data's configuration."""
    return {
        "root": str(root),
        "size": campaign.size,
        "on_error": "skip",
        "cache": str(campaign.work / "cache"),
        "num_workers": campaign.workers,
    }


def shared_flags(run: Run, folder: Path) -> list[str]:
    """Return the flags that training and test have alike."""
    return [
        *("--trainer.default_root_dir", str(folder), "--seed_everything", str(run.seed)),
        *("--trainer.precision", "bf16-mixed", "--trainer.enable_progress_bar", "false"),
    ]


def write_overlay(path: Path, data: Row) -> None:
    """Write a configuration of the network and the data."""
    path.parent.mkdir(parents=True, exist_ok=True)
    net = {"init_args": {"net": {"init_args": UNET}}}
    overlay = {"model": {"init_args": {"net": net}}, "data": {"init_args": data}}
    plain = json.loads(json.dumps(overlay))  # YAML has no tuples
    path.write_text(yaml.safe_dump(plain))


def train(*arguments: str) -> None:
    """Run ``python -m train``."""
    subprocess.run([sys.executable, "-m", "train", *arguments], check=True)


def described(campaign: Campaign, run: Run, lr: float, num_photos: int) -> Row:
    """Return the row of a run without the scores of a test."""
    folder = campaign.folder(run)
    timing = json.loads((folder / "timing.json").read_text())
    row: Row = {
        "run": run.key,
        "group": run.group,
        "trained_on": run.trained_on,
        "percent": run.percent,
        "photos": num_photos,
        "fold": run.fold,
        "arm": run.arm,
        "seed": run.seed,
        "steps": campaign.steps,
        "size": campaign.size,
        "encoder": UNET["encoder_name"],
        "lr": lr,
        "pool": campaign.arm(run).pool,  # None: synthesis on the fly
        "validation_max_f": validation_score(folder),
        "failures": num_failures(folder),
        "train_seconds": round(timing["seconds"]),
        "data_stall": round(timing["data_stall"], 4),
        "commit": run_facts.commit(),
        "hardware": run_facts.hardware(torch.device("cpu"), 1),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[2], 1),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    if run.arm in campaign.editor_arms:
        name = run.arm.partition("_")[2] if run.arm.startswith("editor_") else FULL
        row["editor"] = hashlib.sha256(campaign.editors[name].read_bytes()).hexdigest()[:12]
    return row


def validation_score(folder: Path) -> float:
    """Return max F of the best checkpoint on the validation photos."""
    path = folder / "checkpoints" / "best.ckpt"
    # our own file: it also holds the network's configuration, which is no tensor
    checkpoint = torch.load(path, map_location="cpu", weights_only=False)
    states = [state for name, state in checkpoint["callbacks"].items() if "ModelCheckpoint" in name]
    scores = [state["best_model_score"] for state in states if state.get("monitor")]
    return round(float(scores[0]), 6)


def clear(folder: Path, *, keeps_weights: bool) -> None:
    """Remove what is large: a third of a gigabyte for each run.

    Args:
        folder: Of a run whose rows stand.
        keeps_weights: Whether other runs need its network.
    """
    shutil.rmtree(folder / "checkpoints")
    if not keeps_weights:
        (folder / "weights.safetensors").unlink()


def num_failures(folder: Path) -> int:
    """Return how many pairs could not be made."""
    files = folder.glob("synthesis_failures.*.csv")
    return sum(len(path.read_text().splitlines()) - 1 for path in files)
