"""The loop that trains: AdamW, warm-up and cosine, clipping, checkpoints, a line of progress.

Whatever is drawn at random in a step depends on the seed and the number of the step only, and the
order of an epoch on the seed and the epoch. So a run that was interrupted and goes on from its
checkpoint has the losses of one that was not.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from .._refused import if_damaged, naming
from .._stated import checked
from .checkpoint import check_stated
from .config import AnyConfig
from .layouts import is_trained, layout_of, pack, unpack
from .protocol import KEYS

_OF_A_LOOK = ("sampling_rate", *KEYS)  # how clips are looked at, which changes no number of a network


@dataclass(frozen=True)
class Schedule:
    """A recipe's table ``[train]``."""

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float = 0.02
    warmup_epochs: float = 1.0
    clip_norm: float = 1.0
    seed: int = 1
    bf16: bool = True
    muon: bool = False
    save_minutes: float = 5.0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "learning_rate", "clip_norm", "save_minutes"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} = {getattr(self, name)} is not above 0")
        for name in ("weight_decay", "warmup_epochs"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} = {getattr(self, name)} is below 0")


class Outcome(NamedTuple):
    """What a job says about a batch."""

    loss: Tensor
    right: int
    size: int


class Job(Protocol):
    """What is trained, and on what."""

    name: str
    size: int  # examples of an epoch

    @property
    def config(self) -> AnyConfig:
        """Of the network."""

    @property
    def model(self) -> nn.Module:
        """What is trained of this is what requires a gradient."""

    def step(self, indices: Tensor, progress: float, draw: torch.Generator) -> Outcome:
        """The loss of a batch of examples; ``progress`` goes from 0 to 1 over the run."""

    def evaluate(self, views: int = 1) -> str:
        """Words about what is held out; several views of a clip are averaged as the
        protocol has it."""

    def arguments(self) -> dict[str, Any]:
        """What the checkpoint says beside its tensors, under the names of the released code."""


def seeded(*numbers: int) -> torch.Generator:
    """Random numbers that depend on these numbers only."""
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number + 1) % (1 << 63)
    return torch.Generator().manual_seed(seed)


