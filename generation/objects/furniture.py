"""Furniture: bed, bench, chair, stool, table, rack."""

from dataclasses import dataclass

from generation.objects.parts import (
    Material,
    Part,
    arc,
    ball,
    bar,
    beam,
    box,
    disc,
    ring,
    spread,
    tube,
    vector,
)
from generation.objects.proportions import Proportions, count, span, style


@dataclass(frozen=True, kw_only=True)
class Bed(Proportions):
    """A bed with mattress, pillows, and open slats or bars at both ends."""

    width: float = span(1.0, 1.9)
    length: float = span(1.9, 2.2)
    head: float = span(0.9, 1.35)
    foot: float = span(0.5, 0.85)
    post: float = span(0.05, 0.1)
    num_bars: int = count(5, 11)
    ends: int = style(3)
    """0 upright slats, 1 round metal bars under an arch, 2 level boards."""

    def parts(self) -> list[Part]:
        """Return the pieces, standing on y = 0."""
        half, front, back = self.width / 2, self.length / 2, -self.length / 2
        deck = 0.32
        parts = [
            box("fabric", (self.width - 0.06, 0.2, self.length - 0.08), (0, deck + 0.13, 0)),
            box("panel", (self.width, 0.05, self.length), (0, deck, 0)),
        ]
        for x in (-half, half):
            parts.append(beam("frame", (x, deck, back), (x, deck, front), (0.04, 0.13)))
        for x in (-half / 2, half / 2) if self.width > 1.3 else (0.0,):
            pillow = (min(self.width / 4.5, 0.36), 0.09, 0.22)
            parts.append(ball("panel", (x, deck + 0.27, back + 0.32), pillow))
        parts += self._end(back, self.head) + self._end(front, self.foot)
        return parts

    def _end(self, z: float, height: float) -> list[Part]:
        half, thick, low = self.width / 2, self.post, 0.3
        material: Material = "metal" if self.ends == 1 else "frame"
        parts: list[Part] = []
        for x in (-half, half):
            if self.ends == 1:
                parts.append(bar("metal", (x, 0, z), (x, height, z), thick / 2))
                parts.append(ball("metal", (x, height, z), (thick * 0.7,) * 3))
            else:
                parts.append(box("frame", (thick, height, thick), (x, height / 2, z)))
        top = height - 0.05
        parts.append(beam(material, (-half, low, z), (half, low, z), (0.04, 0.06)))
        if self.ends == 2:
            for y in spread(low + 0.16, top, max(2, round((top - low) / 0.19))):
                parts.append(beam("frame", (-half, y, z), (half, y, z), (0.03, 0.1)))
            return parts
        parts.append(beam(material, (-half, top, z), (half, top, z), (0.04, 0.05)))
        for x in spread(-half, half, self.num_bars + 2)[1:-1]:
            if self.ends == 1:
                parts.append(bar("metal", (x, low, z), (x, top, z), 0.011))
            else:
                parts.append(beam("frame", (x, low, z), (x, top, z), (0.05, 0.02)))
        if self.ends == 1:
            bow = arc((0, top, z), (half, 0, 0), (0, 0.22 * half + 0.1, 0), (0, 180))
            parts += tube("metal", bow, thick / 2.6)
        return parts


