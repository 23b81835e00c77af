"""The pools of one run: where their logs lie, who writes them and who waits."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from lightning.pytorch import Trainer

from datamodules.folder import PairFiles
from datamodules.held_out import held_out_of
from datamodules.mixture_views import MixtureViews
from datamodules.pool import Pool
from datamodules.pool_log import PoolLog
from datamodules.pool_pairs import PoolPairs
from datamodules.pool_writer import PoolWriter
from datamodules.problems import Problem
from datamodules.set_leaks import made_of_held_out
from datamodules.shard_index import rejected_later
from datamodules.shards import published_shards
from datamodules.transforms import JointTransform


def open_pools(
    pools: Sequence[Pool],
    trainer: Trainer | None,
    *,
    size: tuple[int, int],
    transform: JointTransform | None,
) -> list[PoolPairs]:
    """Return the pairs of each pool, with its log in the run's folder.

    Raises:
        ValueError: If there are pools and no run.
    """
    if not pools:
        return []
    if trainer is None:
        raise ValueError("a mixture with pools keeps a log in the folder of a run: give a trainer")
    return [
        PoolPairs(pool.root, PoolLog(_log_path(trainer, number)), size=size, transform=transform)
        for number, pool in enumerate(pools)
    ]


def leaks_of_pools(
    pools: Sequence[Pool], held_out: Mapping[str, Sequence[PairFiles]]
) -> list[Problem]:
    """Return what is wrong with pairs that were made from held-out photos and not rejected.

    A pool may be empty yet; what appears in it later is checked when it is logged.

    Args:
        pools: The pools.
        held_out: Name of each evaluation split and its pairs.

    Raises:
        OSError: If a reject list cannot be read.
        ValueError: If a reject list is no text.
    """
    photos, problems = held_out_of(held_out), []
    for root in (pool.root for pool in pools):
        rejected = rejected_later(root)
        for shard in published_shards(root):
            try:
                leaked = made_of_held_out(root, [shard], photos)
            except (OSError, ValueError):  # left out with a warning when it is to be logged
                continue
            problems += [problem for id, problem in leaked.items() if id not in rejected]
    return problems


def forget_logs(trainer: Trainer) -> None:
    """Remove the logs of an earlier run where one begins afresh in its folder.

    All ranks call this, and none goes on before it is done, or it might draw from such a log. Not
    before the loops are restored: until then a run that goes on looks like a fresh one.
    """
    if trainer.is_global_zero and trainer.fit_loop.total_batch_idx < 0:
        name = _log_path(trainer, "*").name
        for path in Path(trainer.default_root_dir).glob(name):
            path.unlink()
    trainer.strategy.barrier()


def decided_ahead(
    views: MixtureViews, held_out: Mapping[str, Sequence[PairFiles]], *, is_writer: bool
) -> Callable[[int], None] | None:
    """Return what is to be called before each step, so that the logs are ahead of all draws.

    Rank 0 writes, the others wait until they read what it wrote: at the start of a run, and never
    after that, for it is further ahead than ranks can be of one another. Workers need not wait:
    they are given slots only after this.

    Args:
        views: The mixture.
        held_out: Name of each evaluation split and its pairs.
        is_writer: Whether this is rank 0.
    """
    if not views.pools:
        return None
    if not is_writer:
        logs = [pairs.log for pairs in views.pools]
        return partial(_wait_for_step, logs, views.batch_size)
    writers = [
        PoolWriter(
            pool,
            pairs.log,
            wants=partial(views.asks_pool, pool=number),
            held_out=held_out_of(held_out),
            seed=views.seed,
            batch_size=views.batch_size,
        )
        for number, (pool, pairs) in enumerate(zip(views.mixture.pools, views.pools, strict=True))
    ]
    return partial(_write_ahead, writers)


def _write_ahead(writers: Sequence[PoolWriter], step: int) -> None:
    for writer in writers:
        writer.reach(step)


def _wait_for_step(logs: Sequence[PoolLog], batch_size: int, step: int) -> None:
    for log in logs:
        log.wait_for((step + 1) * batch_size - 1)


def _log_path(trainer: Trainer, number: int | str) -> Path:
    # a trial of one batch leaves alone what a run has left
    name = "pool_trial" if _is_trial(trainer) else "pool"
    return Path(trainer.default_root_dir) / f"{name}.{number}.jsonl"


def _is_trial(trainer: Trainer) -> bool:
    return bool(trainer.fast_dev_run)  # type: ignore[attr-defined]  # set, not declared
