from dataclasses import replace

import numpy as np
import pytest
import torch

from companion.data.scene_camera import Camera
from companion.data.scene_sampling import random_camera, random_world
from companion.data.scene_world import CLASSES, Kind, Road, Things, World
from companion.data.scenes import Frame, draw_scenes, draw_sequence, render, render_all

CAMERA = Camera(128, 128, lateral=1.75)


def one(kind=Kind.CAR, lateral=1.75, along=20.0, **given):
    return World(Road(), Things.make(kind, lateral, along, **given))


def test_a_point_stands_where_similar_triangles_say():
    camera = Camera(100, 80, view=90, lateral=1.0, along=5.0, eye=1.5, horizon=0.5)
    u, v, depth = camera.project(np.array([3.0]), np.array([25.0]), np.array([0.5]))
    assert depth.item() == 20
    assert u.item() == pytest.approx(50 + 50 * 2 / 20)
    assert v.item() == pytest.approx(40 + 50 * 1.0 / 20)


def test_a_bend_is_an_arc_of_a_circle():
    camera = Camera(lateral=0.0)
    radius, arc = 500.0, 30.0
    u, _, depth = camera.project(np.zeros(1), np.array([arc]), np.zeros(1), curve=1 / radius)
    offset = (u.item() - 64) * depth.item() / camera.focal
    assert offset == pytest.approx(radius * (1 - np.cos(arc / radius)), rel=1e-3)


@pytest.mark.parametrize("kind", [Kind.CAR, Kind.TRUCK, Kind.BUS, Kind.PERSON, Kind.SIGN])
def test_the_box_is_the_projected_thing(kind):
    world = one(kind, along=16.0)
    frame = render(world, CAMERA)
    length, width, height = world.things.size[0]
    near = 16.0 - length / 2
    left, bottom, _ = CAMERA.project(1.75 - width / 2, near, 0.0)
    right, top, _ = CAMERA.project(1.75 + width / 2, near, height)
    share = 0.2 if kind == Kind.PERSON else 0.0  # arms do not fill the whole width
    assert frame.labels.tolist() == [kind]
    np.testing.assert_allclose(frame.boxes[0, [1, 3]], [top, bottom], atol=1.6)
    np.testing.assert_allclose(
        frame.boxes[0, [0, 2]], [left, right], atol=1.6 + share * (right - left)
    )


def test_boxes_masks_and_occlusion_belong_together():
    scenes = draw_scenes(24, seed=3)
    assert sum(map(len, scenes.boxes)) > 40
    for i in range(len(scenes)):
        for box, label, identity, hidden in zip(
            scenes.boxes[i], scenes.labels[i], scenes.identities[i], scenes.occlusion[i],
            strict=True,
        ):  # fmt: skip
            mask = scenes.instance[i] == identity
            rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
            tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert box.tolist() == tight
            assert (scenes.category[i][mask] == label).all()
            assert 0 <= hidden <= 0.75
            assert mask.sum() >= 16


def test_a_wall_before_a_car_hides_it():
    car = Things.make(Kind.CAR, 1.75, 28.0, identity=7)
    bus = Things.make(Kind.BUS, 1.75 - 1.4, 18.0, size=(2.0, 2.6, 3.0), identity=8)
    alone = render(World(Road(), car), CAMERA)
    both = render(World(Road(), Things.join(car, bus)), CAMERA)
    assert alone.occlusion.tolist() == [0]
    at = both.identities.tolist().index(7)
    left = (both.owner == 0).sum() / (alone.owner == 0).sum()
    assert 0.25 < left < 0.9
    assert both.occlusion[at] == pytest.approx(1 - left, abs=0.02)
    wide = replace(bus, size=np.array([[2.0, 6.0, 3.0]]))
    hidden = render(World(Road(), Things.join(car, wide)), CAMERA)
    assert hidden.identities.tolist() == [8]