@dataclass(frozen=True, kw_only=True)
class Bench(Proportions):
    """A park bench of slats on wooden or iron sides."""

    width: float = span(1.1, 1.9)
    depth: float = span(0.4, 0.55)
    seat: float = span(0.4, 0.48)
    back: float = span(0.32, 0.5)
    lean: float = span(0.06, 0.16)
    slat: float = span(0.05, 0.085)
    num_slats: int = count(3, 6)
    sides: int = style(2)
    """0 wooden legs, 1 curled iron."""

    def parts(self) -> list[Part]:
        """Return the pieces, standing on y = 0."""
        half = self.width / 2
        near, far = self.depth / 2, -self.depth / 2
        parts = [
            beam("panel", (-half, self.seat, z), (half, self.seat, z), (self.slat, 0.03))
            for z in spread(near - 0.03, far + 0.03, self.num_slats)
        ]
        for i, y in enumerate(spread(0.12, self.back, max(2, self.num_slats - 2))):
            z = far - self.lean * y / self.back - 0.01 * (i == 0)
            height = self.seat + y
            ends = ((-half, height, z), (half, height, z))
            parts.append(beam("panel", *ends, (0.025, self.slat)))
        for x in (-half + 0.1, half - 0.1):
            parts += self._side(x, near, far)
        return parts

    def _side(self, x: float, near: float, far: float) -> list[Part]:
        seat, top = self.seat, self.seat + self.back + 0.04
        arm = seat + 0.22
        if self.sides == 1:
            curl = arc((x, seat / 2, near), (0, 0, -0.06), (0, seat / 2, 0), (-90, 90))
            parts = tube("dark", curl, 0.017)
            parts += tube(
                "dark", [(x, 0, far - 0.04), (x, seat, far), (x, top, far - self.lean)], 0.017
            )
            parts.append(bar("dark", (x, seat - 0.02, near), (x, seat - 0.02, far), 0.015))
            hand = arc((x, arm, near - 0.05), (0, 0, 0.07), (0, -0.1, 0), (-90, 120))
            parts += tube("dark", [(x, arm + 0.1, far - self.lean * 0.6), *hand], 0.013)
            return [*parts, ring("dark", (x, seat / 2, 0), (1, 0, 0), 0.1, 0.01)]
        parts = [
            beam("frame", (x, 0, z), (x, seat - 0.01, z), (0.06, 0.06))
            for z in (near - 0.04, far + 0.04)
        ]
        parts.append(beam("frame", (x, seat - 0.04, near), (x, seat - 0.04, far), (0.05, 0.06)))
        parts.append(beam("frame", (x, 0.14, near - 0.04), (x, 0.14, far + 0.04), (0.03, 0.04)))
        parts.append(beam("frame", (x, seat, far), (x, top, far - self.lean - 0.02), (0.05, 0.05)))
        parts.append(beam("frame", (x, arm, near), (x, arm, far - 0.06), (0.06, 0.03)))
        parts.append(beam("frame", (x, seat, near - 0.04), (x, arm, near - 0.04), (0.045, 0.045)))
        return parts


@dataclass(frozen=True, kw_only=True)
class Chair(Proportions):
    """A chair with an open back and stretchers, with or without arms."""

    width: float = span(0.38, 0.54)
    depth: float = span(0.38, 0.5)
    seat: float = span(0.4, 0.52)
    back: float = span(0.38, 0.62)
    leg: float = span(0.025, 0.05)
    lean: float = span(0.03, 0.13)
    num_bars: int = count(3, 6)
    back_style: int = style(3)
    """0 upright spindles, 1 level slats, 2 round metal hoop."""
    arms: int = style(2)

    def parts(self) -> list[Part]:
        """Return the pieces, standing on y = 0."""
        half, near, far, leg = self.width / 2, self.depth / 2, -self.depth / 2, self.leg
        top = self.seat + self.back
        seat = box("fabric", (self.width, 0.045, self.depth), (0, self.seat, 0))
        parts = [seat]
        corners = [(x, z) for x in (-half + leg / 2, half - leg / 2) for z in (near - leg / 2, far)]
        for x, z in corners:
            splay = 0.03 if z > 0 else -0.05
            parts.append(self._post((x * 1.05, 0, z + splay), (x, self.seat, z)))
        for x in (-half + leg / 2, half - leg / 2):
            y = self.seat * 0.42
            parts.append(bar("frame", (x, y, near - 0.01), (x, y, far - 0.02), leg / 3))
        ends = ((-half, self.seat * 0.55, near), (half, self.seat * 0.55, near))
        parts.append(bar("frame", *ends, leg / 3))
        parts += self._back(half - leg / 2, far, top)
        if self.arms:
            arm = self.seat + 0.2
            for x in (-half, half):
                parts.append(self._post((x, self.seat, near - 0.06), (x, arm, near - 0.06)))
                behind = far - self.lean * 0.2 / self.back
                parts.append(beam("frame", (x, arm, near), (x, arm, behind), (0.045, 0.025)))
        return parts

    def _post(self, start: tuple[float, float, float], stop: tuple[float, float, float]) -> Part:
        if self.back_style == 2:
            return bar("metal", start, stop, self.leg / 2.4)
        return beam("frame", start, stop, (self.leg, self.leg))

    def _back(self, half: float, far: float, top: float) -> list[Part]:
        seat, lean = self.seat, far - self.lean
        if self.back_style == 2:
            bow = arc((0, seat, far), (half, 0, 0), (0, self.back, lean - far), (0, 180), 16)
            parts = tube("metal", bow, self.leg / 2.4)
            inner = arc(
                (0, seat, far),
                (half * 0.55, 0, 0),
                (0, self.back * 0.7, (lean - far) * 0.7),
                (0, 180),
            )
            return parts + tube("metal", inner, self.leg / 4)
        parts = [self._post((x, seat, far), (x, top, lean)) for x in (-half, half)]
        parts.append(beam("frame", (-half, top, lean), (half, top, lean), (0.03, 0.07)))
        if self.back_style == 1:
            for t in spread(0.3, 0.75, max(2, self.num_bars - 2)):
                y, z = seat + t * self.back, far + t * (lean - far)
                parts.append(beam("panel", (-half, y, z), (half, y, z), (0.02, 0.05)))
            return parts
        for x in spread(-half, half, self.num_bars + 2)[1:-1]:
            parts.append(bar("panel", (x, seat, far), (x, top, lean), self.leg / 3.4))
        return parts


