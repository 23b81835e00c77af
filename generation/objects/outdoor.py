"""Things outdoors: bicycle, fence, gate, swing."""

from dataclasses import dataclass

import numpy as np

from generation.objects.parts import (
    Floats,
    Material,
    Part,
    arc,
    ball,
    bar,
    beam,
    box,
    ring,
    spike,
    spread,
    tube,
    vector,
)
from generation.objects.proportions import Proportions, count, span, style


@dataclass(frozen=True, kw_only=True)
class Bicycle(Proportions):
    """A bicycle that stands upright, its front to the right (x), seen from the side by z."""

    wheel: float = span(0.29, 0.36)
    base: float = span(0.98, 1.14)
    seat: float = span(0.78, 0.98)
    tyre: float = span(0.014, 0.028)
    pipe: float = span(0.013, 0.022)
    steer: float = span(-14.0, 14.0)
    """Degrees the front wheel is turned by."""
    num_spokes: int = count(12, 22)
    frame: int = style(2)
    """0 diamond, 1 step-through."""
    bars: int = style(2)
    """0 flat handlebar, 1 drop handlebar."""
    guards: int = style(2)

    def parts(self) -> list[Part]:
        """Return the pieces, standing on y = 0."""
        r, half = self.wheel, self.base / 2
        rear, crank = np.array([-half, r, 0]), np.array([-half + 0.43, r - 0.05, 0])
        head = np.array([half - 0.17, r + 0.36, 0])
        neck = np.array([half - 0.22, r + 0.5, 0])
        saddle = np.array([crank[0] - 0.17, self.seat, 0])
        joint = crank + (saddle - crank) * 0.8
        top = head if self.frame == 0 else crank + (saddle - crank) * 0.35
        low = head + (neck - head) * 0.1
        parts = [
            bar("frame", crank, low, self.pipe * 1.15),
            bar("frame", crank, saddle - [0.01, 0.03, 0], self.pipe),
            bar(
                "frame",
                joint if self.frame == 0 else top,
                neck if self.frame == 0 else head,
                self.pipe,
            ),
            bar("frame", head - (neck - head) * 0.1, neck, self.pipe * 1.2),
        ]
        for z in (-0.045, 0.045):
            parts.append(
                bar("frame", rear + vector(0, 0, z), crank + vector(0, 0, z / 2), self.pipe * 0.6)
            )
            parts.append(
                bar("frame", rear + vector(0, 0, z), joint + vector(0, 0, z / 3), self.pipe * 0.55)
            )
        return parts + self._rear(rear, crank, saddle) + self._front(head, neck)

    def _rear(self, rear: Floats, crank: Floats, saddle: Floats) -> list[Part]:
        parts = self._wheel(rear, np.array([0.0, 0, 1]))
        parts.append(ring("metal", crank + vector(0, 0, 0.05), (0, 0, 1), 0.09, 0.008))
        parts.append(
            bar("dark", crank + vector(0, 0.09, 0.05), rear + vector(0, 0.035, 0.05), 0.005)
        )
        parts.append(
            bar("dark", crank + vector(0, -0.09, 0.05), rear + vector(0, -0.035, 0.05), 0.005)
        )
        for side, turn in ((0.07, 1), (-0.07, -1)):
            end = crank + np.array([0.14 * turn, -0.09 * turn, side])
            parts.append(bar("metal", crank + vector(0, 0, side), end, 0.011))
            parts.append(box("dark", (0.09, 0.02, 0.07), end + vector(0, 0, np.sign(side) * 0.045)))
        parts.append(ball("dark", saddle + vector(0.06, 0, 0), (0.15, 0.025, 0.035)))
        parts.append(ball("dark", saddle + vector(-0.05, 0.005, 0), (0.08, 0.035, 0.08)))
        return parts

    def _front(self, head: Floats, neck: Floats) -> list[Part]:
        turn = np.radians(self.steer)
        ahead = np.array([np.cos(turn), 0, -np.sin(turn)])
        side = np.array([np.sin(turn), 0, np.cos(turn)])
        lower = head - (neck - head) * 0.1
        hub = np.array([lower[0], self.wheel, 0]) + ahead * 0.18
        parts = self._wheel(hub, side)
        for across in (-0.05, 0.05):
            leg = [
                lower + side * across * 0.8,
                hub + side * across + vector(0, 0.1, 0) - ahead * 0.03,
            ]
            parts += tube("frame", [*leg, hub + side * across], self.pipe * 0.75)
        stem = neck + np.array([-0.03, 0.09, 0])
        parts.append(bar("metal", neck, stem, self.pipe * 0.8))
        grip = stem + ahead * 0.06
        parts.append(bar("metal", stem, grip, self.pipe * 0.8))
        reach = 0.28 if self.bars == 0 else 0.21
        parts.append(bar("metal", grip - side * reach, grip + side * reach, 0.012))
        for sign in (-1, 1):
            end = grip + side * (sign * reach)
            if self.bars == 0:
                parts.append(bar("dark", end, end + side * (sign * 0.1) - ahead * 0.05, 0.017))
            else:
                hook = arc(
                    end + vector(0, -0.07, 0), ahead * 0.1, np.array([0, 0.07, 0]), (90, -100), 9
                )
                parts += tube("dark", [*hook, hook[-1] - ahead * 0.07], 0.014)
        return parts

    def _wheel(self, hub: Floats, axle: Floats) -> list[Part]:
        rim = self.wheel - self.tyre
        up = vector(0, 1, 0)
        along = np.cross(up, axle).astype(np.float64)
        parts = [
            ring("dark", hub, axle, rim, self.tyre),
            ring("metal", hub, axle, rim - self.tyre, 0.009),
            bar("metal", hub - axle * 0.05, hub + axle * 0.05, 0.022),
        ]
        around = arc(hub, up, along, (0, 360), self.num_spokes + 1)[:-1]
        for i, point in enumerate(around):
            out = point - hub
            flange = hub + axle * (0.03 if i % 2 else -0.03) + out * 0.02
            parts.append(bar("metal", flange, hub + out * (rim - self.tyre), 0.0035))
        if self.guards:
            cover = self.wheel + 0.025
            bow = arc(hub, up * cover, along * cover, (-75, 75), 14)
            parts += tube("panel", bow, 0.014)
        return parts


