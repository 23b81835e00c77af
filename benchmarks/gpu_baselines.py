"""Parts of `benchmarks.gpu` that train the baselines at their published sizes."""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.ablation_rows import Row
from benchmarks.baselines import ignore_expected_warnings
from benchmarks.baselines_plan import ARMS, NETWORKS, RANDOM, Network, runs_of
from benchmarks.baselines_runs import Campaign, finish
from benchmarks.baselines_table import score, seeds_of
from benchmarks.dis_networks import saved_sam_hq
from benchmarks.gpu_site import Measured, Part, Site

BASELINES = tuple(net for net in NETWORKS if net.needs_gpu)
_SECONDS = 8 * 60
_WORKERS = 8
"""Loader processes: photos of 1024 px are read and edited while the GPU trains."""


def baseline(network: Network) -> Part:
    """Return a part that trains a network with and without synthetic pairs.

    Its rows go where those of `benchmarks.baselines` are; started again, it makes the runs that
    are missing. Its table has the seeds that both arms have.
    """

    def part(site: Site) -> list[Measured]:
        ignore_expected_warnings()
        with _set_up(site, network) as (campaign, own):
            rows: list[Row] = []
            begun, longest = time.perf_counter(), 0.0
            for run in runs_of(own)[: len(ARMS) if site.is_smoke else None]:
                start = time.perf_counter()
                if start - begun + longest > _SECONDS:
                    print("runs are missing: start this part again", flush=True)
                    break
                rows.append(finish(campaign, run))
                longest = max(longest, time.perf_counter() - start)
        return _measured(rows, own)

    return part


@contextmanager
def _set_up(site: Site, network: Network) -> Iterator[tuple[Campaign, Network]]:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        campaign = Campaign(
            photos=site.photos,
            work=work,
            rows=work / "baselines.jsonl" if site.is_smoke else site.out / "baselines.jsonl",
            device=site.device,
            workers=0 if site.is_smoke else _WORKERS,
            is_trial=site.is_smoke,
        )
        if network.weights is None:
            yield campaign, network
        elif site.is_smoke:
            with saved_sam_hq(network.tiny_size) as folder:
                tiny = {"net.init_args.weights": folder}
                yield campaign, replace(network, tiny=tiny, initialisation=RANDOM)
        elif network.weights.is_file():
            yield campaign, network
        else:
            sys.exit(f"{network.title} begins with published weights: put {network.weights} there")


def _measured(rows: list[Row], network: Network) -> list[Measured]:
    """Return max F of the seeds that both arms have; the rows have all else."""
    arms = seeds_of(rows, network)
    common = sorted(set.intersection(*(set(by_seed) for by_seed in arms.values())))
    remark = f"weights at the start: {network.initialisation}; seeds {common}"
    return [
        Measured(
            f"{network.title}, {arm}",
            "max F",
            tuple(score(by_seed[seed], "max_f") for seed in common),
            remark,
        )
        for arm, by_seed in arms.items()
        if common
    ]