def test_a_car_is_painted_over_the_longer_bus_beside_it_that_begins_nearer():
    bus = Things.make(Kind.BUS, 5.25, 17.0, size=(14.0, 2.5, 3.1))
    car = Things.make(Kind.CAR, 2.6, 19.0)
    camera = replace(CAMERA, lateral=0.5)
    together = render(World(Road(), Things.join(bus, car)), camera)
    alone = render(World(Road(), car), camera)
    assert (together.owner == 1).sum() == (alone.owner == 0).sum()


def test_depth_is_that_of_the_plane_that_a_pixel_shows():
    frame = render(one(along=20.0), CAMERA)
    row, column = 110, 64  # the road
    expected = CAMERA.focal * CAMERA.eye / (row + 0.5 - CAMERA.skyline)
    assert frame.depth[row, column] == pytest.approx(expected, rel=1e-5)
    assert np.isinf(frame.depth[5]).all()
    x1, _, x2, y2 = frame.boxes[0].astype(int)
    lower = frame.depth[y2 - 4, x1 + 3 : x2 - 3]
    np.testing.assert_allclose(lower, 20 - 4.4 / 2, rtol=0.02)
    side = render(one(Kind.BUS, lateral=5.25, along=16.0), CAMERA)
    bus = np.where(side.owner == 0, side.depth, np.nan)
    middle = bus[np.nanargmin(np.abs(np.arange(128) - 62))]
    columns = np.flatnonzero(np.isfinite(middle))
    u = columns[2] + 0.5
    on_flank = CAMERA.focal * (5.25 - 1.25 - 1.75) / (u - 64)
    assert middle[columns[2]] == pytest.approx(on_flank, rel=0.05)


def test_the_seed_decides_all_and_scene_i_does_not_depend_on_the_count():
    first, second = draw_scenes(3, seed=1), draw_scenes(5, seed=1)
    assert torch.equal(first.images, second.images[:3])
    assert not torch.equal(first.images, draw_scenes(3, seed=2).images)


def test_fog_takes_contrast_with_distance_as_koschmieder_says():
    """3 / visibility is the rate at which 5 % are left after the visibility."""
    house = Things.make(Kind.HOUSE, 1.75, 65.0, color=0.0)
    far = World(Road(), house, visibility=60.0, weather="fog")
    clear = replace(far, visibility=1e9)
    there = render(clear, CAMERA, noise=0).owner == 0
    fog = (198, 201, 204)
    in_fog = render(far, CAMERA, noise=0).image[there].astype(float) - fog
    in_clear = render(clear, CAMERA, noise=0).image[there].astype(float) - fog
    dark = in_clear.min(axis=1) < -90
    ratio = in_fog[dark].sum() / in_clear[dark].sum()
    assert ratio == pytest.approx(np.exp(-3 * 60 / 60), rel=0.25)


def test_night_is_darker_than_day_and_braking_can_be_seen():
    day, night = (
        render(replace(one(), light=light), CAMERA).image.mean() for light in ("day", "night")
    )
    assert night < day / 3
    off, on = (render(one(braking=b), CAMERA).image[..., 0].astype(int) for b in (False, True))
    assert (on - off).max() > 60


def test_in_a_sequence_things_move_as_their_speed_says():
    sequence = draw_sequence(12, seed=4, rate=10)
    assert len(sequence) == 12
    kept = set.intersection(*(set(ids.tolist()) for ids in sequence.identities))
    assert kept
    for identity in kept:
        at = [ids.tolist().index(identity) for ids in sequence.identities]
        labels = {int(sequence.labels[i][row]) for i, row in enumerate(at)}
        assert len(labels) == 1
        distance = np.array([float(sequence.distance[i][row]) for i, row in enumerate(at)])
        steps = np.diff(distance)
        np.testing.assert_allclose(steps, steps[0], atol=1e-3)


def test_the_mixture_of_scenes_has_every_class_weather_and_light():
    scenes = draw_scenes(120, size=64, seed=0)
    labels = torch.cat(scenes.labels).bincount(minlength=len(CLASSES))
    assert (labels > 10).all()
    assert set(scenes.weather) == {"clear", "cloudy", "rain", "fog"}
    assert set(scenes.light) == {"day", "dusk", "night"}


