"""Activation checkpointing that leaves batch statistics as a plain forward pass leaves them."""

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

_Contexts = tuple[AbstractContextManager[None], AbstractContextManager[None]]


def run_checkpointed(module: nn.Module, x: Tensor, *, is_random: bool = False) -> Tensor:
    """Return ``module(x)``, keeping only `x` and recomputing the rest in the backward pass.

    Gradients, running means and variances equal those of ``module(x)``: a bare
    `torch.utils.checkpoint` would count every batch twice in them.

    Args:
        module: Takes and returns one tensor.
        x: Float.
        is_random: Whether `module` draws random numbers, such as dropout: then the generators are
            set back for the second pass, which costs a little.
    """
    if torch.compiler.is_compiling():
        # the compiler updates statistics once of its own accord, and refuses context_fn
        return checkpoint(module, x, use_reentrant=False, preserve_rng_state=is_random)
    return checkpoint(
        module,
        x,
        use_reentrant=False,
        preserve_rng_state=is_random,
        context_fn=partial(_contexts, module),
    )


def _contexts(module: nn.Module) -> _Contexts:
    return nullcontext(), _frozen_statistics(module)


@contextmanager
def _frozen_statistics(module: nn.Module) -> Generator[None]:
    """Normalise by the batch as in training, but let running statistics keep their values."""
    norms = [x for x in module.modules() if isinstance(x, nn.BatchNorm2d | nn.SyncBatchNorm)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        # not track_running_stats: checkpointing insists on the same tensors being saved
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, num_batches_tracked) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, num_batches_tracked