@dataclass(frozen=True, kw_only=True)
class Gate(Proportions):
    """An iron or wooden gate of two leaves between posts."""

    width: float = span(1.5, 2.6)
    height: float = span(1.2, 1.9)
    arch: float = span(0.0, 0.4)
    post: float = span(0.09, 0.2)
    rod: float = span(0.009, 0.018)
    opening: float = span(0.0, 28.0)
    """Degrees both leaves stand open."""
    num_bars: int = count(5, 9)
    leaf: int = style(3)
    """0 iron bars with spear heads, 1 bars with a row of rings, 2 wood with a diagonal."""

    def parts(self) -> list[Part]:
        """Return the pieces, standing on y = 0."""
        half, tall = self.width / 2, self.height + 0.12
        parts: list[Part] = []
        for sign in (-1, 1):
            x = sign * (half + self.post / 2)
            parts.append(box("panel", (self.post, tall, self.post), (x, tall / 2, 0)))
            parts.append(box("panel", (self.post * 1.3, 0.04, self.post * 1.3), (x, tall, 0)))
            parts.append(ball("panel", (x, tall + self.post * 0.5, 0), (self.post * 0.5,) * 3))
            parts += self._leaf(sign)
        return parts

    def _leaf(self, sign: int) -> list[Part]:
        half, turn = self.width / 2, np.radians(self.opening)
        hinge = np.array([sign * half, 0, 0])
        along = np.array([-sign * np.cos(turn), 0, np.sin(turn)]) * (half - 0.02)
        wood = self.leaf == 2
        material: Material = "frame" if wood else "dark"
        low, shoulder = 0.1, self.height - self.arch * 0.6

        def at(t: float, y: float) -> Floats:
            return hinge + along * t + vector(0, y, 0)

        def crown(t: float) -> float:
            return shoulder + self.arch * float(np.sin(t * np.pi / 2))

        places = spread(0.0, 1.0, self.num_bars + 2)
        rail = self.rod * (2.2 if wood else 1.4)
        parts = tube(material, [at(t, crown(t)) for t in places], rail)
        for y in (low, shoulder - 0.2):
            parts.append(bar(material, at(0, y), at(1, y), rail))
        for t in (0.0, 1.0):
            parts.append(bar(material, at(t, low - 0.05), at(t, crown(t)), rail))
        for t in places[1:-1]:
            if wood:
                parts.append(beam("frame", at(t, low), at(t, crown(t)), (0.06, 0.018)))
                continue
            spear = 0.1 if self.leaf == 0 else 0.0
            parts.append(bar(material, at(t, low), at(t, crown(t) + spear), self.rod))
            if spear:
                parts.append(spike(material, at(t, crown(t) + spear), self.rod * 2.4, 0.08))
        if wood:
            parts.append(beam("frame", at(0, low), at(1, shoulder - 0.2), (0.03, 0.07)))
        if self.leaf == 1:
            radius = min(0.085, float(np.linalg.norm(along)) / (self.num_bars + 1) / 2)
            axis = np.cross(along, vector(0, 1, 0)).astype(np.float64)
            for t in (np.array(places[1:]) + np.array(places[:-1])) / 2:
                parts.append(ring(material, at(t, shoulder - 0.1), axis, radius, self.rod * 0.7))
        return parts


