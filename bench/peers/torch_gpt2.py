"""PyTorch's half of `decode-gpt2`: GPT-2 with 124 million random weights; a prompt of 512 tokens, then 64 new ones."""
import argparse
import json
import time

import torch
from torch.nn import functional as F

LAYERS, WIDTH, HEADS, VOCAB, PROMPT, NEW_TOKENS = 12, 768, 12, 50257, 512, 64


def linear(outputs, inputs):
    return torch.randn(outputs, inputs) * 0.02, torch.zeros(outputs)


class Gpt2:
    """Plain tensors and functions: nothing stands between the timer and the kernels."""

    def __init__(self, fused):
        self.fused = fused
        self.norm = torch.ones(WIDTH), torch.zeros(WIDTH)
        self.tokens, self.positions = torch.randn(VOCAB, WIDTH) * 0.02, torch.randn(1024, WIDTH) * 0.01
        self.layers = [
            dict(
                query_key_value=linear(3 * WIDTH, WIDTH),
                out=linear(WIDTH, WIDTH),
                up=linear(4 * WIDTH, WIDTH),
                down=linear(WIDTH, 4 * WIDTH),
            )
            for _ in range(LAYERS)
        ]

    def caches(self):
        room = PROMPT + NEW_TOKENS
        empty = lambda: torch.empty(1, HEADS, room, WIDTH // HEADS)
        return [(empty(), empty()) for _ in range(LAYERS)]

    def attend(self, query, key, value, causal):
        if self.fused:
            return F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        if causal:
            scores = scores.masked_fill(torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1), float("-inf"))
        return scores.softmax(-1) @ value

    def step(self, ids, position, caches):
        """Logits of the last token of `ids`."""
        count = ids.shape[1]
        end = position + count
        split = lambda part: part.unflatten(-1, (HEADS, -1)).transpose(1, 2)
        x = self.tokens[ids] + self.positions[position:end]
        for layer, (keys, values) in zip(self.layers, caches):
            projected = F.linear(F.layer_norm(x, (WIDTH,), *self.norm), *layer["query_key_value"])
            query, key, value = (split(part) for part in projected.chunk(3, -1))
            keys[:, :, position:end], values[:, :, position:end] = key, value
            mixed = self.attend(query, keys[:, :, :end], values[:, :, :end], causal=count > 1)
            x = x + F.linear(mixed.transpose(1, 2).flatten(2), *layer["out"])
            hidden = F.linear(F.layer_norm(x, (WIDTH,), *self.norm), *layer["up"])
            x = x + F.linear(F.gelu(hidden, approximate="tanh"), *layer["down"])
        return F.linear(F.layer_norm(x[:, -1], (WIDTH,), *self.norm), self.tokens)


def timed(body):
    start = time.perf_counter()
    result = body()
    return time.perf_counter() - start, result


def median(values):
    return sorted(values)[len(values) // 2]


def run(model, next_id, prompt):
    """Seconds of the prompt, then of each new token."""
    caches = model.caches()
    prefill, token = timed(lambda: next_id(prompt, 0, caches))
    seconds = []
    for position in range(PROMPT, PROMPT + NEW_TOKENS):
        took, token = timed(lambda: next_id(token, position, caches))
        seconds.append(took)
    return prefill, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variant", choices=["eager", "sdpa", "compile"], default="eager")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    with torch.inference_mode():
        model = Gpt2(fused=options.variant != "eager")
        prompt = torch.randint(0, VOCAB, (1, PROMPT))
        next_id = lambda ids, position, caches: model.step(ids, position, caches).argmax(-1, keepdim=True)
        if options.variant == "compile":
            # Compiled for the prompt and for one token at any position, in the round that is not counted.
            next_id = torch.compile(next_id)
        run(model, next_id, prompt)
        done = [run(model, next_id, prompt) for _ in range(options.rounds)]
    line = dict(
        variant=options.variant,
        threads=options.threads,
        precision="fp32",
        prefillTokensPerSecond=PROMPT / median([prefill for prefill, _ in done]),
        decodeTokensPerSecond=1 / median([took for _, seconds in done for took in seconds]),
        version=torch.__version__,
    )
    print(json.dumps(line))


main()
