"""Things about the house: basket, birdcage, fan, ladder, lamp, umbrella."""

from dataclasses import dataclass

import numpy as np
import trimesh

from generation.objects.parts import (
    Floats,
    Part,
    arc,
    ball,
    bar,
    beam,
    blade,
    box,
    disc,
    lathe,
    ring,
    rotation,
    spread,
    tube,
    vector,
)
from generation.objects.proportions import Proportions, count, span, style


@dataclass(frozen=True, kw_only=True)
class Fan(Proportions):
    """A pedestal or desk fan: blades in a cage of wires."""

    radius: float = span(0.19, 0.28)
    height: float = span(0.35, 1.1)
    """From the ground to the hub."""
    pole: float = span(0.012, 0.024)
    foot: float = span(0.16, 0.24)
    tilt: float = span(-12.0, 14.0)
    pitch: float = span(18.0, 38.0)
    num_blades: int = count(3, 5)
    num_wires: int = count(16, 26)
    base: int = style(2)
    """0 a round plate, 1 crossed feet."""

    def parts(self) -> list[Part]:
        """Return the pieces, standing on y = 0."""
        hub = np.array([0, max(self.height, self.radius + 0.1), 0.0])
        parts = [
            bar("frame", (0, 0.02, -0.06), hub + vector(0, -0.04, -0.06), self.pole),
            bar(
                "frame", (0, 0.02, -0.06), hub * [0, 0.5, 0] + vector(0, 0, -0.06), self.pole * 1.5
            ),
        ]
        if self.base == 0:
            parts.append(disc("dark", (0, 0.015, -0.06), self.foot, 0.03))
        else:
            for x in (-1, 1):
                ends = (
                    (-self.foot * x, 0.02, -0.06 - self.foot),
                    (self.foot * x, 0.02, self.foot - 0.06),
                )
                parts.append(beam("dark", *ends, (0.05, 0.03)))
        turn = rotation((1, 0, 0), -self.tilt)
        return parts + self._head(hub, turn)

    def _head(self, hub: Floats, turn: Floats) -> list[Part]:
        ahead, up, side = turn[:, 2], turn[:, 1], turn[:, 0]
        parts = [
            bar("frame", hub - ahead * 0.14, hub - ahead * 0.02, 0.06),
            bar("dark", hub, hub + ahead * 0.05, 0.035),
            bar("frame", hub + ahead * 0.075, hub + ahead * 0.085, 0.05),
        ]
        twist = rotation((0, 1, 0), self.pitch)
        for k in range(self.num_blades):
            spin = rotation((0, 0, 1), 360 * k / self.num_blades + 17)
            center = hub + ahead * 0.03 + turn @ spin @ [0, self.radius * 0.52, 0]
            size = (self.radius * 0.28, self.radius * 0.42, 0.006)
            parts.append(blade("panel", center, size, turn @ spin @ twist))
        for depth, scale in ((-0.02, 0.94), (0.03, 1.0), (0.08, 0.55)):
            reach = self.radius * scale
            parts.append(
                ring("metal", hub + ahead * depth, ahead, reach, 0.006 if scale > 0.9 else 0.003)
            )
        for out in arc((0, 0, 0), side, up, (0, 360), self.num_wires + 1)[:-1]:
            front = [
                hub + out * 0.045 + ahead * 0.085,
                hub + out * (self.radius * 0.55) + ahead * 0.08,
            ]
            parts += tube("metal", [*front, hub + out * self.radius + ahead * 0.03], 0.0026)
            back = [
                hub + out * 0.06 - ahead * 0.05,
                hub + out * (self.radius * 0.94) - ahead * 0.02,
            ]
            parts += tube("metal", [*back, hub + out * self.radius + ahead * 0.03], 0.0026)
        return parts


