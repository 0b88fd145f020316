"""The body as filled, shaded shapes: which shapes a clip needs, and how one frame of them is painted.

All outlines of a clip are computed at once; painting a frame is then only OpenCV calls.
Shape letters: t moments, s strokes, k outline points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidtune.packs.figure._scene import Camera, Scene
from vidtune.packs.figure._skeleton import Dimensions, Posed
from vidtune.packs.figure._subject import CLOTH_COLOURS, HAIR_COLOURS, SKIN_TONES, Rgb, Subject

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
Outline = NDArray[np.int32]
Colour = Sequence[float]
_Layer = tuple[list[Outline], list[Colour]]
"""One convex shape: its outline and its colour at every moment."""

_SHIFT = 4
_ARC = np.linspace(-1.0, 1.0, 8)
_DARK, _LIT, _OUTLINE = 0.74, 1.06, 0.36
_RING = np.linspace(0.0, 2.0 * np.pi, 14, endpoint=False)


@dataclass(frozen=True)
class _Stroke:
    """A tapered round-ended limb part between two moving points."""

    start_t3: Array
    end_t3: Array
    start_radius: float
    end_radius: float
    rgb: Rgb
    trim_start: float = 0.0
    """How far the dark edge stays away from the end, in radii: none is drawn across a joint."""
    trim_end: float = 0.0


@dataclass(frozen=True)
class _Section:
    """An elliptical cross-section of the trunk."""

    centre_t3: Array
    frame_t33: Array
    half_width: float
    half_depth: float


class BodyPainter:
    """Paints one body, frame by frame, over a background."""

    def __init__(self, posed: Posed, dims: Dimensions, subject: Subject, scene: Scene, camera: Camera) -> None:
        self._posed, self._dims, self._subject = posed, dims, subject
        self._camera, self._light = camera, scene.light
        self._toward_light = np.array([-0.55 if scene.light_from_left else 0.55, -0.6])
        self._edge_px = max(0.45, min(camera.height_px, camera.width_px) / 230.0)
        self._reference_depth = camera.depth(posed.joint("spine"))
        self._pending: list[tuple[_Stroke, list[_Layer]]] = []
        self._parts: list[Callable[[Image, int], None]] = []
        depths: list[Array] = []
        for part, depth in [*self._limb_parts(), self._trunk_part(), self._head_part()]:
            self._parts.append(part)
            depths.append(depth)
        self._outline_strokes()
        self._order_tp = np.argsort(-np.stack(depths, axis=1), axis=1, kind="stable").tolist()
        self._shadow = _shadow_lines(posed, dims, camera)

    def paint(self, image: Image, index: int) -> None:
        """Paint moment ``index`` over ``image``."""
        self._shadow(image, index)
        for part in self._order_tp[index]:
            self._parts[part](image, index)

    # -- limbs ---------------------------------------------------------------------------------

    def _limb_parts(self) -> list[tuple[Callable[[Image, int], None], Array]]:
        parts = []
        for side in "lr":
            for strokes, nearer_m in (*self._leg(side), *self._arm(side)):
                depth = self._camera.depth(0.4 * strokes[0].start_t3 + 0.6 * strokes[0].end_t3) - nearer_m
                parts.append((self._strokes_painter(strokes), depth))
        return parts

    def _leg(self, side: str) -> list[tuple[list[_Stroke], float]]:
        joint, g, who = self._posed.joint, self._dims.girth, self._subject
        hip, knee, ankle = (joint(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        skin, cloth = SKIN_TONES[who.skin], CLOTH_COLOURS[who.bottom]
        is_long = who.bottom_kind == "trousers"
        leg = cloth if is_long else skin
        wide = 1.1 if is_long else 1.0
        thigh = [_Stroke(hip, knee, 5.0 * g * wide, 3.5 * g * wide, leg, trim_start=0.9, trim_end=0.9)]
        if not is_long:
            hem = hip + 0.62 * (knee - hip)
            thigh.append(_Stroke(hip, hem, 5.3 * g, 4.5 * g, cloth, trim_start=0.9))
        shank = [_Stroke(knee, ankle, 3.4 * g * wide, (2.5 if is_long else 2.0) * g, leg, trim_start=0.9)]
        sole = 0.55 * self._dims.ankle_height
        foot = [
            _Stroke(joint(f"{side}_heel"), joint(f"{side}_toe"), 1.05 * sole, 0.85 * sole, CLOTH_COLOURS[who.shoes])
        ]
        return [(thigh, 0.0), (shank, 0.01), (foot, 0.015)]

    def _arm(self, side: str) -> list[tuple[list[_Stroke], float]]:
        joint, g, who = self._posed.joint, self._dims.girth, self._subject
        shoulder, elbow, wrist, hand = (joint(f"{side}_{name}") for name in ("shoulder", "elbow", "wrist", "hand"))
        skin, cloth = SKIN_TONES[who.skin], CLOTH_COLOURS[who.top]
        is_long = who.top_kind == "long sleeves"
        arm = cloth if is_long else skin
        wide = 1.12 if is_long else 1.0
        upper = [_Stroke(shoulder, elbow, 2.9 * g * wide, 2.3 * g * wide, arm, trim_start=0.9, trim_end=0.9)]
        if who.top_kind == "t-shirt":
            hem = shoulder + 0.55 * (elbow - shoulder)
            upper.append(_Stroke(shoulder, hem, 3.3 * g, 3.0 * g, cloth, trim_start=1.0))
        lower = [_Stroke(elbow, wrist, 2.3 * g * wide, 1.7 * g, arm, trim_start=0.9)]
        fist = wrist + 0.85 * (hand - wrist)
        palm = [_Stroke(wrist, fist, 1.5 * g, 1.35 * g, skin, trim_start=0.8)]
        return [(upper, 0.05), (lower, 0.05), (palm, 0.06)]

    def _strokes_painter(self, strokes: list[_Stroke]) -> Callable[[Image, int], None]:
        """Return a painter of strokes whose outlines are filled in by ``_outline_strokes``."""
        layers: list[_Layer] = []
        for stroke in strokes:
            self._pending.append((stroke, layers))
        return _fills(layers)

    def _outline_strokes(self) -> None:
        """Compute the outlines and colours of all strokes of the clip in one go."""
        strokes = [stroke for stroke, _ in self._pending]
        starts, ends = (np.stack([getattr(s, f"{end}_t3") for s in strokes], axis=1) for end in ("start", "end"))
        start, end = self._camera.project(starts), self._camera.project(ends)
        r_start = np.array([s.start_radius for s in strokes]) * self._px_per_m(starts)
        r_end = np.array([s.end_radius for s in strokes]) * self._px_per_m(ends)
        along = end - start
        length = np.maximum(np.sqrt(np.sum(along * along, axis=2)), 1e-6)
        trims = np.array([[s.trim_start, s.trim_end] for s in strokes])
        cut_start = np.minimum(trims[:, 0] * r_start / length, 0.45)[..., None] * along
        cut_end = np.minimum(trims[:, 1] * r_end / length, 0.45)[..., None] * along
        edge, toward = self._edge_px, 0.3 * self._toward_light
        outlines = (
            _capsules(start + cut_start, end - cut_end, r_start + edge, r_end + edge),
            _capsules(start, end, r_start, r_end),
            _capsules(
                start + r_start[..., None] * toward, end + r_end[..., None] * toward, 0.62 * r_start, 0.62 * r_end
            ),
        )
        base = self._tinted(np.array([s.rgb for s in strokes], float), 0.5 * (starts + ends))
        tones = [np.clip(base * tone, 0, 255).tolist() for tone in (_OUTLINE, _DARK, _LIT)]
        for column, (_, layers) in enumerate(self._pending):
            for outline, tone in zip(outlines, tones, strict=True):
                layers.append((list(outline[:, column]), [row[column] for row in tone]))

    # -- trunk ---------------------------------------------------------------------------------

    def _trunk_part(self) -> tuple[Callable[[Image, int], None], Array]:
        posed, dims, g = self._posed, self._dims, self._dims.girth
        pelvis, spine, chest, neck = (posed.joint(name) for name in ("pelvis", "spine", "chest", "neck"))
        hips = _Section(pelvis - 0.012 * posed.pelvis_t33[:, :, 2], posed.pelvis_t33, dims.hip_half + 4.0 * g, 5.4 * g)
        belt = _Section(pelvis + 0.5 * (spine - pelvis), posed.waist_t33, dims.hip_half + 2.9 * g, 5.0 * g)
        waist = _Section(spine, posed.waist_t33, 0.4 * dims.shoulder_half + 3.6 * g, 4.9 * g)
        ribs = _Section(spine + 0.62 * (chest - spine), posed.chest_t33, 0.72 * dims.shoulder_half + 2.4 * g, 5.5 * g)
        shoulders = _Section(
            chest - 0.01 * posed.chest_t33[:, :, 2], posed.chest_t33, dims.shoulder_half + 0.6 * g, 3.4 * g
        )
        collar = _Section(neck, posed.chest_t33, 3.0 * g, 2.4 * g)
        who = self._subject
        bands = [
            (CLOTH_COLOURS[who.bottom], (hips, belt)),
            (CLOTH_COLOURS[who.top], (belt, waist, ribs, shoulders, collar)),
        ]
        layers: list[_Layer] = []
        outlines: list[_Layer] = []
        for rgb, sections in bands:
            base = self._tinted(rgb, sections[0].centre_t3)
            dark, lit, edge = (_colours(base * tone) for tone in (_DARK, _LIT, _OUTLINE))
            for grow, tone in ((1.0, dark), (0.68, lit)):
                rings = [self._ring(section, grow) for section in sections]
                for low, high in zip(rings[:-1], rings[1:], strict=True):
                    hulls = _hulls(np.concatenate([low, high], axis=1))
                    layers.append((hulls, tone))
                    if grow == 1.0:
                        outlines.append((hulls, edge))
        thickness = max(1, round(2 * self._edge_px))

        fill = _fills(layers)

        def paint(image: Image, index: int) -> None:
            for hulls, colours in outlines:
                cv2.polylines(image, [hulls[index]], True, colours[index], thickness, cv2.LINE_AA, _SHIFT)
            fill(image, index)

        return paint, self._camera.depth(0.5 * (pelvis + chest)) - 0.03

    def _ring(self, section: _Section, grow: float) -> Array:
        across = np.cos(_RING) * section.half_width * grow
        front = np.sin(_RING) * section.half_depth * grow
        points = (
            section.centre_t3[:, None, :]
            + across[None, :, None] * section.frame_t33[:, None, :, 1]
            + front[None, :, None] * section.frame_t33[:, None, :, 0]
        )
        flat = self._camera.project(points)
        if grow < 1.0:
            flat = flat + (0.22 * section.half_depth * self._px_per_m(section.centre_t3))[:, None, None] * (
                self._toward_light
            )
        return flat

    # -- head ----------------------------------------------------------------------------------

    def _head_part(self) -> tuple[Callable[[Image, int], None], Array]:
        posed, dims, who = self._posed, self._dims, self._subject
        g, r = dims.girth, dims.head_radius
        head, neck, frame = posed.joint("head"), posed.joint("neck"), posed.head_t33
        forward, up = frame[:, :, 0], frame[:, :, 2]
        skin, hair = SKIN_TONES[who.skin], HAIR_COLOURS[who.hair]
        throat = _Stroke(neck - 0.01 * up, head - 0.35 * r * up, 2.5 * g, 2.4 * g, skin, trim_start=1.0)
        nose = _Stroke(head + 0.7 * r * forward, head + (0.98 * forward - 0.12 * up) * r, 0.24 * r, 0.2 * r, skin)
        skull = _Stroke(head - 0.32 * r * up + 0.05 * r * forward, head + 0.25 * r * up, 0.78 * r, 0.9 * r, skin)
        scalp = self._scalp(head, frame, r)
        base = self._tinted(hair, head)
        lock_parts = self._locks(head, frame, r, hair)
        eyes = self._eyes(head, frame, r)
        throat_paint, nose_paint, skull_paint = (self._strokes_painter([stroke]) for stroke in (throat, nose, skull))
        hair_fill = _fills([(scalp, _colours(base * 0.95))]) if who.hair_kind != "bald" else None
        faces_away = (self._camera.depth(head + forward) - self._camera.depth(head)) > 0.0
        locks_nearer = [(paint, depth < self._camera.depth(head)) for paint, depth in lock_parts]

        def paint(image: Image, index: int) -> None:
            throat_paint(image, index)
            for lock, is_nearer in locks_nearer:
                if not is_nearer[index]:
                    lock(image, index)
            if faces_away[index]:
                nose_paint(image, index)
                skull_paint(image, index)
            else:
                skull_paint(image, index)
                nose_paint(image, index)
            eyes(image, index)
            if hair_fill is not None:
                hair_fill(image, index)
            for lock, is_nearer in locks_nearer:
                if is_nearer[index]:
                    lock(image, index)

        return paint, self._camera.depth(head) - 0.04

    def _scalp(self, head: Array, frame: Array, radius: float) -> list[Outline]:
        """Return the visible outline of the hair: the part of a sphere above and behind a slanting line."""
        steps = np.arange(160)
        height = 1.0 - 2.0 * (steps + 0.5) / len(steps)
        turn = steps * np.pi * (3.0 - np.sqrt(5.0))
        sphere = np.stack(
            [np.sqrt(1 - height**2) * np.cos(turn), np.sqrt(1 - height**2) * np.sin(turn), height], axis=1
        )
        sphere = sphere[sphere @ np.array([-0.74, 0.0, 0.67]) > 0.12]
        points = head[:, None, :] + 1.06 * radius * np.einsum("tij,pj->tpi", frame, sphere)
        points = points + 0.1 * radius * frame[:, None, :, 2]
        to_camera = self._camera.position_3 - head
        to_camera /= np.linalg.norm(to_camera, axis=1, keepdims=True)
        facing = np.einsum("tpi,ti->tp", points - head[:, None, :], to_camera) > -0.1 * radius
        flat = self._camera.project(points)
        empty = np.zeros((3, 1, 2), np.int32)
        return [_hull(_fixed(flat[t][facing[t]])) if facing[t].sum() >= 3 else empty for t in range(len(head))]

    def _locks(
        self, head: Array, frame: Array, radius: float, hair: Rgb
    ) -> list[tuple[Callable[[Image, int], None], Array]]:
        forward, up = frame[:, :, 0], frame[:, :, 2]
        back = head - 0.95 * radius * forward
        if self._subject.hair_kind == "bun":
            knot = back + 0.75 * radius * up
            stroke = _Stroke(knot, knot + 0.05 * radius * up, 0.45 * radius, 0.45 * radius, hair)
        elif self._subject.hair_kind == "ponytail":
            tail = back - 0.25 * radius * forward - 1.3 * radius * up
            stroke = _Stroke(back + 0.2 * radius * up, tail, 0.38 * radius, 0.22 * radius, hair)
        elif self._subject.hair_kind == "long":
            stroke = _Stroke(
                head - 0.4 * radius * forward,
                head - (0.55 * forward + 1.0 * up) * radius,
                0.85 * radius,
                0.7 * radius,
                hair,
            )
        else:
            return []
        return [(self._strokes_painter([stroke]), self._camera.depth(0.5 * (stroke.start_t3 + stroke.end_t3)))]

    def _eyes(self, head: Array, frame: Array, radius: float) -> Callable[[Image, int], None]:
        spots, shown = [], []
        to_camera = self._camera.position_3 - head
        to_camera /= np.linalg.norm(to_camera, axis=1, keepdims=True)
        for side in (1.0, -1.0):
            direction = np.einsum("tij,j->ti", frame, np.array([0.86, 0.38 * side, 0.12]))
            spots.append(_fixed(self._camera.project(head + 0.9 * radius * direction)).tolist())
            shown.append(np.einsum("ti,ti->t", direction, to_camera) > 0.2)
        size = np.maximum(8, np.round(0.13 * radius * self._px_per_m(head) * (1 << _SHIFT))).astype(int).tolist()

        def paint(image: Image, index: int) -> None:
            for spot, is_shown in zip(spots, shown, strict=True):
                if is_shown[index]:
                    cv2.circle(image, spot[index], size[index], (24, 20, 20), -1, cv2.LINE_AA, _SHIFT)

        return paint

    # -- shared --------------------------------------------------------------------------------

    def _px_per_m(self, points: Array) -> Array:
        return self._camera.focal_px / np.maximum(self._camera.depth(points), 0.3)

    def _tinted(self, rgb: Rgb | Array, places: Array) -> Array:
        """Return the colours t3 or ts3 of parts: what is farther than the trunk is darker, so limbs stay apart."""
        depth = self._camera.depth(places)
        reference = self._reference_depth.reshape(-1, *[1] * (depth.ndim - 1))
        behind = np.clip((depth - reference) / 0.35, -0.4, 1.0)
        return np.asarray(np.asarray(rgb, float) * (self._light * (1.0 - 0.2 * behind))[..., None])


def _shadow_lines(posed: Posed, dims: Dimensions, camera: Camera) -> Callable[[Image, int], None]:
    """Return a painter of the soft shadow that the body casts on the floor, darkest where it touches."""
    bones = [("pelvis", "chest", 9.0), ("chest", "head", 5.0)]
    for side in "lr":
        bones += [(f"{side}_hip", f"{side}_knee", 6.0), (f"{side}_knee", f"{side}_ankle", 4.0)]
        bones += [(f"{side}_heel", f"{side}_toe", 4.5), (f"{side}_shoulder", f"{side}_elbow", 4.0)]
        bones += [(f"{side}_elbow", f"{side}_hand", 3.2)]
    lines = []
    for start, end, radius in bones:
        ends, heights = [], []
        for name in (start, end):
            joint = posed.joint(name)
            heights.append(joint[:, 2])
            on_floor = joint * np.array([1.0, 1.0, 0.0]) + joint[:, 2:] * np.array([-0.12, 0.06, 0.0])
            ends.append(on_floor)
        strength = np.exp(-np.minimum(*heights) / 0.45)
        width = 2 * radius * dims.girth * camera.focal_px / np.maximum(camera.depth(ends[0]), 0.3) * 0.5
        points = [(np.clip(camera.project(end) / 2, -4000, 4000) * 16).astype(int).tolist() for end in ends]
        lines.append((points[0], points[1], np.maximum(1, width / 1.0).astype(int).tolist(), strength * 255))
    height, width_px = (camera.height_px + 1) // 2, (camera.width_px + 1) // 2
    mask = np.zeros((height, width_px), np.uint8)
    blur = max(3, int(min(height, width_px) / 22) | 1)
    order = np.argsort(np.stack([strength for *_, strength in lines], axis=1), axis=1).tolist()

    def paint(image: Image, index: int) -> None:
        mask[:] = 0
        for line in order[index]:
            start, end, thickness, strength = lines[line]
            cv2.line(mask, start[index], end[index], float(strength[index]), thickness[index], cv2.LINE_8, _SHIFT)
        soft = cv2.resize(cv2.blur(mask, (blur, blur)), (image.shape[1], image.shape[0]))
        keep = cv2.cvtColor(cv2.LUT(soft, _KEEP), cv2.COLOR_GRAY2RGB)
        cv2.multiply(image, keep, dst=image, scale=1.0 / 255.0)

    return paint


_KEEP = (255 - 0.55 * np.arange(256)).astype(np.uint8)


def _capsules(start: Array, end: Array, r_start: Array, r_end: Array) -> Outline:
    """Return the convex outlines tsk2 of tapered capsules, in fixed-point pixels."""
    along = end - start
    length = np.maximum(np.sqrt(np.sum(along * along, axis=2)), 1e-6)
    heading = np.arctan2(along[..., 1], along[..., 0])
    half = np.arccos(np.clip((r_start - r_end) / length, -1.0, 1.0))
    tip = heading[..., None] + half[..., None] * _ARC
    tail = heading[..., None] + np.pi + (np.pi - half)[..., None] * _ARC
    angles = np.concatenate([tip, tail], axis=2)
    is_tip = np.arange(angles.shape[2]) < len(_ARC)
    radius = np.where(is_tip, r_end[..., None], r_start[..., None])
    centre = np.where(is_tip[:, None], end[:, :, None, :], start[:, :, None, :])
    return _fixed(centre + radius[..., None] * np.stack([np.cos(angles), np.sin(angles)], axis=3))


def _hulls(points_tk2: Array) -> list[Outline]:
    return [_hull(points) for points in _fixed(points_tk2)]


def _hull(points_k2: Outline) -> Outline:
    return np.asarray(cv2.convexHull(points_k2), np.int32)


def _fills(layers: list[_Layer]) -> Callable[[Image, int], None]:
    fill, smooth, shift = cv2.fillConvexPoly, cv2.LINE_AA, _SHIFT

    def paint(image: Image, index: int) -> None:
        for outlines, colours in layers:
            fill(image, outlines[index], colours[index], smooth, shift)

    return paint


def _fixed(points: Array) -> Outline:
    return np.round(np.clip(points, -8000.0, 8000.0) * (1 << _SHIFT)).astype(np.int32)


def _colours(rgb_t3: Array) -> list[Colour]:
    return [(row[0], row[1], row[2]) for row in np.clip(rgb_t3, 0, 255).tolist()]
