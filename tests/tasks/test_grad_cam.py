import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from companion.models.mobilenet import mobilenet_classifier
from companion.models.resnet import resnet
from companion.tasks.grad_cam import Heat, grad_cam


@pytest.fixture
def images():
    return torch.rand(5, 1, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return resnet(classes=3, channels=1, width=4).eval()


class Single(nn.Module):
    """One score from global average pooling, as N or N x 1."""

    def __init__(self, flat: bool):
        super().__init__()
        self.maps = nn.Conv2d(1, 4, 3, padding=1)
        self.head = nn.Linear(4, 1)
        self.flat = flat

    def forward(self, images):
        score = self.head(self.maps(images).mean((2, 3)))
        return score[:, 0] if self.flat else score


def test_equals_the_weighted_sum_of_maps_before_pooling_and_a_linear_layer(network, images):
    heat = grad_cam(network, images, layer="stages", target=1)
    with torch.no_grad():
        maps = network.stages(network.stem(images))
        for image in range(len(images)):
            cam = torch.zeros(maps.shape[-2:])
            for channel, weight in enumerate(network.classifier.weight[1]):
                cam += weight * maps[image, channel]
            cam = cam.clamp(min=0) / cam.numel()
            wanted = interpolate(cam[None, None], (16, 16), mode="bilinear", align_corners=False)
            torch.testing.assert_close(heat.maps[image], wanted[0, 0])
        torch.testing.assert_close(heat.scores, network(images)[:, 1])


def test_both_methods_agree_there_and_differ_where_places_have_weights(network, images):
    pooled = [
        grad_cam(network, images, layer="stages", method=method).maps
        for method in ("grad-cam", "hires-cam")
    ]
    torch.testing.assert_close(*pooled)
    torch.manual_seed(1)
    placed = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(), nn.Linear(2 * 256, 1))
    first, second = (
        grad_cam(placed, images, layer="0", method=method).maps
        for method in ("grad-cam", "hires-cam")
    )
    assert (first - second).abs().max() > 0.01


def test_hires_cam_shows_the_only_place_that_counts_and_grad_cam_does_not():
    corner = nn.Linear(64, 1, bias=False)
    nn.init.zeros_(corner.weight)
    corner.weight.data[0, 0] = 1  # only the upper left pixel
    model = nn.Sequential(nn.Identity(), nn.Flatten(), corner)
    region = torch.zeros(8, 8, dtype=torch.bool)
    region[0, 0] = True
    images = torch.ones(2, 1, 8, 8)
    placed = grad_cam(model, images, layer="0", method="hires-cam")
    averaged = grad_cam(model, images, layer="0", method="grad-cam")
    assert placed.share(region).tolist() == [1, 1]
    assert averaged.share(region) == pytest.approx([1 / 64, 1 / 64])


