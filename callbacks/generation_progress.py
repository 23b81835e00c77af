"""How a generation run gets on: pairs a second, accepted share, time left."""

import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from callbacks.run_facts import duration
from datamodules.generation_plan import Plan
from datamodules.shards import published_shards

_SILENCE = 10.0  # seconds between two lines where there is no terminal


class GenerationProgress:
    """A bar in a terminal, elsewhere a line now and then; both on stderr.

    Pairs of the whole run are counted, by the shards that stand in its folder; the accepted share
    is this process's.

    Args:
        folder: Of the set.
        plan: Of the run.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self._sizes = {shard.id: len(shard.items) for shard in plan.shards}
        self._total = sum(self._sizes.values())
        self._before = self._published()
        self._start = self._last = time.monotonic()
        self._accepted = self._judged = 0
        console = Console(stderr=True)
        self._bar = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("pairs"), BarColumn(), TextColumn("{task.description}"), console=console
            )
            self._bar.add_task("", total=self._total, completed=self._before)
            self._bar.start()

    def update(self, num_accepted: int, num_rejected: int) -> None:
        """Count a shard of this process, and show the state of the run."""
        self._accepted += num_accepted
        self._judged += num_accepted + num_rejected
        done, now = self._published(), time.monotonic()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, description=self._line(done))
        elif now - self._last > _SILENCE:
            self._last = now
            sys.stderr.write(f"generation: {self._line(done)}\n")

    def close(self) -> None:
        """Show what stands, whoever made it, and take the bar down."""
        done = self._published()
        line = self._line(done)
        if done < self._total:  # other processes are at work, or this one was stopped
            line += ", when this process ended"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, description=line)
            self._bar.stop()
        elif self._last > self._start:  # else nothing was shown yet
            sys.stderr.write(f"generation: {line}\n")

    def _published(self) -> int:
        return sum(self._sizes.get(name, 0) for name in published_shards(self.folder))

    def _line(self, done: int) -> str:
        rate = max(done - self._before, 1) / max(time.monotonic() - self._start, 1e-3)
        parts = [f"{done:,} of {self._total:,} pairs", f"{rate:.1f} pairs/s"]
        if self._judged:
            parts.append(f"{self._accepted / self._judged:.1%} accepted")
        return ", ".join([*parts, f"{duration((self._total - done) / rate)} left"])