@dataclass(frozen=True, kw_only=True)
class Ladder(Proportions):
    """A stepladder, or a ladder that leans back a little."""

    height: float = span(1.1, 2.2)
    width: float = span(0.34, 0.52)
    taper: float = span(0.0, 0.14)
    spread: float = span(0.28, 0.5)
    rail: float = span(0.03, 0.06)
    num_rungs: int = count(4, 8)
    kind: int = style(3)
    """0 stepladder with flat treads, 1 single with round rungs, 2 rungs on both sides."""

    def parts(self) -> list[Part]:
        """Return the pieces, standing on y = 0."""
        back = -0.12 if self.kind == 1 else 0.0
        parts = self._side(0.0 if self.kind == 1 else self.spread, back, self.num_rungs)
        if self.kind == 1:
            return parts
        parts += self._side(-self.spread, 0.0, self.num_rungs if self.kind == 2 else 1)
        half = self._half(1.0)
        parts.append(box("panel", (2 * half + 0.06, 0.03, 0.2), (0, self.height, 0)))
        for x in (-self._half(0.4), self._half(0.4)):
            z, y = self.spread * 0.6, self.height * 0.4
            parts.append(bar("metal", (x, y, -z), (x, y, z), 0.006))
        return parts

    def _half(self, t: float) -> float:
        return self.width / 2 + self.taper * (0.5 - t)

    def _side(self, foot: float, top: float, num_rungs: int) -> list[Part]:
        section = (self.rail * 0.5, self.rail)
        parts = [
            beam(
                "frame",
                (s * self._half(0), 0, foot),
                (s * self._half(1), self.height, top),
                section,
            )
            for s in (-1, 1)
        ]
        for t in spread(0.0, 1.0, num_rungs + 2)[1:-1]:
            half, y, z = self._half(t), t * self.height, foot + t * (top - foot)
            if self.kind == 0 and num_rungs > 1:
                parts.append(box("panel", (2 * half, 0.022, 0.085), (0, y, z)))
            else:
                parts.append(bar("frame", (-half, y, z), (half, y, z), 0.014))
        return parts


@dataclass(frozen=True, kw_only=True)
class Lamp(Proportions):
    """A lamp: floor lamp, table lamp with a turned foot, or an arc lamp."""

    height: float = span(0.5, 1.6)
    shade: float = span(0.13, 0.24)
    tall: float = span(0.17, 0.3)
    flare: float = span(0.45, 0.9)
    """Upper over lower radius of the shade."""
    pole: float = span(0.009, 0.02)
    base: int = style(3)
    """0 disc, 1 three legs, 2 arc."""

    def parts(self) -> list[Part]:
        """Return the pieces, standing on y = 0."""
        height = max(self.height, 1.1) if self.base else self.height
        foot = self.shade * 0.8
        head = np.array([0.0, height, 0])
        parts: list[Part] = []
        if self.base == 1:
            knot = np.array([0, height * 0.62, 0])
            for out in arc((0, 0, 0), (1, 0, 0), (0, 0, 1), (20, 260), 3):
                parts.append(bar("frame", out * (height * 0.24), knot + out * 0.02, self.pole))
            parts += [ball("metal", knot, (0.035,) * 3), bar("metal", knot, head, self.pole)]
        else:
            parts.append(disc("dark", (0, 0.015, 0), foot, 0.03))
        if self.base == 0:
            parts.append(bar("metal", (0, 0, 0), head, self.pole))
            if height < 0.9:
                belly = (foot * 0.55, height * 0.22, foot * 0.55)
                parts.append(ball("frame", (0, height * 0.27, 0), belly))
        if self.base == 2:
            bow = arc((0.45, height - 0.4, 0), (-0.45, 0, 0), (0, 0.4, 0), (0, 165), 14)
            parts += tube("metal", [(0, 0, 0), *bow], self.pole)
            head = bow[-1] + vector(0, -0.05, 0)
            parts.append(bar("metal", bow[-1], head, self.pole * 0.6))
        return parts + self._shade(head)

    def _shade(self, head: Floats) -> list[Part]:
        low, up = self.shade, self.shade * self.flare
        profile = [(low, -self.tall * 0.6), (up, self.tall * 0.4)]
        parts = [
            lathe("fabric", profile, head),
            ball("panel", head - [0, 0.04, 0], (0.04, 0.05, 0.04)),
        ]
        for radius, y in profile:
            parts.append(ring("metal", head + vector(0, y, 0), (0, 1, 0), radius, 0.005))
        for out in arc((0, 0, 0), (up, 0, 0), (0, 0, up), (0, 240), 3):
            parts.append(bar("metal", head, head + out + vector(0, self.tall * 0.4, 0), 0.004))
        return parts


