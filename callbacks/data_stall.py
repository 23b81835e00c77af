"""How long training waits for its data."""

import json
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.pool_facts import PoolFacts, pool_facts
from callbacks.trained_mixture import trained_mixture
from datamodules.atomic import write_atomically
from datamodules.batch import Batch
from datamodules.draws import SlotLoader

TIMING = "timing.json"


class DataStall(Callback):
    """Measures the share of training's time that is spent waiting for batches.

    The time begins when the first batch is there, so that the start of the workers does not count,
    and stands still during validation. ``train/data_stall`` is logged for each stretch of
    ``log_every_n_steps`` batches, from rank 0; at the end the share of the whole run, of the rank
    that waited most, is printed and left in ``timing.json``, beside what the run had of its pools.

    A run that was stopped and continued counts as one. Seconds, seconds waited and batches go on
    from those of the checkpoint: what a kill has undone is not counted, as it is trained on anew.
    Each process has a first batch that is not waited for; ``seconds_to_first_batch`` is that of
    the last process. A checkpoint knows rank 0 alone, so that all ranks go on from its history:
    the share is that of the rank that waited most since the last start, on top of rank 0's before.
    To gather all ranks' would make every checkpoint, one at a kill too, wait for all of them.
    """

    def __init__(self) -> None:
        self._seconds = 0.0  # up to `_since`
        self._waited = 0.0
        self._num_batches = 0
        self._first_wait = 0.0
        self._since: float | None = None  # the clock stands still
        self._stretch = (0.0, 0.0)  # seconds and seconds waited when the last one ended
        self._is_started = False

    @property
    def seconds(self) -> float:
        """Time of training since the first batch, without validation."""
        return self._seconds + (0.0 if self._since is None else perf_counter() - self._since)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take away what an earlier run has left: killed, this one would seem to have left it."""
        is_fresh = trainer.fit_loop.total_batch_idx < 0
        if trainer.is_global_zero and is_fresh and not trainer.fast_dev_run:  # type: ignore[attr-defined]  # set, not declared
            (Path(trainer.default_root_dir) / TIMING).unlink(missing_ok=True)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Count how long this batch was waited for."""
        loader = trainer.train_dataloader
        if not isinstance(loader, SlotLoader):
            return
        self._num_batches += 1
        if self._is_started:
            self._waited += loader.last_wait
        else:
            self._is_started = True
            self._first_wait = loader.last_wait
            self._since = perf_counter()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        """Log the stretch since the last time."""
        if not self._is_started:
            return
        now = (self.seconds, self._waited)
        share = _share(now[1] - self._stretch[1], now[0] - self._stretch[0])
        # at each batch: the logger decides which of them it writes
        pl_module.log("train/data_stall", share, batch_size=1)
        if trainer.global_step % max(1, trainer.log_every_n_steps) == 0:  # type: ignore[attr-defined]
            self._stretch = now

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock."""
        self._seconds, self._since = self.seconds, None

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let the clock go on."""
        if self._is_started:
            self._since = perf_counter()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the share of the run and write ``timing.json``."""
        self._seconds, self._since = self.seconds, None
        if not self._is_started or trainer.fast_dev_run:  # type: ignore[attr-defined]  # set, not declared
            return
        own = torch.tensor(_share(self._waited, self._seconds), device=pl_module.device)
        share = float(trainer.strategy.reduce(own, reduce_op="max"))
        if not trainer.is_global_zero:
            return
        timing = {
            "data_stall": share,
            "seconds": self._seconds,
            "seconds_waited": self._waited,
            "seconds_to_first_batch": self._first_wait,
            "num_batches": self._num_batches,
            "pools": [asdict(facts) for facts in _pools(trainer)],
        }
        path = Path(trainer.default_root_dir) / TIMING
        write_atomically(path, f"{json.dumps(timing, indent=1)}\n".encode())
        print(f"data stall: {share:.1%} of {self._seconds:.0f} s of training", flush=True)  # noqa: T201 - for the user

    def state_dict(self) -> dict[str, float]:
        """Return what has been counted so far."""
        return {
            "seconds": self.seconds,
            "waited": self._waited,
            "num_batches": self._num_batches,
        }

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        """Go on counting from there."""
        self._seconds = state_dict["seconds"]
        self._waited = state_dict["waited"]
        self._num_batches = int(state_dict["num_batches"])
        self._stretch = (self._seconds, self._waited)


def _pools(trainer: Trainer) -> list[PoolFacts]:
    views = trained_mixture(trainer)
    if views is None:
        return []
    return pool_facts(views, (trainer.fit_loop.total_batch_idx + 1) * views.batch_size)


def _share(waited: float, seconds: float) -> float:
    return waited / seconds if seconds > 0 else 0.0
