"""Drifting scenes, settings, streams and their environments."""

import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from scipy import ndimage, stats
from skimage.filters import unsharp_mask
from torch import nn

from companion.data.digits import all_digits
from companion.tasks import drifting_settings as settings
from companion.tasks.drifting_env import DriftingEnv, DriftingVectorEnv
from companion.tasks.drifting_scenes import AIR, SCENES, Scene, degrade, drift
from companion.tasks.drifting_streams import Streams, Table, decision_process, play, tabulate


@pytest.fixture(scope="module")
def pictures():
    images, labels = all_digits()
    images = nn.functional.interpolate(images[:80], size=(16, 16), mode="bilinear")
    return images, labels[:80]


@pytest.fixture(scope="module")
def table(pictures):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(256, 10))
    return tabulate(model, *pictures, generator=torch.Generator().manual_seed(0))


def test_each_part_of_a_scene_does_what_it_says(pictures):
    images, _ = pictures

    def take(**parts):
        return degrade(images, Scene(**parts), generator=torch.Generator().manual_seed(1))

    clear = take()
    assert (clear - images).abs().mean() < 0.02
    assert take(light=0.5).mean() == pytest.approx(images.mean().item() / 2, abs=0.01)
    fog = take(contrast=0.25)
    assert fog.mean() == pytest.approx(0.25 * images.mean().item() + 0.75 * AIR, abs=0.005)
    assert fog.std() == pytest.approx(0.25 * images.std().item(), abs=0.01)
    white = (take(noise=0.3)[images < 0.5] > 0.9).float().mean()
    assert white.item() == pytest.approx(0.3, abs=0.01)
    one = images[3, 0].double().numpy()
    expected = ndimage.gaussian_filter(one, 1.4, mode="nearest")
    assert np.abs(take(blur=1.4)[3, 0].numpy() - expected).max() < 0.1
    assert np.abs(take(blur=1.4)[3, 0].numpy() - expected).mean() < 0.02


