"""PyTorch's half of `train-*` and `decode-*`: the encoder-decoder Transformer of src/bench/shapes.ts.

Pre-norm layers, dropout 0.1 at every site, ReLU, output tied to the target embedding, label smoothing 0.1, Adam.
Prints one JSON line per measurement, with the keys of `heed bench --json`.
"""
import argparse
import json
import math
import resource
import time

import torch
from torch import nn
from torch.nn import functional as F

SHAPES = {
    "base256": dict(width=256, heads=4, hidden=1024, layers=3, vocab=8000, batch=64, source=16, target=16),
    "tiny": dict(width=128, heads=4, hidden=256, layers=4, vocab=10000, batch=128, source=32, target=32),
}
DROPOUT = 0.1
NEW_TOKENS = 32
WARM_UP_SECONDS = 1


class Attention(nn.Module):
    """Multi-head attention; queries, keys and values are projected by as few products as possible."""

    def __init__(self, width, heads, fused, cross):
        super().__init__()
        self.heads, self.fused, self.cross = heads, fused, cross
        if cross:
            self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        else:
            self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def split(self, x):
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # B H T D

    def memory(self, encoded):
        return [self.split(part) for part in self.key_value(encoded).chunk(2, -1)]

    def attend(self, query, key, value, causal):
        rate = DROPOUT if self.training else 0.0
        if self.fused:
            mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=rate, is_causal=causal)
        else:
            scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
            if causal:
                size = scores.shape[-2:]
                hidden = torch.ones(size, dtype=torch.bool).triu(1)
                scores = scores.masked_fill(hidden, float("-inf"))
            mixed = F.dropout(scores.softmax(-1), rate, self.training) @ value
        return self.out(mixed.transpose(1, 2).flatten(2))

    def forward(self, x, encoded=None, causal=False, cache=None, position=0):
        if self.cross:
            key, value = cache if cache is not None else self.memory(encoded)
            return self.attend(self.split(self.query(x)), key, value, False)
        query, key, value = (self.split(part) for part in self.query_key_value(x).chunk(3, -1))
        if cache is not None:
            keys, values = cache
            end = position + x.shape[1]
            keys[:, :, position:end], values[:, :, position:end] = key, value
            key, value = keys[:, :, :end], values[:, :, :end]
        return self.attend(query, key, value, causal)


class Layer(nn.Module):
    def __init__(self, width, heads, hidden, fused, decoder):
        super().__init__()
        self.self_norm, self.self_attention = nn.LayerNorm(width), Attention(width, heads, fused, cross=False)
        self.decoder = decoder
        if decoder:
            self.cross_norm, self.cross_attention = nn.LayerNorm(width), Attention(width, heads, fused, cross=True)
        self.hidden_norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, hidden), nn.Linear(hidden, width)

    def drop(self, x):
        return F.dropout(x, DROPOUT, self.training)

    def forward(self, x, encoded=None, own=None, memory=None, position=0):
        causal = self.decoder and own is None
        x = x + self.drop(self.self_attention(self.self_norm(x), causal=causal, cache=own, position=position))
        if self.decoder:
            x = x + self.drop(self.cross_attention(self.cross_norm(x), encoded, cache=memory))
        return x + self.drop(self.down(self.drop(F.relu(self.up(self.hidden_norm(x))))))


def sinusoids(length, width):
    angle = torch.arange(length)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(10000) / width))
    return torch.stack((angle.sin(), angle.cos()), -1).flatten(1)


