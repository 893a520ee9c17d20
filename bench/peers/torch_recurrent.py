"""PyTorch's half of bench/recurrent.mjs: times forward and backward of a recurrent layer, a round for each line read.

A line is JSON: cell, batch, length, width, layers, repeats. The answer is the seconds of the fastest repeat, forward
alone without gradients and then both.
"""
import json
import os
import sys
import time

import torch
from torch import nn

torch.set_num_threads(int(os.environ.get("THREADS", "2")))
CELLS = {"elman": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
made = {}


def layer(cell, batch, length, width, layers, **_):
    key = (cell, batch, length, width, layers)
    if key not in made:
        torch.manual_seed(0)
        model = CELLS[cell](width, width, layers, batch_first=True)
        made[key] = model, torch.randn(batch, length, width, requires_grad=True)
    return made[key]


def both(model, x):
    output, _ = model(x)
    output.backward(torch.ones_like(output))
    x.grad = None
    model.zero_grad()


def alone(model, x):
    with torch.no_grad():
        model(x)


def fastest(body, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        body()
        times.append(time.perf_counter() - start)
    return min(times)


for line in sys.stdin:
    work = json.loads(line)
    model, x = layer(**work)
    seconds = [fastest(lambda: body(model, x), work["repeats"]) for body in (alone, both)]
    print(json.dumps(seconds), flush=True)