def make_optimizers(model: nn.Module, schedule: Schedule) -> list[torch.optim.Optimizer]:
    """AdamW for what is trained: matrices decay, vectors and tables do not. With ``muon``, that
    optimizer for the matrices of the blocks, with steps as large as AdamW's."""
    matrices, hidden, others = [], [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if parameter.ndim == 1 or name.endswith(("embedding", "prompt")):
            others.append(parameter)
        elif schedule.muon and parameter.ndim == 2 and "resblocks" in name:
            hidden.append(parameter)
        else:
            matrices.append(parameter)
    rate, decay = schedule.learning_rate, schedule.weight_decay
    groups = [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=rate)]
    if hidden:
        if not hasattr(torch.optim, "Muon"):
            raise ValueError("train.muon needs PyTorch 2.9 or later")
        optimizers.append(
            torch.optim.Muon(hidden, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
        )
    return optimizers


class Trainer:
    """A run: a job, its schedule, and how far it has come."""

    def __init__(self, job: Job, schedule: Schedule, output: str, device: str = "cpu") -> None:
        self.job, self.schedule, self.output = job, schedule, output
        self.device = torch.device(device)
        job.model.to(self.device)
        self.trained = [p for p in job.model.parameters() if p.requires_grad]
        self.optimizers = make_optimizers(job.model, schedule)
        self.batches = max(job.size // schedule.batch, 1)  # an epoch; what is left over waits
        self.step = 0
        self.losses: list[float] = []

    @property
    def steps(self) -> int:
        """Of the whole run."""
        return self.schedule.epochs * self.batches

    def rate(self, step: int) -> float:
        """The learning rate: up in a line, then down along a cosine."""
        warmup = max(round(self.schedule.warmup_epochs * self.batches), 1)
        if step < warmup:
            return self.schedule.learning_rate * (step + 1) / warmup
        along = (step - warmup) / max(self.steps - warmup, 1)
        return self.schedule.learning_rate * 0.5 * (1 + math.cos(math.pi * along))

    def load(self, path: str) -> None:
        """Reads the model of a checkpoint, of such a job or of the released code, and of its lessons,
        what is only for training, those that this job has, too."""
        saved = self._read(path)
        self._check_stated(path, saved, _OF_A_LOOK)
        with _of_this_recipe(path):
            state, lessons = self._state_of(saved), saved.get("lessons", {})
            own = self.job.model.state_dict()
            shared = {name: tensor for name, tensor in lessons.items() if name in own}
            missing, strange = self.job.model.load_state_dict({**state, **shared}, strict=False)
            lost = [name for name in missing if _is_released(name)]
            if lost or strange:
                raise ValueError(f"the tensor {(lost + strange)[0]} is in one of the two only")

    def resume(self, path: str) -> None:
        """Goes on where the checkpoint of such a run ended."""
        saved = self._read(path)
        steps = saved.get("steps")
        if type(steps) is not int or steps != self.steps:
            raise ValueError(f"{path} is of a run of {steps} steps, not {self.steps}")
        self._check_stated(path, saved)
        with _of_this_recipe(path):
            step = saved["step"]
            if type(step) is not int or not 0 <= step <= self.steps:
                raise ValueError(f"it ended after step {step!r} of {self.steps}")
            states = saved["optimizer"]
            if len(states) != len(self.optimizers):
                raise ValueError(f"it has {len(states)} optimizers, not {len(self.optimizers)}")
            self.job.model.load_state_dict({**self._state_of(saved), **saved["lessons"]})
            for optimizer, state in zip(self.optimizers, states):
                optimizer.load_state_dict(state)
            self.step = step

    def _read(self, path: str) -> dict[str, Any]:
        return read_checkpoint(path, self.device, layout_of(self.job.config).key)

    def _state_of(self, saved: dict[str, Any]) -> dict[str, Tensor]:
        """The tensors of a checkpoint; frozen ones that it leaves out are those of the backbone."""
        config, own = self.job.config, self.job.model.state_dict()
        layout = layout_of(config)
        state = unpack(config, own, saved[layout.key])
        if layout.only_trained:
            frozen = {name: own[name] for name in own if not is_trained(config, name)}
            state = {**frozen, **state}
        return state

    def _check_stated(self, path: str, saved: dict[str, Any], free: tuple[str, ...] = ()) -> None:
        """Refuses a checkpoint of another network; of these keys the recipe may say something else."""
        config = self.job.config
        keys = [key for key in config.stated() if key not in free]
        with naming(path):
            stated = checked(saved.get("dualpath"))
        check_stated(path, stated, config, keys)

    def save(self) -> None:
        """Writes a checkpoint in the layout of the method, with the step among it."""
        state = self.job.model.state_dict()
        config = self.job.config
        whole = {
            **pack(config, {name: tensor for name, tensor in state.items() if _is_released(name)}),
            "lessons": {name: tensor for name, tensor in state.items() if not _is_released(name)},
            "optimizer": [optimizer.state_dict() for optimizer in self.optimizers],
            "epoch": self.step // self.batches,
            "step": self.step,
            "steps": self.steps,
            "args": self.job.arguments(),
            "dualpath": config.stated(),
        }
        write_checkpoint(whole, self.output)

    def run(self, time_limit: float = math.inf) -> bool:
        """Trains to the end, for ``time_limit`` seconds, or until it is interrupted; whether it
        came to the end. Either way there is a checkpoint."""
        progress, self.saved = _Progress(self), time.monotonic()
        self.job.model.train()
        try:
            while self.step < self.steps and progress.elapsed() < time_limit:
                self._next_step(progress)
        except KeyboardInterrupt:
            print(f"\nstopped after step {self.step}", file=sys.stderr)
        self.save()
        return self.step >= self.steps

    def _next_step(self, progress: _Progress) -> None:
        progress.show(self._learn())
        if self.step % self.batches == 0:
            progress.end_of_epoch(self.job.name)
        if time.monotonic() - self.saved > 60 * self.schedule.save_minutes:
            self.save()
            self.saved = time.monotonic()

    def evaluate(self, views: int = 1) -> str:
        """What the job says about what is held out."""
        self.job.model.eval()
        with self._autocast():
            said = self.job.evaluate(views)
        self.job.model.train()
        return said

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.schedule.bf16)

    def _batch(self) -> Tensor:
        epoch, inside = divmod(self.step, self.batches)
        order = torch.randperm(self.job.size, generator=seeded(self.schedule.seed, epoch))
        return order[inside * self.schedule.batch : (inside + 1) * self.schedule.batch]

    def _learn(self) -> Outcome:
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.rate(self.step)
            optimizer.zero_grad()
        draw = seeded(self.schedule.seed, self.step, 1)
        with self._autocast():
            outcome = self.job.step(self._batch(), self.step / self.steps, draw)
        if not torch.isfinite(outcome.loss):
            raise FloatingPointError(f"the loss of step {self.step} is not finite")
        outcome.loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.trained, self.schedule.clip_norm)
        if not torch.isfinite(norm):
            raise FloatingPointError(f"the gradient of step {self.step} is not finite")
        with _uninterrupted():
            for optimizer in self.optimizers:
                optimizer.step()
            self.step += 1
            self.losses.append(outcome.loss.item())
        return outcome