def test_the_same_generator_gives_the_same_noise(pictures):
    first, again, other = (
        degrade(pictures[0], SCENES["snow 2"], generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_settings_agree_with_scipy_and_scikit_image(pictures):
    images = degrade(pictures[0], SCENES["snow 2"])
    one = images[5, 0].numpy()
    medians = ndimage.median_filter(one, size=3, mode="nearest")
    np.testing.assert_array_equal(settings.median(images)[5, 0], medians)
    padded = np.pad(one, 8, mode="edge")  # scikit-image mirrors what is beyond the edge
    sharp = unsharp_mask(padded, radius=1.5, amount=3.0)[8:-8, 8:-8]
    np.testing.assert_allclose(settings.sharpen(images)[5, 0], sharp, atol=1e-5)
    ranks = (stats.rankdata(one) - 1).reshape(one.shape) / (one.size - 1)
    np.testing.assert_allclose(settings.equalise(images)[5, 0], ranks, atol=1e-6)
    low, high = np.quantile(one, [0.02, 0.98])
    stretched = np.clip((one - low) / (high - low), 0, 1)
    np.testing.assert_allclose(settings.stretch(images)[5, 0], stretched, atol=1e-5)
    assert settings.halve(images).shape == images.shape
    assert settings.halve(images).std() < images.std()


def test_every_setting_keeps_values_in_range_and_images_apart(pictures):
    images = degrade(pictures[0], SCENES["fog 2"])
    for name, prepare in settings.SETTINGS.items():
        prepared = prepare(images)
        assert prepared.shape == images.shape, name
        assert prepared.min() >= 0, name
        assert prepared.max() <= 1, name
        torch.testing.assert_close(prepare(images[7:8]), prepared[7:8])


def test_statistics_tell_night_fog_rain_and_snow_apart(pictures):
    images, _ = pictures
    seen = {name: settings.describe(degrade(images, scene)) for name, scene in SCENES.items()}
    mean = {
        name: dict(zip(settings.STATISTICS, each.mean(dim=0).tolist(), strict=True))
        for name, each in seen.items()
    }
    assert mean["night 3"]["quantile 98 %"] < mean["night 1"]["quantile 98 %"] < 0.5
    assert mean["fog 3"]["quantile 2 %"] > mean["fog 1"]["quantile 2 %"] > 0.3
    assert mean["rain 3"]["edges"] < mean["rain 1"]["edges"] < mean["clear"]["edges"]
    assert mean["snow 3"]["specks"] > mean["snow 1"]["specks"] > 2 * mean["clear"]["specks"]
    everything = torch.cat(list(seen.values()))
    assert everything.min() >= 0
    assert everything.max() <= 1


@pytest.mark.parametrize("name", ["weather", "rounds", "sudden", "still"])
def test_drifts_are_chains_that_visit_every_scene_equally_often(name):
    chain = drift(name, dwell=10)
    assert set(chain.scenes) == set(SCENES)
    np.testing.assert_allclose(chain.transition.sum(axis=1), 1)
    np.testing.assert_allclose(chain.transition.sum(axis=0), 1)  # so the uniform one stays
    assert (chain.transition >= 0).all()
    changes = 1 - np.diag(chain.transition).mean()
    assert changes == pytest.approx(0 if name == "still" else 1 / 10)


def test_weather_gets_better_or_worse_by_one_step():
    chain = drift("weather")
    names = chain.scenes
    assert chain.transition[names.index("night 2"), names.index("fog 2")] == 0
    assert chain.transition[names.index("night 2"), names.index("night 3")] > 0
    assert chain.transition[names.index("clear"), names.index("night 2")] == 0
    rounds = drift("rounds", dwell=1)
    state, seen = 0, []
    for _ in range(len(rounds.scenes)):
        seen.append(rounds.scenes[state])
        state = int(rounds.transition[state].argmax())
    assert seen[:7] == ["clear", "night 1", "night 2", "night 3", "night 2", "night 1", "clear"]
    assert state == 0


def test_the_table_says_what_the_recogniser_says(pictures):
    images, labels = pictures
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(256, 10))
    scenes = {"as they are": Scene(), "dark": SCENES["night 3"]}
    chosen = {name: settings.SETTINGS[name] for name in ("as it is", "median")}
    table = tabulate(
        model,
        images,
        labels,
        settings=chosen,
        scenes=scenes,
        generator=torch.Generator().manual_seed(3),
    )
    generator = torch.Generator().manual_seed(3)
    for scene, state in enumerate(scenes.values()):
        seen = degrade(images, state, generator=generator)
        for number, prepare in enumerate(chosen.values()):
            right = model(prepare(seen)).argmax(dim=1) == labels
            assert table.right[scene, number].tolist() == right.tolist()
            assert table.accuracy()[scene, number] == pytest.approx(right.float().mean().item())


def known(scenes=("clear", "night 1"), pictures=4):
    """A table in which setting 0 is always right in the first scene and setting 1 in the others."""
    right = np.zeros((len(scenes), 2, pictures), bool)
    right[0, 0], right[1:, 1] = True, True
    statistics = np.zeros((len(scenes), pictures, len(settings.STATISTICS)), np.float32)
    statistics[1:] = 1
    return Table(right, statistics, scenes, ("zero", "one"))


def test_a_frame_at_which_the_setting_changes_is_lost_and_the_mean_follows():
    chain = drift("still")._replace(scenes=("night 1",), transition=np.ones((1, 1)))
    streams = Streams(known(), chain, memory=0.5)
    first = streams.reset(np.random.default_rng(0))
    assert first.shape == (1, streams.width)
    streams.setting = np.array([0])
    rewards = []
    for action in (0, 1, 1, 0, 1):
        observation, reward = streams.step(np.array([action]))
        rewards.append(reward[0])
    assert rewards == [0, 0, 1, 0, 0]
    assert observation[0, -2:].tolist() == [0, 1]
    streams.table.statistics[:] = 0
    observation, _ = streams.step(np.array([1]))
    assert observation[0, 0] == 0
    assert observation[0, 9] == 0.5


def test_scenes_and_pictures_do_not_depend_on_actions(table):
    chain, generator = drift("weather", dwell=5), np.random.default_rng
    streams = Streams(table, chain, 7)
    one = play(streams, lambda o, s: np.zeros(7, int), frames=50, generator=generator(4))
    random = generator(9)
    two = play(streams, lambda o, s: random.integers(8, size=7), frames=50, generator=generator(4))
    np.testing.assert_array_equal(one.states, two.states)
    assert not np.array_equal(one.rewards, two.rewards)
    assert (np.diff(one.states, axis=0) != 0).mean() == pytest.approx(0.2, abs=0.1)
    assert not two.rewards[two.changed].any()
    random = generator(9)
    streams = Streams(table, chain, 7, lossless=True)
    free = play(streams, lambda o, s: random.integers(8, size=7), frames=50, generator=generator(4))
    assert free.rewards[two.changed].any()
    np.testing.assert_array_equal(free.rewards[~two.changed], two.rewards[~two.changed])


def test_the_decision_process_foretells_what_streams_give(table):
    chain = drift("weather", dwell=5)
    transition, reward = decision_process(table, chain)
    np.testing.assert_allclose(transition.sum(axis=2), 1)
    generator = np.random.default_rng(0)
    rule = generator.integers(8, size=len(reward))  # an action for each state, any will do
    size = len(rule)
    chained = transition[rule, np.arange(size)]
    share = np.linalg.matrix_power(chained, 4096).mean(axis=0)
    expected = share @ reward[np.arange(size), rule]
    played = play(
        Streams(table, chain, 500),
        lambda o, s: rule[s.state * 8 + s.setting],
        frames=400,
        generator=generator,
    )
    assert played.rewards.mean() == pytest.approx(expected, abs=0.01)


def test_gymnasium_finds_no_fault(table):
    check_env(DriftingEnv(table, drift("weather"), frames=20), skip_render_check=True)


def test_an_episode_is_cut_off_and_its_seed_decides_all(table):
    env = DriftingEnv(table, drift("sudden", dwell=2), frames=6)
    runs = []
    for seed in (3, 3, 4):
        observation, info = env.reset(seed=seed)
        run = [(observation.tolist(), info["scene"])]
        for frame in range(6):
            observation, reward, terminated, truncated, info = env.step(frame % 3)
            run.append((observation.tolist(), reward, info["scene"]))
            assert not terminated
            assert truncated == (frame == 5)
        runs.append(run)
    assert runs[0] == runs[1] != runs[2]


def test_many_streams_are_the_same_environment(table):
    chain = drift("sudden", dwell=2)
    many, one = DriftingVectorEnv(table, chain, 1, frames=5), DriftingEnv(table, chain, frames=5)
    observations, _ = many.reset(seed=8)
    observation, _ = one.reset(seed=8)
    for frame in range(13):
        np.testing.assert_array_equal(observations[0], observation)
        observations, rewards, terminated, truncated, infos = many.step(np.array([frame % 4]))
        observation, reward, _, over, _ = one.step(frame % 4)
        assert (rewards[0], terminated[0], truncated[0]) == (reward, False, over)
        if over:
            np.testing.assert_array_equal(infos["final_obs"][0], observation)
            observation, _ = one.reset()
    assert DriftingVectorEnv(table, chain, 9).reset(seed=0)[0].shape == (9, one.streams.width)
    assert many.action_space.contains(np.array([7]))


@pytest.mark.parametrize("action", [-1, 8, 1.5, 2.0])
def test_an_action_out_of_range_is_refused_and_changes_nothing(table, action):
    env = DriftingEnv(table, drift("weather"))
    env.reset(seed=0)
    before = env.streams.setting.copy()
    with pytest.raises(ValueError, match="a whole number from 0 to 7, got"):
        env.step(action)
    np.testing.assert_array_equal(env.streams.setting, before)


def test_another_number_of_actions_than_streams_is_refused(table):
    env = DriftingVectorEnv(table, drift("weather"), 4)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="one action for each of 4 streams"):
        env.step(np.zeros(3, int))


