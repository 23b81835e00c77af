"""Parts of `benchmarks.gpu` that paint."""

from typing import cast

from benchmarks.generation import measured
from benchmarks.gpu_site import Measured, Part, Site


def painting(size: str, *, batch: int, approximate: bool) -> Part:
    """Return a part that compares painters, see `benchmarks.generation`."""

    def part(site: Site) -> list[Measured]:
        row = measured(
            "tiny" if site.is_smoke else size,
            device=site.device,
            dtype="float32" if site.device.type == "cpu" else "bfloat16",
            batch=2 if site.is_smoke else batch,
            steps=2 if site.is_smoke else 20,
            repeats=1 if site.is_smoke else 5,
            approximate=approximate,
            compiled="no" if site.is_smoke else "kernels",
        )
        speeds = cast(dict[str, list[float]], row["images_per_second"])
        errors = cast(dict[str, dict[str, float]], row["errors"])
        exact = cast(dict[str, float], row["float32_error"])["largest"]
        found = []
        for arm, values in speeds.items():
            remark = f"{errors[arm]['psnr']:.1f} dB to float32"
            if arm == "ours":
                remark += f"; {exact:g} grey levels in float32"
            found.append(Measured(f"{size}, {arm}", "images/s", tuple(values), remark))
        return found

    return part