def write_checkpoint(whole: dict[str, Any], path: str) -> None:
    """Under another name first: there is a whole file or none."""
    partial = path + ".partial"
    try:
        torch.save(whole, partial)
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:  # PyTorch says either when it cannot write
        with contextlib.suppress(OSError):
            os.remove(partial)
        raise OSError(f"{path} cannot be written: {error}") from error


def read_checkpoint(path: str, device: torch.device, key: str = "model") -> dict[str, Any]:
    """What a checkpoint holds, its tensors under ``key``. Nothing in it is executed."""
    with if_damaged(f"{path} is not a sound checkpoint"), \
            torch.serialization.safe_globals([Namespace]):
        saved = torch.load(path, map_location=device, weights_only=True)
    if not isinstance(saved, dict) or not isinstance(saved.get(key), dict):
        raise ValueError(f"{path} is a checkpoint without a {key}")  # noqa: TRY004
    return saved


@contextlib.contextmanager
def _of_this_recipe(path: str) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not of this recipe: {error}") from error


def _is_released(name: str) -> bool:
    """Whether a tensor belongs to the model; the others only help to train it."""
    return name.startswith(("visual.", "fc."))


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Keeps Ctrl-C waiting, so that a checkpoint never holds half a step."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda n, _: waiting.append(n)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before):
            signal.signal(number, handler)
        for caught in waiting:
            signal.raise_signal(caught)


class _Progress:
    """A line on standard error, in a file once a minute: loss and accuracy of the epoch so far, and
    the time left."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.start, self.first = time.monotonic(), trainer.step
        self.spoken = self.start
        self._clear()

    def _clear(self) -> None:
        self.loss, self.right, self.count, self.batches = 0.0, 0, 0, 0

    def elapsed(self) -> float:
        return time.monotonic() - self.start

    def show(self, outcome: Outcome) -> None:
        self.loss += self.trainer.losses[-1]
        self.right += outcome.right
        self.count += outcome.size
        self.batches += 1
        if sys.stderr.isatty():
            print(f"\r{self.line()}\033[K", end="", file=sys.stderr, flush=True)
        elif time.monotonic() > self.spoken + 60:
            self.spoken = time.monotonic()
            print(self.line(), file=sys.stderr, flush=True)

    def line(self) -> str:
        trainer = self.trainer
        done = trainer.step - self.first
        left = self.elapsed() / done * (trainer.steps - trainer.step)
        return (
            f"epoch {trainer.step / trainer.batches:.2f} of {trainer.schedule.epochs}  "
            f"loss {self.loss / self.batches:.3f}  right {self.right / max(self.count, 1):.1%}  "
            f"{_minutes(left)} left"
        )

    def end_of_epoch(self, name: str) -> None:
        start = "\r" if sys.stderr.isatty() else ""
        held_out = self.trainer.evaluate()
        print(f"{start}{name}  {self.line()}  {held_out}", file=sys.stderr, flush=True)
        self._clear()


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