def test_heat_lies_on_what_the_network_learnt_to_look_for():
    """A bright square somewhere, or none: the heat of "square" must be on it."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(64, 1, 32, 32, generator=generator) * 0.3
    squares = torch.zeros(64, 32, 32, dtype=torch.bool)
    for image in range(0, 64, 2):
        y, x = torch.randint(0, 24, (2,), generator=generator).tolist()
        squares[image, y : y + 8, x : x + 8] = True
    images[squares.unsqueeze(1)] += 0.6
    torch.manual_seed(0)
    model = resnet(classes=1, channels=1, width=8)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    targets = torch.arange(64).remainder(2).eq(0).float()
    for _ in range(30):
        loss = nn.functional.binary_cross_entropy_with_logits(model(images)[:, 0], targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    heat = grad_cam(model, images[::2], layer="stages")
    around = nn.functional.max_pool2d(squares[::2, None].float(), 9, 1, 4)[:, 0] > 0
    assert heat.share(around).mean() > 2 * around.float().mean()


@pytest.mark.parametrize("flat", [True, False])
def test_of_a_single_score_target_0_is_the_evidence_against(images, flat):
    torch.manual_seed(0)
    model = Single(flat)
    for_it, against = (grad_cam(model, images, layer="maps", target=k) for k in (1, 0))
    torch.testing.assert_close(for_it.scores, -against.scores)
    torch.testing.assert_close(grad_cam(model, images, layer="maps").maps, for_it.maps)
    assert not torch.equal(for_it.maps, against.maps)


def test_the_largest_score_is_explained_by_default(network, images):
    heat = grad_cam(network, images, layer="stages")
    torch.testing.assert_close(heat.scores, network(images).max(dim=1).values)


def test_batches_give_the_same_as_all_at_once(network, images):
    whole = grad_cam(network, images, layer="stages.1", target=0)
    parts = grad_cam(network, images, layer="stages.1", target=0, batch_size=2)
    torch.testing.assert_close(whole.maps, parts.maps)
    torch.testing.assert_close(whole.scores, parts.scores)


def test_leaves_model_modes_gradients_and_caller_as_they_were(network, images):
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        grad_cam(network, images, layer=network.stages[0])
    assert network.training
    assert all(parameter.grad is None for parameter in network.parameters())
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name])
    assert not network.stages[0]._forward_hooks


def test_explains_a_frozen_network(images):
    torch.manual_seed(0)
    model = mobilenet_classifier(2)
    model.requires_grad_(False)
    heat = grad_cam(model, torch.rand(2, 1, 64, 64), layer="0.blocks.13", target=1)
    assert heat.maps.shape == (2, 64, 64)
    assert heat.maps.max() > 0


def test_layers_followed_by_work_in_place(images):
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    heat = grad_cam(model, images, layer="0", target=0)
    assert torch.isfinite(heat.maps).all()


def test_share_of_a_map_without_heat_is_nan():
    maps = torch.zeros(2, 4, 4)
    maps[0, 0, 0], maps[0, 3, 3] = 1, 3
    region = torch.zeros(4, 4, dtype=torch.bool)
    region[:2, :2] = True
    share = Heat(maps, torch.zeros(2)).share(region)
    assert share[0] == 0.25
    assert share[1].isnan()
    with pytest.raises(TypeError, match=r"a region is bool, got torch\.float32"):
        Heat(maps, torch.zeros(2)).share(region.float())
    with pytest.raises(ValueError, match=r"H x W or N x H x W, got \(2, 4\)"):
        Heat(maps, torch.zeros(2)).share(region[:2])


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.same = nn.Conv2d(1, 1, 3, padding=1)
        self.unused = nn.Conv2d(1, 1, 3)

    def forward(self, images):
        return self.same(self.same(images)).mean((1, 2, 3))


class Aside(nn.Module):
    def __init__(self):
        super().__init__()
        self.aside = nn.Conv2d(1, 1, 3)
        self.main = nn.Conv2d(1, 2, 3)

    def forward(self, images):
        self.aside(images)
        return self.main(images).mean((2, 3))


def test_bad_input_says_what_is_needed(network, images):
    with pytest.raises(ValueError, match=r"no layer 'stage'; similar names: stages"):
        grad_cam(network, images, layer="stage")
    with pytest.raises(ValueError, match="does not contain that layer, Conv2d"):
        grad_cam(network, images, layer=nn.Conv2d(1, 1, 1))
    with pytest.raises(ValueError, match=r"N at least 1, got \(0, 1, 16, 16\)"):
        grad_cam(network, images[:0], layer="stages")
    with pytest.raises(ValueError, match="target must lie between 0 and 2, got 3"):
        grad_cam(network, images, layer="stages", target=3)
    with pytest.raises(ValueError, match=r"feature maps N x channels x h x w, got \(5, 3\)"):
        grad_cam(network, images, layer="classifier")
    with pytest.raises(ValueError, match="used once in a pass, was used 2 times"):
        grad_cam(Twice(), images, layer="same")
    with pytest.raises(ValueError, match="used once in a pass, was used 0 times"):
        grad_cam(Twice(), images, layer="unused")
    with pytest.raises(ValueError, match="does not depend on the layer"):
        grad_cam(Aside().requires_grad_(False), images, layer="aside")
    with pytest.raises(ValueError, match="does not depend on the layer"):
        grad_cam(Aside(), images, layer="aside")
    with pytest.raises(ValueError, match=r"scores N or N x K for N = 5, got \(5, 4, 16, 16\)"):
        grad_cam(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1)), images, layer="0")
    with pytest.raises(ValueError, match="'grad-cam' or 'hires-cam', got 'cam'"):
        grad_cam(network, images, layer="stages", method="cam")
