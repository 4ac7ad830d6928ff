import pytest
import torch

from companion.models.policy import Standardise, policy_network, q_network


def test_a_policy_begins_undecided_and_values_do_not_share_its_weights():
    torch.manual_seed(0)
    network = policy_network(5, 3)
    logits, values = network(torch.randn(100, 5))
    assert logits.shape == (100, 3)
    assert values.shape == (100,)
    assert (logits.softmax(dim=1) - 1 / 3).abs().max() < 0.02
    values.sum().backward()
    assert all(weight.grad is None for weight in network.actor.parameters())
    assert network.critic[1].weight.grad.abs().sum() > 0


def test_without_a_value_head_there_are_no_values():
    _, values = policy_network(5, 3, value=False)(torch.zeros(2, 5))
    assert values is None


def test_a_persistent_policy_begins_by_staying_and_learns_how_much():
    torch.manual_seed(0)
    network = policy_network(5, 3, persistence=4.0)
    pixels = torch.randn(50, 2)
    on = torch.eye(3)[torch.arange(50) % 3]
    logits, _ = network(torch.cat([pixels, on], dim=1))
    others, _ = network(torch.cat([pixels, on.roll(1, dims=1)], dim=1))
    torch.testing.assert_close(logits - 4 * on, others - 4 * on.roll(1, dims=1))
    assert torch.equal(logits.argmax(dim=1), on.argmax(dim=1))
    network(torch.cat([pixels, on], dim=1))[0][on.bool()].sum().backward()
    assert network.persistence.grad == 50


def test_observations_are_standardised_by_the_sample_wherever_they_come_from():
    sample = torch.randn(1000, 4) * torch.tensor([1.0, 10.0, 0.1, 0.0]) + 5
    standard = Standardise(4, sample)(sample)
    torch.testing.assert_close(standard.mean(dim=0), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(standard.std(dim=0), torch.tensor([1.0, 1.0, 1.0, 0.0]))
    torch.manual_seed(0)
    network = q_network(4, 2, sample=sample)
    again = q_network(4, 2)
    again.load_state_dict(network.state_dict())
    torch.testing.assert_close(network(sample), again(sample))


@pytest.mark.parametrize("sample", [torch.zeros(9, 3), torch.zeros(4), torch.zeros(1, 4)])
def test_a_sample_that_does_not_fit_is_refused(sample):
    with pytest.raises(ValueError, match="must be N x 4 with N at least 2"):
        policy_network(4, 2, sample=sample)
    with pytest.raises(ValueError, match="must be N x 4 with N at least 2"):
        q_network(4, 2, sample=sample)


@pytest.mark.parametrize("build", [policy_network, q_network])
def test_a_network_without_actions_is_refused(build):
    with pytest.raises(ValueError, match="at least one output"):
        build(4, 0)
