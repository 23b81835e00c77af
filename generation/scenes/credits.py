"""Whom pictures of ours must name, as their licences ask."""

from collections.abc import Mapping
from types import MappingProxyType

CREDITS: Mapping[str, str] = MappingProxyType(
    {
        "procedural": (
            "Backgrounds of procedural scenes: flower.jpg by vultilion "
            "(https://www.flickr.com/photos/vultilion/6056698931/) and china.jpg by danielbuechele "
            "(https://www.flickr.com/photos/danielbuechele/6061409035/), CC BY 2.0 "
            "(https://creativecommons.org/licenses/by/2.0/), from the wheel of scikit-learn; cut, "
            "resized, recoloured and covered in part. The other photographs are in the public "
            "domain or CC0, from the wheel of scikit-image."
        )
    }
)
"""Text by the source that a pair's provenance names."""