class Transformer(nn.Module):
    def __init__(self, shape, fused):
        super().__init__()
        width, heads, hidden = shape["width"], shape["heads"], shape["hidden"]
        stack = lambda decoder: nn.ModuleList(
            Layer(width, heads, hidden, fused, decoder) for _ in range(shape["layers"])
        )
        self.source, self.target = nn.Embedding(shape["vocab"], width), nn.Embedding(shape["vocab"], width)
        self.encoder, self.decoder = stack(False), stack(True)
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.register_buffer("positions", sinusoids(1024, width))
        self.scale = math.sqrt(width)
        for table in (self.source, self.target):
            nn.init.normal_(table.weight, std=width**-0.5)

    def embed(self, table, ids, position=0):
        x = table(ids) * self.scale + self.positions[position : position + ids.shape[1]]
        return F.dropout(x, DROPOUT, self.training)

    def encode(self, ids):
        x = self.embed(self.source, ids)
        for layer in self.encoder:
            x = layer(x)
        return self.encoder_norm(x)

    def decode(self, ids, encoded, caches=None, position=0):
        x = self.embed(self.target, ids, position)
        for index, layer in enumerate(self.decoder):
            own, memory = caches[index] if caches else (None, None)
            x = layer(x, encoded, own, memory, position)
        return F.linear(self.decoder_norm(x), self.target.weight)

    def forward(self, source, target):
        return self.decode(target, self.encode(source))


def median(values):
    return sorted(values)[len(values) // 2]


def timed(body):
    start = time.perf_counter()
    body()
    return time.perf_counter() - start


def train(model, shape, options):
    """Forward, label-smoothed loss, backward and Adam; milliseconds of a step."""
    fused = options.variant != "eager"
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.98), eps=1e-9, fused=fused)
    run = torch.compile(model) if options.variant == "compile" else model
    ids = lambda length: torch.randint(4, shape["vocab"], (shape["batch"], length))
    source, target, labels = ids(shape["source"]), ids(shape["target"]), ids(shape["target"]).flatten()
    half = options.precision == "bf16"

    def step():
        adam.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = run(source, target)
        F.cross_entropy(logits.float().flatten(0, 1), labels, label_smoothing=0.1).backward()
        adam.step()

    for _ in range(3):
        step()
    seconds = median([timed(step) for _ in range(options.rounds)])
    tokens = shape["batch"] * shape["target"]
    return dict(msPerStep=1000 * seconds, targetTokensPerSecond=tokens / seconds)


def decode(model, shape, batch, options):
    """Greedy decoding with caches, encoding included; tokens per second."""
    source = torch.randint(4, shape["vocab"], (batch, shape["source"]))
    heads, depth = shape["heads"], shape["width"] // shape["heads"]
    room = lambda: torch.empty(batch, heads, NEW_TOKENS, depth)

    def prepare(source):
        encoded = model.encode(source)
        return encoded, [layer.cross_attention.memory(encoded) for layer in model.decoder]

    def next_ids(ids, encoded, caches, position):
        return model.decode(ids, encoded, caches, position)[:, -1].argmax(-1, keepdim=True)

    if options.variant == "compile":
        # Compiled for this batch and for any position, in the run that is not counted.
        torch.compiler.reset()
        prepare, next_ids = torch.compile(prepare), torch.compile(next_ids)

    def run():
        encoded, memories = prepare(source)
        caches = [((room(), room()), memory) for memory in memories]
        ids = torch.full((batch, 1), 2)
        for position in range(NEW_TOKENS):
            ids = next_ids(ids, encoded, caches, position)

    model.eval()
    with torch.inference_mode():
        run()
        begin = time.perf_counter()
        while time.perf_counter() - begin < WARM_UP_SECONDS:
            run()
        seconds = median([timed(run) for _ in range(options.rounds)])
    return dict(batch=batch, tokensPerSecond=batch * NEW_TOKENS / seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=["train", "decode"])
    parser.add_argument("shape", choices=list(SHAPES))
    parser.add_argument("--variant", choices=["eager", "sdpa", "compile"], default="eager")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    shape = SHAPES[options.shape]
    model = Transformer(shape, fused=options.variant != "eager")
    facts = dict(variant=options.variant, threads=options.threads, version=torch.__version__)
    if options.work == "train":
        figures = train(model, shape, options)
        # The system counts in KiB on Linux.
        figures["peakProcessBytes"] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({**facts, "precision": options.precision, **figures}))
        return
    for batch in (1, 32):
        print(json.dumps({**facts, **decode(model, shape, batch, options)}), flush=True)


main()
