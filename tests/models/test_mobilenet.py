import pytest
import torch
from torch import nn
from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

from companion.data.weights import mobilenet_weights
from companion.models.mobilenet import MobileNetFeatures, mobilenet_classifier


@pytest.fixture(scope="module")
def images():
    return torch.randint(0, 256, (4, 3, 96, 96), generator=torch.Generator().manual_seed(0)).byte()


@pytest.fixture(scope="module")
def reference():
    network = mobilenet_v2()
    network.load_state_dict(torch.load(mobilenet_weights(), weights_only=True))
    return network.eval()


def test_frozen_features_are_torchvisions(images, reference):
    prepare = MobileNet_V2_Weights.IMAGENET1K_V1.transforms()
    inputs = torch.stack([
        (image / 255 - torch.tensor(prepare.mean).view(3, 1, 1))
        / torch.tensor(prepare.std).view(3, 1, 1)
        for image in images
    ])  # fmt: skip
    with torch.no_grad():
        expected = reference.features(inputs).mean((2, 3))
        for given in (images, images / 255):
            found = MobileNetFeatures(mobilenet_weights())(given)
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_features_of_several_depths_are_the_blocks_outputs(images, reference):
    features = MobileNetFeatures(mobilenet_weights(), depths=(3, 13), trainable_from=0).eval()
    seen = {}
    hooks = [
        reference.features[depth].register_forward_hook(
            lambda module, inputs, output, depth=depth: seen.update({depth: output})
        )
        for depth in (3, 13)
    ]
    with torch.no_grad():
        reference.features((images / 255 - features.mean) / features.std)
        maps = features.maps(images)
    for hook in hooks:
        hook.remove()
    torch.testing.assert_close(maps, [seen[3], seen[13]])
    assert features.width == 24 + 96
    assert len(features.blocks) == 14  # nothing is computed for nobody


def test_grey_is_three_equal_channels(images):
    features = MobileNetFeatures(depths=(6,))
    grey = images[:, :1]
    torch.testing.assert_close(features(grey), features(grey.expand(-1, 3, -1, -1)))


@pytest.mark.parametrize(("trainable_from", "share"), [(None, 0), (14, 0.76), (0, 1)])
def test_trains_from_the_block_that_was_asked_for_and_keeps_the_rest(images, trainable_from, share):
    torch.manual_seed(0)
    network = mobilenet_classifier(3, mobilenet_weights(), trainable_from=trainable_from)
    features = network[0]
    counts = [(p.numel(), p.requires_grad) for p in features.parameters()]
    trained = sum(n for n, wanted in counts if wanted) / sum(n for n, _ in counts)
    assert trained == pytest.approx(share, abs=0.05)
    before = {name: value.clone() for name, value in features.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network.train()
    loss = nn.functional.cross_entropy(network(images), torch.tensor([0, 1, 2, 0]))
    loss.backward()
    optimizer.step()
    first = len(features.blocks) if trainable_from is None else trainable_from
    changed = {
        int(name.split(".")[1])
        for name, value in features.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert changed == set(range(first, len(features.blocks)))  # running means and counts too


def test_learns_to_tell_two_pictures_apart(images):
    torch.manual_seed(0)
    network = mobilenet_classifier(2, mobilenet_weights(), dropout=0)
    optimizer = torch.optim.Adam(network[2].parameters(), lr=0.01)
    labels = torch.tensor([0, 1, 0, 1])
    for _ in range(30):
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (network.eval()(images).argmax(1) == labels).all()


def test_weights_of_another_network_are_refused(tmp_path):
    file = tmp_path / "other.pth"
    torch.save(nn.Linear(2, 2).state_dict(), file)
    with pytest.raises(ValueError, match=r"other.pth: does not hold torchvision's weights"):
        MobileNetFeatures(file)
    file.write_bytes(mobilenet_weights().read_bytes()[:1_000_000])
    with pytest.raises(ValueError, match=r"other.pth: does not hold torchvision's weights"):
        MobileNetFeatures(file)
    with pytest.raises(FileNotFoundError, match="no such file of weights"):
        MobileNetFeatures(tmp_path / "none.pth")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depths": ()}, "depths ascend"),
        ({"depths": (6, 3)}, "depths ascend"),
        ({"depths": (19,)}, "between 0 and 18"),
        ({"depths": (6,), "trainable_from": 7}, "block from 0 to 6, got 7"),
    ],
)
def test_impossible_depths_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MobileNetFeatures(**arguments)


def test_images_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"N x 3 x H x W.*got \(3, 64, 64\)"):
        MobileNetFeatures(depths=(1,))(torch.zeros(3, 64, 64))
    with pytest.raises(ValueError, match="classes start at 1, got 0"):
        mobilenet_classifier(0)