def test_an_empty_road_has_no_boxes():
    frame = render(World(Road(), Things.make(Kind.CAR, [], [])), CAMERA)
    assert frame.boxes.shape == (0, 4)
    assert (frame.owner == -1).all()
    assert len(draw_scenes(0)) == 0


def test_things_behind_the_camera_are_not_drawn_and_things_beside_it_are_cut():
    assert len(render(one(along=-10.0), CAMERA).boxes) == 0
    beside = render(one(Kind.BUS, lateral=-2.5, along=5.0), CAMERA)
    assert beside.boxes[0, 0] == 0
    assert np.isfinite(beside.depth[beside.owner == 0]).all()


@pytest.mark.parametrize("weather", ["clear", "rain", "fog"])
@pytest.mark.parametrize("light", ["day", "night"])
def test_any_shape_of_picture_can_be_drawn(weather, light):
    generator = np.random.default_rng(5)
    world, lateral = random_world(generator, weather=weather, light=light)
    for width, height, horizon in ((97, 40, 0.45), (40, 97, 0.0), (64, 64, 1.0)):
        camera = Camera(width, height, lateral=lateral, horizon=horizon)
        frame = render(world, camera)
        assert frame.image.shape == (height, width, 3)
        assert frame.depth.shape == (height, width)


def test_pictures_drawn_together_are_those_drawn_one_by_one():
    worlds, cameras = [], []
    for number in range(40):  # more than are placed at once
        generator = np.random.default_rng(number)
        world, lateral = random_world(generator)
        if number % 5 == 0:
            world = replace(world, things=world.things.take([]))
        worlds.append(world)
        cameras.append(Camera(48 + 16 * (number % 3), 40 + 24 * (number % 2), lateral=lateral))
    together = render_all(worlds, cameras, [np.random.default_rng(n) for n in range(40)])
    assert sum(len(frame.boxes) for frame in together) > 40
    for number, (world, camera, frame) in enumerate(zip(worlds, cameras, together, strict=True)):
        alone = render(world, camera, generator=np.random.default_rng(number))
        for name in Frame.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(frame, name), getattr(alone, name), name)
    assert render_all([], [], []) == []


def test_one_generator_serves_several_pictures_in_turn():
    world = one(along=12.0)
    world = replace(world, weather="rain")
    shared = np.random.default_rng(7)
    together = render_all([world] * 3, [CAMERA] * 3, [shared] * 3)
    again = np.random.default_rng(7)
    for frame in together:
        np.testing.assert_array_equal(frame.image, render(world, CAMERA, generator=again).image)
    assert not np.array_equal(together[0].image, together[1].image)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="got 2 worlds, 1 cameras and 2 generators"):
        render_all([one()] * 2, [CAMERA], [np.random.default_rng(0)] * 2)
    with pytest.raises(ValueError, match="weather is one of"):
        draw_scenes(1, weather="snow")
    with pytest.raises(ValueError, match="at least 16 x 16"):
        draw_scenes(1, size=8)
    with pytest.raises(ValueError, match="0 or more"):
        draw_scenes(-1)
    with pytest.raises(ValueError, match="rate positive"):
        draw_sequence(1, rate=0)
    with pytest.raises(ValueError, match="angle of view"):
        Camera(view=180)
    with pytest.raises(ValueError, match="positive number of metres"):
        World(Road(), Things.make(Kind.CAR, [], []), visibility=0)
    with pytest.raises(ValueError, match="finite place"):
        one(along=np.nan)
    with pytest.raises(ValueError, match="positive length"):
        one(size=(4.0, 0.0, 1.0))


def test_random_cameras_look_along_the_road():
    generator = np.random.default_rng(0)
    camera = random_camera(generator, 96, 1.75)
    assert (camera.width, camera.height, camera.lateral) == (96, 96, 1.75)
