"""Schedulers of diffusers by name, with the noise levels that a base was trained with."""

from collections.abc import Mapping

from generation.diffusion.sampler_table import Scheduler


def scheduler_like(
    base: Scheduler, name: str, options: Mapping[str, bool | int | float | str]
) -> Scheduler:
    """Return a scheduler with the settings of another.

    Args:
        base: Comes with the model.
        name: Class of diffusers, such as ``LCMScheduler``; empty for the class of `base`.
        options: Settings that differ, such as ``timestep_spacing="trailing"``.

    Raises:
        ValueError: If there is no such scheduler, or it has no such option.
    """
    import diffusers
    from diffusers.schedulers.scheduling_utils import SchedulerMixin

    found = getattr(diffusers, name.rpartition(".")[2], None) if name else type(base)
    if not (isinstance(found, type) and issubclass(found, SchedulerMixin)):
        raise ValueError(
            f"diffusers has no scheduler {name!r}: give the name of a class, such as DDIMScheduler"
        )
    kind: Scheduler = found
    known = set(kind.from_config(base.config).config)
    unknown = sorted(set(options) - known)
    if unknown:
        raise ValueError(f"{kind.__name__} has no option {unknown[0]!r}: take one of its config")
    return kind.from_config(base.config, **options)