@dataclass(frozen=True, kw_only=True)
class Stool(Proportions):
    """A round stool on splayed legs with rungs or a foot ring."""

    height: float = span(0.42, 0.8)
    seat: float = span(0.15, 0.21)
    splay: float = span(0.03, 0.11)
    leg: float = span(0.012, 0.024)
    num_legs: int = count(3, 4)
    foot: int = style(2)
    """0 rungs between the legs, 1 a ring around them."""

    def parts(self) -> list[Part]:
        """Return the pieces, standing on y = 0."""
        parts = [disc("fabric", (0, self.height, 0), self.seat, 0.045)]
        lower, upper = self.seat * 0.8 + self.splay, self.seat * 0.75
        turn = 360 * (1 - 1 / self.num_legs)
        tops = arc(
            (0, self.height, 0), (upper, 0, 0), (0, 0, upper), (20, 20 + turn), self.num_legs
        )
        feet = arc((0, 0, 0), (lower, 0, 0), (0, 0, lower), (20, 20 + turn), self.num_legs)
        material: Material = "metal" if self.foot else "frame"
        for top, foot in zip(tops, feet, strict=True):
            parts.append(bar(material, foot, top, self.leg))
        at = 0.36
        if self.foot:
            around = lower + (upper - lower) * at
            parts.append(ring("metal", (0, self.height * at, 0), (0, 1, 0), around, self.leg * 0.7))
            return parts
        rungs = [foot + (top - foot) * at for foot, top in zip(feet, tops, strict=True)]
        for start, stop in zip(rungs, rungs[1:] + rungs[:1], strict=True):
            parts.append(bar("frame", start, stop, self.leg * 0.7))
        return parts


