from pathlib import Path

import numpy as np
import pytest

from callbacks.pool_facts import pool_facts
from datamodules.folder import find_pairs
from datamodules.mixture import Mixture
from datamodules.mixture_share import Constant
from datamodules.mixture_views import MixtureViews
from datamodules.pairs import Pairs
from datamodules.pool import Pool
from datamodules.pool_log import Block, LoggedShard, PoolLog, append, as_lines
from datamodules.pool_pairs import PoolPairs

BATCH = 4


def views(tiny_set: Path, folder: Path) -> MixtureViews:
    pool = Pool(root=folder)
    return MixtureViews(
        Pairs(find_pairs(tiny_set, "DIS-TR")[0], size=(8, 8)),
        Mixture(share=Constant(0.5), pools=[pool]),
        ready=[],
        held_out=[],
        seed=0,
        batch_size=BATCH,
        num_batches=None,
        pools=[PoolPairs(folder, PoolLog(folder / "pool.0.jsonl"), size=(8, 8))],
    )


def block(first: int, *draws: tuple[int, int]) -> Block:
    slots, pairs = np.array(draws, np.int64).reshape(-1, 2).T
    return Block(first, first + 8, slots, pairs)


def test_echo_shares_and_sizes_are_those_of_the_slots_that_were_trained_on(
    tiny_set: Path, tmp_path: Path
) -> None:
    log = tmp_path / "pool.0.jsonl"
    append(log, as_lines([], block(0, (1, -1), (2, -1))))
    shards = [LoggedShard("s", "x", (0, 1, 2))]
    append(log, as_lines(shards, block(8, (8, 2), (9, 0), (12, 2), (13, -1))))
    append(log, as_lines([LoggedShard("t", "y", (0,))], block(16, (16, 3))))
    (facts,) = pool_facts(views(tiny_set, tmp_path), 16)
    assert (facts.num_asked, facts.num_had) == (6, 3)
    assert (facts.share_asked, facts.share_had) == (6 / 16, 3 / 16)
    assert (facts.num_pairs, facts.num_drawn, facts.max_echo) == (3, 2, 2)
    assert facts.mean_echo == pytest.approx(1.5)
    assert facts.sizes == ((0, 0), (2, 3))
    (later,) = pool_facts(views(tiny_set, tmp_path), 24)
    assert (later.num_had, later.num_pairs, later.sizes[-1]) == (4, 4, (4, 4))


def test_run_of_no_step_has_nothing(tiny_set: Path, tmp_path: Path) -> None:
    (facts,) = pool_facts(views(tiny_set, tmp_path), 0)
    assert (facts.share_asked, facts.mean_echo, facts.max_echo, facts.sizes) == (0.0, 0.0, 0, ())


def test_sizes_of_a_long_run_are_thinned_and_keep_both_ends(tiny_set: Path, tmp_path: Path) -> None:
    log = tmp_path / "pool.0.jsonl"
    lines = []
    for number in range(250):
        lines += as_lines([LoggedShard(str(number), "x", (0,))], block(8 * number))
    append(log, lines)
    (facts,) = pool_facts(views(tiny_set, tmp_path), 8 * 250)
    assert len(facts.sizes) == 100
    assert (facts.sizes[0], facts.sizes[-1]) == ((0, 1), (498, 250))