@dataclass(frozen=True, kw_only=True)
class Umbrella(Proportions):
    """An open umbrella: a parasol in its foot, or a hand umbrella left to dry on the ground."""

    radius: float = span(0.5, 0.75)
    dome: float = span(0.18, 0.36)
    pole: float = span(0.008, 0.016)
    shaft: float = span(0.75, 1.1)
    scallop: float = span(0.02, 0.07)
    num_ribs: int = count(6, 10)
    kind: int = style(2)
    """0 parasol in a foot, 1 hand umbrella with a hooked handle, lying."""

    def parts(self) -> list[Part]:
        """Return the pieces, standing on y = 0."""
        top = self.shaft + self.dome if self.kind else self.shaft * 1.35 + self.dome
        rim = top - self.dome
        parts = [self._canopy(top), bar("frame", (0, 0, 0), (0, top + 0.07, 0), self.pole)]
        slide = np.array([0, rim - 0.1, 0])
        for out in arc((0, 0, 0), (1, 0, 0), (0, 0, 1), (0, 360), self.num_ribs + 1)[:-1]:
            parts += tube("metal", [point - [0, 0.006, 0] for point in self._rib(out, top)], 0.0045)
            parts.append(bar("metal", slide, self._rib(out, top)[3] - [0, 0.006, 0], 0.004))
        if self.kind == 0:
            parts.append(
                lathe("dark", [(0.2, 0), (0.19, 0.05), (0.05, 0.08), (0.03, 0.25)], (0, 0, 0))
            )
            return parts
        hook = arc((0.055, 0, 0), (-0.055, 0, 0), (0, -0.07, 0), (0, 180), 9)
        parts += tube(
            "panel", [(0, 0.13, 0), *hook, hook[-1] + vector(0, 0.03, 0)], self.pole * 1.5
        )
        return _rest(parts, float(np.degrees(np.arctan2(rim + 0.05, self.radius))))

    def _rib(self, out: Floats, top: float) -> list[Floats]:
        lift = np.array([0.0, 1, 0])
        turn = np.radians(spread(0, 78, 7))
        drop = (1 - np.cos(turn)) / (1 - np.cos(turn[-1])) * self.dome
        reach = np.sin(turn) / np.sin(turn[-1]) * self.radius
        return [out * r + lift * (top - d) for r, d in zip(reach, drop, strict=True)]

    def _canopy(self, top: float) -> Part:
        """Cloth between the ribs, cut in at the rim and sunk a little between them."""
        cuts = 6
        rows = []
        for k in range(self.num_ribs * cuts):
            angle = 2 * np.pi * k / (self.num_ribs * cuts)
            sag = np.sin(np.pi * (k % cuts) / cuts) * self.scallop
            rib = np.array(self._rib(np.array([np.cos(angle), 0, np.sin(angle)]), top))
            inward = np.linspace(0, 1, len(rib))[:, None] ** 2
            rows.append(
                rib * [1, 1, 1]
                - inward * sag * rib * [1, 0, 1] / self.radius
                - inward * [0, sag / 3, 0]
            )
        points = np.array(rows)
        return _sheet(points)


@dataclass(frozen=True, kw_only=True)
class Basket(Proportions):
    """An open basket of wire or cane with a bow handle."""

    radius: float = span(0.16, 0.26)
    height: float = span(0.16, 0.34)
    flare: float = span(0.62, 0.92)
    """Lower over upper radius."""
    wire: float = span(0.003, 0.007)
    bow: float = span(0.12, 0.26)
    num_rings: int = count(4, 7)
    num_stakes: int = count(14, 24)
    handle: int = style(2)
    """0 one bow over the middle, 1 two small ears."""

    def parts(self) -> list[Part]:
        """Return the pieces, standing on y = 0."""
        low = self.radius * self.flare
        parts = [disc("panel", (0, 0.008, 0), low, 0.016)]
        for t in spread(0.0, 1.0, self.num_rings):
            radius = low + (self.radius - low) * t
            wire = self.wire * (2.2 if t in (0.0, 1.0) else 1.0)
            parts.append(ring("frame", (0, 0.01 + t * self.height, 0), (0, 1, 0), radius, wire))
        turn = (0.0, 360.0)
        feet = arc((0, 0.01, 0), (low, 0, 0), (0, 0, low), turn, self.num_stakes + 1)
        rims = arc(
            (0, self.height, 0), (self.radius, 0, 0), (0, 0, self.radius), turn, self.num_stakes + 1
        )
        for foot, rim in zip(feet[:-1], rims[:-1], strict=True):
            parts.append(bar("frame", foot, rim, self.wire))
        if self.handle == 0:
            bow = arc((0, self.height, 0), (self.radius, 0, 0), (0, self.bow, 0), (0, 180), 15)
            return parts + tube("panel", bow, self.wire * 2.6)
        for x in (-self.radius, self.radius):
            ear = arc(
                (x, self.height, 0), (0, 0, 0.09), (x * 0.35, self.bow * 0.4, 0), (0, 180), 10
            )
            parts += tube("panel", ear, self.wire * 2.2)
        return parts


