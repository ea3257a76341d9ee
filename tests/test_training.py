"""The training loop: learns, repeats, can be stopped, says what went wrong."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from archbook import training
from archbook.data import load_images
from archbook.networks.lenet import LeNet5Simplified
from archbook.training import evaluate, make_optimizer, mixed_precision, train, train_step

OFF = torch.amp.GradScaler("cpu", enabled=False)


@pytest.fixture(scope="module")
def data():
    small = load_images(train_size=500, pad=2)
    return replace(small, validation=small.validation[:200], test=None)  # never touched


def network(seed=0):
    torch.manual_seed(seed)
    return LeNet5Simplified()


def fit(data, seed=0, epochs=2, **options):
    model = network(seed)
    options = {"lr": 0.05, "batch_size": 50, "progress": False, "device": "cpu"} | options
    return model, train(model, data, epochs, seed=seed, **options)


def test_loss_falls_and_every_list_has_an_entry_an_epoch(data):
    model, history = fit(data, epochs=4)
    assert history.train_loss[-1] < 0.7 * history.train_loss[0]
    assert 0.5 < history.validation_accuracy[-1] < 0.95
    lists = [v for v in history.to_dict().values() if isinstance(v, list)]
    assert [len(v) for v in lists] == [4] * 5 and not history.interrupted
    assert not model.training


def test_same_seed_same_bits(data):
    states = [fit(data, seed, augment=True)[0].state_dict() for seed in (3, 3, 4)]
    equal = [
        all(torch.equal(a, b) for a, b in zip(states[0].values(), other.values()))
        for other in states[1:]
    ]
    assert equal == [True, False]


def test_stop_button_returns_the_history_so_far(data):
    model, steps = network(), []

    def stop(*_):
        steps.append(1)
        if len(steps) == 16:  # 10 steps of the first epoch, 1 pass of validation, 5 steps
            raise KeyboardInterrupt

    handle = model.register_forward_hook(stop)
    history = train(model, data, 3, batch_size=50, progress=False, device="cpu")
    handle.remove()
    assert history.interrupted and len(history.train_loss) == 1
    assert not model.training
    assert 0 <= evaluate(model, data.validation).top1 <= 1


def test_divergence_names_the_step_and_a_lower_rate(data):
    with pytest.raises(FloatingPointError, match=r"at step \d+ .*learning rate 1e\+2[05].*lower"):
        fit(data, lr=1e25, epochs=1)


def test_bad_requests_are_named(data):
    with pytest.raises(ValueError, match="epochs is 0"):
        fit(data, epochs=0)
    with pytest.raises(ValueError, match="batch_size is 501"):
        fit(data, batch_size=501)


class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.main, self.aux = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x):
        x = x.flatten(1)
        return (self.main(x), self.aux(x)) if self.training else self.main(x)


def test_auxiliary_heads_enter_with_their_weight_and_smoothing():
    torch.manual_seed(0)
    model, x, y = Heads(), torch.randn(6, 1, 2, 2), torch.arange(6) % 3
    main, aux = (head(x.flatten(1)) for head in (model.main, model.aux))
    expected = F.cross_entropy(main, y, label_smoothing=0.2)
    expected = expected + 0.3 * F.cross_entropy(aux, y, label_smoothing=0.2)
    loss, hit = train_step(model, x, y, make_optimizer(model, 0.1), OFF, 0.2, 0.3)
    assert torch.allclose(loss, expected)
    assert hit == (main.argmax(1) == y).float().mean()


def test_weight_decay_spares_biases_and_norms():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2))
    weights, others = make_optimizer(model, 0.1, weight_decay=0.01).param_groups
    assert weights["weight_decay"] == 0.01 and others["weight_decay"] == 0
    assert [p.ndim for p in weights["params"]] == [4, 2]
    assert all(p.ndim == 1 for p in others["params"]) and len(others["params"]) == 4


def test_learning_rate_climbs_to_its_peak_and_falls_to_zero(data, monkeypatch):
    rates, step = [], training.train_step

    def spy(model, images, labels, optimizer, *rest):
        rates.append(optimizer.param_groups[0]["lr"])
        return step(model, images, labels, optimizer, *rest)

    monkeypatch.setattr(training, "train_step", spy)
    fit(data, epochs=2, lr=0.07)
    peak = max(rates)
    assert peak == pytest.approx(0.07, rel=0.02) and 2 <= rates.index(peak) <= 4
    assert rates[0] < 0.01 and rates[-1] < 0.002


def test_evaluation_against_a_plain_computation(data):
    model = network()
    found = evaluate(model, data.validation)
    logits = model(data.validation.normalised())
    labels = data.validation.labels
    ranks = logits.argsort(1, descending=True)
    assert found.loss == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-4)
    assert found.top1 == pytest.approx((ranks[:, 0] == labels).float().mean().item())
    five = (ranks[:, :5] == labels[:, None]).any(1).float().mean().item()
    assert found.top5 == pytest.approx(five)


def test_top5_of_fewer_classes_is_everything(data):
    split = data.validation[data.validation.labels < 3]
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(32 * 32, 3))
    assert evaluate(model, split).top5 == 1


def test_precision_by_card(monkeypatch):
    assert mixed_precision(torch.device("cpu")) is None
    for has_it, expected in ((True, torch.bfloat16), (False, torch.float16)):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_it)
        assert mixed_precision(torch.device("cuda")) is expected
