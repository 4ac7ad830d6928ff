from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from companion.data.scene_world import Kind
from companion.tasks.driving import Drives, Perception, Rules, Simulation, blind, drive, look
from companion.tasks.driving_env import DrivingEnv
from companion.tasks.driving_planner import Planner
from companion.tasks.driving_simulation import LENGTH, RANGE, STEP, WIDTH
from companion.tasks.driving_traffic import FREE, HARDEST, Driver, follow, leaders


def test_the_follower_keeps_the_models_equilibrium_gap():
    """Where acceleration and closing speed are 0: s = (s0 + v T) / sqrt(1 - (v / v0)^4)."""
    driver, speed, desired = Driver(), 10.0, 15.0
    gap = (driver.standstill + speed * driver.headway) / np.sqrt(1 - (speed / desired) ** 4)
    assert follow(speed, desired, gap, 0.0, driver) == pytest.approx(0, abs=1e-12)
    assert follow(speed, desired, gap - 1, 0.0, driver) < 0 < follow(speed, desired, gap + 1, 0.0)


def test_the_follower_reaches_its_speed_and_never_hits_a_car_that_stops():
    speed, place, leader, leader_speed = 15.0, 0.0, 60.0, 15.0
    for _ in range(600):
        gap = leader - place - 4.4
        acceleration = float(follow(speed, 15.0, gap, speed - leader_speed))
        assert acceleration >= -HARDEST
        speed = max(speed + 0.05 * acceleration, 0)
        place, leader = place + 0.05 * speed, leader + 0.05 * leader_speed
        leader_speed = max(leader_speed - 0.05 * 4, 0)
        assert gap > 0
    assert speed < 0.3
    assert 1.5 < leader - place - 4.4 < 4
    free = 0.0
    for _ in range(2000):
        free += 0.05 * float(follow(free, 15.0, FREE, 0.0))
    assert free == pytest.approx(15, abs=0.3)


def test_leaders_are_those_of_a_slow_search():
    generator = np.random.default_rng(0)
    along, lateral = generator.uniform(0, 80, (3, 7)), generator.uniform(0, 10, (3, 7))
    speed = generator.uniform(0, 15, (3, 7))
    size = generator.uniform((3, 1.6, 1.4), (9, 2.5, 3), (3, 7, 3))
    gap, closing = leaders(along, lateral, speed, size)
    for e in range(3):
        for i in range(7):
            best, pace = FREE, speed[e, i]
            for j in range(7):
                reach = (size[e, i, 1] + size[e, j, 1]) / 2 + 0.2
                if along[e, j] > along[e, i] and abs(lateral[e, i] - lateral[e, j]) < reach:
                    free = along[e, j] - along[e, i] - (size[e, i, 0] + size[e, j, 0]) / 2
                    if free < best:
                        best, pace = free, speed[e, j]
            assert gap[e, i] == pytest.approx(best)
            assert closing[e, i] == pytest.approx(speed[e, i] - pace)


def test_perfect_eyes_hit_nothing_and_closed_eyes_do():
    seeing, unseeing = (drive(Simulation(300, seed=5), see) for see in (None, blind))
    assert not seeing.collided.any()
    assert unseeing.collided.mean() > 0.6
    assert unseeing.hit_person.sum() > 10
    assert seeing.changes.sum() > 5


def test_a_person_who_steps_out_is_not_hit_by_perfect_eyes():
    simulation = Simulation(200, seed=6, person=1.0)
    result = drive(simulation)
    assert not result.collided.any()
    crossed = simulation.others.lateral[:, -1] < simulation.road.right - 2
    assert crossed.mean() > 0.5
    assert result.hard_braking.mean() > 0.3


def test_episodes_do_not_depend_on_each_other_and_the_seed_decides_all():
    first, second = drive(Simulation(40, seed=3)), drive(Simulation(40, seed=3))
    np.testing.assert_array_equal(first.trace["speed"], second.trace["speed"])
    simulation = Simulation(40, seed=3)
    others = simulation.others  # in episode 7 a car stands in the way
    others.along[7, 0], others.lateral[7, 0] = 30, simulation.lateral[7]
    others.speed[7, 0], others.desired[7, 0] = 0, 0.01
    changed = drive(simulation)
    same = np.arange(40) != 7
    np.testing.assert_array_equal(first.trace["speed"][:, same], changed.trace["speed"][:, same])
    assert not np.array_equal(first.trace["speed"][:, 7], changed.trace["speed"][:, 7])