@dataclass(frozen=True, kw_only=True)
class Table(Proportions):
    """A table: four legs, crossed trestles, or a round top on three curved feet."""

    width: float = span(1.0, 1.9)
    depth: float = span(0.65, 0.95)
    height: float = span(0.6, 0.8)
    top: float = span(0.025, 0.05)
    leg: float = span(0.035, 0.075)
    base: int = style(3)
    """0 four legs with rails, 1 crossed trestles, 2 round with a pillar."""

    def parts(self) -> list[Part]:
        """Return the pieces, standing on y = 0."""
        if self.base == 2:
            return self._round()
        parts = [box("panel", (self.width, self.top, self.depth), (0, self.height, 0))]
        half, near = self.width / 2 - 0.1, self.depth / 2 - 0.06
        under = self.height - self.top / 2
        for x in (-half, half):
            if self.base == 1:
                parts.append(beam("frame", (x, 0, -near), (x, under, near), (self.leg, self.leg)))
                parts.append(beam("frame", (x, 0, near), (x, under, -near), (self.leg, self.leg)))
                continue
            for z in (-near, near):
                parts.append(beam("frame", (x, 0, z), (x, under, z), (self.leg, self.leg)))
            ends = ((x, under - 0.05, -near), (x, under - 0.05, near))
            parts.append(beam("frame", *ends, (0.025, 0.09)))
        if self.base == 1:
            middle = under / 2
            parts.append(beam("frame", (-half, middle, 0), (half, middle, 0), (self.leg, self.leg)))
            return parts
        for z in (-near, near):
            parts.append(
                beam("frame", (-half, under - 0.05, z), (half, under - 0.05, z), (0.025, 0.09))
            )
        return parts

    def _round(self) -> list[Part]:
        radius, high = self.depth * 0.62, self.height
        parts = [
            disc("panel", (0, high, 0), radius, self.top),
            bar("frame", (0, high * 0.3, 0), (0, high, 0), self.leg * 0.7),
            ball("frame", (0, high * 0.45, 0), (self.leg, self.leg * 1.6, self.leg)),
        ]
        for out in arc((0, 0, 0), (1, 0, 0), (0, 0, 1), (15, 255), 3):
            foot = [out * (radius * t) + vector(0, y, 0) for t, y in _TABLE_FOOT]
            parts += tube("frame", [point * [1, high, 1] for point in foot], self.leg * 0.4)
        return parts


_TABLE_FOOT = ((0.0, 0.42), (0.2, 0.42), (0.38, 0.33), (0.52, 0.18), (0.66, 0.06), (0.82, 0.03))


@dataclass(frozen=True, kw_only=True)
class Rack(Proportions):
    """An open shelving rack with wire or slatted shelves, braces, and sometimes wheels."""

    width: float = span(0.6, 1.1)
    depth: float = span(0.3, 0.45)
    height: float = span(1.0, 1.8)
    post: float = span(0.012, 0.022)
    num_shelves: int = count(3, 5)
    num_bars: int = count(6, 11)
    shelf: int = style(2)
    """0 wire shelves, 1 wooden slats with a cross brace."""

    def parts(self) -> list[Part]:
        """Return the pieces, standing on y = 0."""
        half, near = self.width / 2, self.depth / 2
        material: Material = "frame" if self.shelf else "metal"
        parts: list[Part] = []
        for x in (-half, half):
            for z in (-near, near):
                parts.append(bar(material, (x, 0, z), (x, self.height, z), self.post))
        for y in spread(0.12, self.height - 0.04, self.num_shelves):
            parts += self._shelf(y, half, near)
        if self.shelf:
            low, high, back = 0.12, self.height - 0.04, -near - self.post
            parts.append(bar("metal", (-half, low, back), (half, high, back), 0.008))
            parts.append(bar("metal", (half, low, back), (-half, high, back), 0.008))
        return parts

    def _shelf(self, y: float, half: float, near: float) -> list[Part]:
        if self.shelf:
            num = max(3, self.num_bars // 2)
            wide = 1.7 * near / num  # gaps of 15 %
            slats = spread(-near + wide / 2, near - wide / 2, num)
            return [beam("panel", (-half, y, z), (half, y, z), (wide, 0.025)) for z in slats]
        parts: list[Part] = []
        for z in (-near, near):
            for lift in (0.0, 0.05):
                parts.append(bar("metal", (-half, y - lift, z), (half, y - lift, z), 0.007))
            for x in spread(-half, half, self.num_bars):
                parts.append(bar("metal", (x, y, z), (x, y - 0.05, z), 0.004))
        for x in (-half, half):
            parts.append(bar("metal", (x, y, -near), (x, y, near), 0.007))
        for z in spread(-near, near, 5)[1:-1]:
            parts.append(bar("metal", (-half, y, z), (half, y, z), 0.006))
        return parts