@dataclass(frozen=True, kw_only=True)
class Birdcage(Proportions):
    """A round birdcage with a dome, a perch and a ring to hang it by."""

    radius: float = span(0.18, 0.26)
    wall: float = span(0.25, 0.45)
    dome: float = span(0.12, 0.26)
    wire: float = span(0.003, 0.006)
    num_wires: int = count(14, 22)
    num_rings: int = count(1, 3)
    stand: int = style(2)
    """0 on its tray, 1 hung in a standing hook."""

    def parts(self) -> list[Part]:
        """Return the pieces, standing on y = 0."""
        foot = 0.75 if self.stand else 0.0
        r, top = self.radius, foot + self.wall
        parts = [
            disc("panel", (0, foot + 0.025, 0), r * 1.05, 0.05),
            bar("frame", (-r, foot + self.wall * 0.5, 0), (r, foot + self.wall * 0.5, 0), 0.008),
            ball("frame", (0, top + self.dome, 0), (0.025,) * 3),
            ring("metal", (0, top + self.dome + 0.05, 0), (0, 0, 1), 0.035, 0.006),
        ]
        for y in spread(foot + 0.05, top, self.num_rings + 1):
            parts.append(ring("metal", (0, y, 0), (0, 1, 0), r, self.wire * 1.4))
        for out in arc((0, 0, 0), (r, 0, 0), (0, 0, r), (0, 360), self.num_wires + 1)[:-1]:
            bow = arc((0, top, 0), out, (0, self.dome, 0), (0, 90), 7)
            parts += tube("metal", [out + vector(0, foot + 0.03, 0), *bow], self.wire)
        if self.stand:
            parts += self._hook(top + self.dome + 0.1)
        return parts

    def _hook(self, height: float) -> list[Part]:
        reach = self.radius * 1.6
        bow = arc((-reach / 2, height, 0), (-reach / 2, 0, 0), (0, 0.2, 0), (0, 180), 12)
        pole = [vector(-reach, 0, 0), *bow, bow[-1] + vector(0, -0.04, 0)]
        foot = disc("dark", (-reach * 0.6, 0.012, 0), self.radius * 1.1, 0.024)
        return [*tube("frame", pole, 0.014), foot]


def _rest(parts: list[Part], angle: float) -> list[Part]:
    """Tip an object about z by an angle in degrees and set it back on the ground."""
    turn = np.eye(4)
    turn[:3, :3] = rotation((0, 0, 1), angle)
    for part in parts:
        part.mesh.apply_transform(turn)
    low = min(float(part.mesh.bounds[0, 1]) for part in parts)
    for part in parts:
        part.mesh.apply_translation((0, -low, 0))
    return parts


def _sheet(points: Floats) -> Part:
    """Return the cloth through ``(around, outwards, 3)`` points, closed around y."""
    around, outwards, _ = points.shape
    first = np.arange(around)[:, None] * outwards + np.arange(outwards - 1)
    after = np.roll(first, -1, axis=0)
    corners = np.stack([first, after, after + 1, first, after + 1, first + 1], axis=-1)
    mesh = trimesh.Trimesh(points.reshape(-1, 3), corners.reshape(-1, 3), process=False)
    return Part(mesh, "fabric", points.reshape(-1, 3))