@dataclass(frozen=True, kw_only=True)
class Fence(Proportions):
    """A piece of picket or ranch fence."""

    width: float = span(1.6, 2.6)
    height: float = span(0.7, 1.15)
    picket: float = span(0.05, 0.1)
    swell: float = span(0.0, 0.18)
    """How much the pickets rise in the middle."""
    num_pickets: int = count(8, 14)
    kind: int = style(2)
    """0 pointed pickets on two rails, 1 posts with three round rails."""

    def parts(self) -> list[Part]:
        """Return the pieces, standing on y = 0."""
        half = self.width / 2
        if self.kind == 1:
            posts = spread(-half, half, max(3, self.num_pickets // 3))
            parts = [bar("frame", (x, 0, 0), (x, self.height, 0), self.picket * 0.7) for x in posts]
            for y in spread(0.25, self.height - 0.1, 3):
                ends = ((-half - 0.1, y, 0.02), (half + 0.1, y, 0.02))
                parts.append(bar("frame", *ends, self.picket * 0.45))
            return parts
        parts = [
            beam("frame", (-half, y, -0.03), (half, y, -0.03), (0.03, 0.07))
            for y in (self.height * 0.25, self.height * 0.72)
        ]
        for x in (-half * 0.8, half * 0.8):
            parts.append(beam("frame", (x, 0, -0.08), (x, self.height * 0.9, -0.08), (0.08, 0.08)))
        for x in spread(-half, half, self.num_pickets):
            tall = self.height + self.swell * float(np.cos(x / half * np.pi / 2))
            width = min(self.picket, self.width / self.num_pickets * 0.62)
            parts.append(
                box("frame", (width, tall - 0.05, 0.022), (x, 0.05 + (tall - 0.05) / 2, 0))
            )
            tip = spike("frame", (x, tall, 0), width * 0.5, width)
            parts.append(tip)
        return parts


@dataclass(frozen=True, kw_only=True)
class Swing(Proportions):
    """A swing set: two A-shaped ends, a beam, seats on ropes."""

    width: float = span(1.6, 2.6)
    height: float = span(1.7, 2.2)
    spread: float = span(0.5, 0.8)
    pipe: float = span(0.03, 0.055)
    sway: float = span(-22.0, 22.0)
    """Degrees the first seat is off the vertical."""
    num_seats: int = count(1, 2)
    seat: int = style(2)
    """0 a board, 1 a tyre."""

    def parts(self) -> list[Part]:
        """Return the pieces, standing on y = 0."""
        half, top = self.width / 2, self.height
        parts = [bar("frame", (-half - 0.1, top, 0), (half + 0.1, top, 0), self.pipe)]
        for x in (-half, half):
            for z in (-self.spread, self.spread):
                parts.append(bar("frame", (x * 1.06, 0, z), (x, top, 0), self.pipe * 0.9))
            level, z = top * 0.42, self.spread * 0.58
            parts.append(
                bar("frame", (x * 1.035, level, -z), (x * 1.035, level, z), self.pipe * 0.7)
            )
        places = [0.0] if self.num_seats == 1 else [-half / 2, half / 2]
        for i, x in enumerate(places):
            parts += self._seat(x, np.radians(self.sway if i == 0 else -self.sway / 3))
        return parts

    def _seat(self, x: float, angle: float) -> list[Part]:
        length = self.height - 0.45
        end = np.array([x, self.height - length * np.cos(angle), length * np.sin(angle)])
        if self.seat == 1:
            rope = bar("metal", (x, self.height, 0), end + vector(0, 0.32, 0), 0.012)
            return [rope, ring("dark", end + vector(0, 0.04, 0), (0.3, 0, 1), 0.22, 0.075)]
        parts = [box("panel", (0.5, 0.035, 0.2), end)]
        for side in (-0.22, 0.22):
            parts.append(bar("metal", (x + side, self.height, 0), end + vector(side, 0, 0), 0.01))
        return parts