def test_joined_drives_are_those_of_their_parts_in_order():
    parts = [drive(Simulation(count, seed=count), blind, seconds=2) for count in (3, 1)]
    joined = Drives.join(parts)
    for name in ("collided", "hit_person", "hard_braking", "jerk", "distance", "changes"):
        whole = getattr(joined, name)
        np.testing.assert_array_equal(whole[:3], getattr(parts[0], name))
        np.testing.assert_array_equal(whole[3:], getattr(parts[1], name))
    for name, whole in joined.trace.items():
        np.testing.assert_array_equal(whole[:, :3], parts[0].trace[name])
        np.testing.assert_array_equal(whole[:, 3:], parts[1].trace[name])


def test_drives_of_different_length_or_none_are_not_joined():
    parts = [drive(Simulation(1, seed=0), blind, seconds=seconds) for seconds in (1, 2)]
    for given, steps in ((parts, r"\[4, 8\]"), ([], r"\[\]")):
        with pytest.raises(ValueError, match=f"got {steps} steps; drive all"):
            Drives.join(given)


def alone(place=30.0, kind=Kind.CAR, speed=0.0):
    """One car at rest before ours, on an otherwise empty road."""
    simulation = Simulation(1, seed=0, person=0, weather="clear", light="day")
    simulation.lateral[:] = simulation.road.middle(1)
    simulation.speed[:] = 12.0
    others = simulation.others
    others.along[:] = -1e4
    others.lateral[:] = simulation.road.middle(1)
    others.along[0, 0] = place
    others.kind[0, 0], others.size[0, 0], others.speed[0, 0] = kind, (4.4, 1.8, 1.5), speed
    others.brake_from[:] = 1e6
    return simulation


def test_a_full_stop_takes_the_way_that_physics_says():
    simulation = alone(place=500.0)
    for _ in range(20):
        simulation.step(np.array([-100.0]), np.zeros(1))
    # v^2 / 2a at full force, and the engine's lag costs about v times its time constant
    assert simulation.along[0] == pytest.approx(12**2 / 2 / 8 + 12 * 0.25, rel=0.05)
    assert simulation.speed[0] == 0


def test_touching_is_where_rectangles_overlap():
    for offset, hit in ((WIDTH - 0.1, True), (WIDTH + 0.1, False)):
        simulation = alone(place=10.0)
        simulation.others.lateral[0, 0] += offset
        for _ in range(8):
            simulation.step(np.zeros(1), np.zeros(1))
        assert bool(simulation.hit[0] == Kind.CAR) == hit
        if hit:
            assert simulation.along[0] == pytest.approx(10 - LENGTH, abs=12 * STEP / 3 + 0.01)
            stopped = simulation.along.copy()
            simulation.step(np.ones(1), np.zeros(1))
            np.testing.assert_array_equal(simulation.along, stopped)


def test_leaving_the_road_ends_an_episode():
    simulation = alone(place=900.0)
    for _ in range(24):
        simulation.step(np.zeros(1), np.array([0.1]))
    assert not simulation.running[0]


def test_the_truth_names_paths_gaps_and_closing_speeds():
    simulation = alone(place=30.0, speed=5.0)
    seen = simulation.truth()
    assert seen.present.tolist() == [[False, True, False]]
    assert seen.gap[0].tolist() == pytest.approx([RANGE, 30 - LENGTH, RANGE])
    assert seen.closing[0].tolist() == pytest.approx([0, 7, 0])
    simulation.others.lateral[0, 0] -= simulation.road.lane_width
    assert simulation.truth().present.tolist() == [[True, False, False]]
    simulation.others.along[0, 0] = 500.0
    assert not simulation.truth().present.any()


def test_lanes_are_changed_only_with_room_ahead_and_beside():
    free = alone(place=25.0, speed=6.0)
    planner = Planner(free)
    planner.decide(free.truth())
    assert planner.lane[0] in (0, 2)
    for blocked in (-3.0, 8.0):
        simulation = alone(place=25.0, speed=6.0)
        others = simulation.others
        others.lateral[0, 1:3] = simulation.road.middle(np.array([0, 2]))
        others.along[0, 1:3], others.speed[0, 1:3] = blocked, 6.0
        planner = Planner(simulation)
        planner.decide(simulation.truth())
        assert planner.lane[0] == 1