@pytest.mark.parametrize("kind", [DriftingEnv, DriftingVectorEnv])
def test_a_step_before_the_reset_is_refused(table, kind):
    env = kind(table, drift("weather"))
    with pytest.raises(RuntimeError, match=r"reset\(\) before the first step"):
        env.step(env.action_space.sample())


@pytest.mark.parametrize("kind", [DriftingEnv, DriftingVectorEnv])
def test_an_episode_without_frames_is_refused(table, kind):
    with pytest.raises(ValueError, match="at least 1 frame, got 0"):
        kind(table, drift("weather"), frames=0)


def test_unknown_drifts_and_scenes_are_refused_by_name(table):
    with pytest.raises(ValueError, match="\"still\", got 'monsoon'"):
        drift("monsoon")
    with pytest.raises(ValueError, match="at least 1 frame, got dwell"):
        drift("weather", dwell=0.5)
    with pytest.raises(ValueError, match="at least 1 frame, got dwell"):
        drift("weather", dwell=float("nan"))
    with pytest.raises(ValueError, match=r"no scene \['fog 1'"):
        Streams(known(), drift("weather"))
    with pytest.raises(ValueError, match="at least 1 stream"):
        Streams(table, drift("weather"), 0)
    with pytest.raises(ValueError, match="memory in"):
        Streams(table, drift("weather"), memory=1.0)
    with pytest.raises(ValueError, match="at least 1 frame to play"):
        play(Streams(table, drift("weather")), None, frames=0, generator=np.random.default_rng(0))


def test_no_pictures_no_settings_and_too_few_labels_are_refused(pictures):
    images, labels = pictures
    model = nn.Flatten()
    with pytest.raises(ValueError, match="at least one image"):
        tabulate(model, images[:0], labels[:0])
    with pytest.raises(ValueError, match="at least one image"):
        degrade(images[:0], Scene())
    with pytest.raises(ValueError, match="at least one image"):
        settings.describe(images[0])
    with pytest.raises(ValueError, match="79 labels for 80 images"):
        tabulate(model, images, labels[1:])
    with pytest.raises(ValueError, match="give one or more"):
        tabulate(model, images, labels, settings={})
    with pytest.raises(ValueError, match="light and blur are 0 or more"):
        degrade(images, Scene(contrast=1.5))
