"""Parametric objects, one frozen record of proportions per class."""

from collections.abc import Mapping
from types import MappingProxyType

from generation.objects.furniture import Bed, Bench, Chair, Rack, Stool, Table
from generation.objects.household import Basket, Birdcage, Fan, Ladder, Lamp, Umbrella
from generation.objects.outdoor import Bicycle, Fence, Gate, Swing
from generation.objects.proportions import Proportions

CLASSES: Mapping[str, type[Proportions]] = MappingProxyType(
    {
        "basket": Basket,
        "bed": Bed,
        "bench": Bench,
        "bicycle": Bicycle,
        "birdcage": Birdcage,
        "chair": Chair,
        "fan": Fan,
        "fence": Fence,
        "gate": Gate,
        "ladder": Ladder,
        "lamp": Lamp,
        "rack": Rack,
        "stool": Stool,
        "swing": Swing,
        "table": Table,
        "umbrella": Umbrella,
    }
)
"""Every class by its name."""

_FAMILIES = {
    "Furniture": ("bed", "bench", "chair", "rack", "stool", "table"),
    "Household": ("basket", "birdcage", "fan", "ladder", "lamp", "umbrella"),
    "Outdoor": ("bicycle", "fence", "gate", "swing"),
}
GROUPS: Mapping[str, str] = MappingProxyType(
    {
        name: f"{group}#{family}#{place}#{name.capitalize()}"
        for group, (family, names) in enumerate(_FAMILIES.items(), 1)
        for place, name in enumerate(names, 1)
    }
)
"""The first four fields of a DIS5K file name, ``group#Group#class#Class``, by class name."""