def test_eyes_get_pictures_of_the_episodes_that_still_run():
    shapes, speeds = [], []

    def see(pictures, speed):
        shapes.append(pictures.shape)
        speeds.append(speed)
        return Perception.nothing(len(pictures))

    result = drive(Simulation(6, seed=2), see, seconds=5)
    by_blind = drive(Simulation(6, seed=2), blind, seconds=5)
    np.testing.assert_array_equal(result.collided, by_blind.collided)
    assert shapes[0] == (6, 2, 40, 96, 3)
    counts = [shape[0] for shape in shapes]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] >= (~result.collided).sum()


def test_records_hold_the_truth_of_each_picture():
    kept = []
    drive(
        Simulation(3, seed=2), seconds=2,
        record=lambda rows, pictures, speed, truth: kept.append((rows, pictures, speed, truth)),
    )  # fmt: skip
    assert len(kept) == 8
    rows, pictures, speed, truth = kept[4]
    assert pictures.shape[:2] == (3, 2)
    assert len(rows) == len(speed) == len(truth.gap) == 3
    assert not np.array_equal(pictures[:, 0], pictures[:, 1])


def test_what_is_drawn_is_where_the_truth_is():
    simulation = alone(place=20.0)
    from companion.data.scenes import render

    frame = render(simulation.world(0), simulation.camera(0, 192, 80))
    car = frame.labels.tolist().index(Kind.CAR)
    gap = simulation.truth().gap[0, 1]
    assert frame.distance[car] == pytest.approx(gap + 1.5, abs=1e-4)  # the camera's place
    x1, _, x2, _ = frame.boxes[car]
    assert x1 < 96 < x2
    assert look(simulation, 0, np.random.default_rng(0)).shape == (40, 96, 3)


def test_gymnasiums_own_check_passes():
    env = DrivingEnv(seconds=3, render_mode="rgb_array")
    check_env(env, skip_render_check=True)  # needs a registered name
    assert env.render().shape == (200, 480, 3)
    assert DrivingEnv().render() is None
    with pytest.raises(RuntimeError, match=r"reset\(\) before the first render"):
        DrivingEnv(render_mode="rgb_array").render()


def test_an_episode_of_the_environment_ends_by_time_or_by_collision():
    env = DrivingEnv(seconds=4, weather="clear", light="day", person=0.0)
    env.reset(seed=1)
    ends = [env.step(np.array([-1.0, 0.0], np.float32))[2:4] for _ in range(16)]
    assert ends[-1] == (False, True)
    assert not any(truncated for _, truncated in ends[:-1])
    rewards, crashed = [], False
    env = DrivingEnv(seconds=30)
    env.reset(seed=4)
    while not crashed:
        _, reward, crashed, truncated, info = env.step(np.array([1.0, 0.0], np.float32))
        rewards.append(reward)
        assert not truncated
    assert info["hit"] >= 0
    assert rewards[-1] < -15 < 0 < rewards[0]


def test_bad_settings_are_named():
    with pytest.raises(ValueError, match="episodes start at 1"):
        Simulation(0)
    with pytest.raises(ValueError, match="share"):
        Simulation(1, person=1.5)
    with pytest.raises(ValueError, match="weather and light are among"):
        look(Simulation(1, weather="snow"), 0, np.random.default_rng(0))
    with pytest.raises(ValueError, match="render_mode"):
        DrivingEnv(render_mode="human")
    with pytest.raises(ValueError, match="at least one step"):
        DrivingEnv(seconds=0.1)
    with pytest.raises(RuntimeError, match="reset"):
        DrivingEnv().step(np.zeros(2, np.float32))


def test_rules_can_be_replaced():
    gentle = replace(Rules(), gain=1e6)
    assert drive(Simulation(100, seed=5), rules=gentle).changes.sum() == 0


def test_fog_of_a_given_visibility_hides_what_is_far_and_not_what_is_near():
    def contrast(place, visibility):
        simulation = Simulation(
            1, seed=0, person=0, weather="fog", light="day", visibility=visibility
        )
        here = alone(place=place)
        simulation.lateral, simulation.others = here.lateral, here.others
        picture = look(simulation, 0, np.random.default_rng(0), width=192, height=80)
        return picture[14:24, 90:102].astype(float).std()

    assert contrast(45.0, 20.0) < contrast(45.0, 2000.0) / 5
    assert contrast(9.0, 20.0) > contrast(45.0, 20.0) * 2
