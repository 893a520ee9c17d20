"""PyTorch's half of `char-gpt`: a character language model of nanoGPT's CPU size, 2000 steps on a text file.

4 layers of width 128, 4 heads, context 64, batch 12, no dropout, AdamW, cosine from 1e-3 to 1e-4 after 100 steps of
warm-up, gradients clipped at norm 1. The last tenth of the text is for validation, five passes of which are timed too.
"""
import argparse
import json
import math
import time

import torch
from torch import nn
from torch.nn import functional as F

LAYERS, WIDTH, HEADS, CONTEXT, BATCH, WARM_UP, VALIDATE_EVERY = 4, 128, 4, 64, 12, 100, 500
PEAK_RATE, LAST_RATE = 1e-3, 1e-4


class Block(nn.Module):
    def __init__(self, fused):
        super().__init__()
        self.fused = fused
        bare = lambda inputs, outputs: nn.Linear(inputs, outputs, bias=False)
        self.attention_norm, self.hidden_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.query_key_value, self.out = bare(WIDTH, 3 * WIDTH), bare(WIDTH, WIDTH)
        self.up, self.down = bare(WIDTH, 4 * WIDTH), bare(4 * WIDTH, WIDTH)
        self.register_buffer("hidden", torch.ones(CONTEXT, CONTEXT, dtype=torch.bool).triu(1), persistent=False)

    def attend(self, query, key, value):
        if self.fused:
            return F.scaled_dot_product_attention(query, key, value, is_causal=True)
        scores = query @ key.transpose(-1, -2) / math.sqrt(WIDTH // HEADS)
        return scores.masked_fill(self.hidden, float("-inf")).softmax(-1) @ value

    def forward(self, x):
        split = lambda part: part.unflatten(-1, (HEADS, -1)).transpose(1, 2)
        parts = self.query_key_value(self.attention_norm(x)).chunk(3, -1)
        x = x + self.out(self.attend(*map(split, parts)).transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.hidden_norm(x))))


class CharGpt(nn.Module):
    def __init__(self, vocab, fused):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocab, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block(fused) for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(WIDTH)
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                continue
            into_residual = name.endswith(("out.weight", "down.weight"))
            nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * LAYERS) if into_residual else 0.02)

    def forward(self, ids):
        x = self.blocks(self.tokens(ids) + self.positions.weight)
        return F.linear(self.norm(x), self.tokens.weight)

    def loss(self, ids, labels, reduction="mean"):
        return F.cross_entropy(self(ids).flatten(0, 1), labels.flatten(), reduction=reduction)


def learning_rate(step, steps):
    if step < WARM_UP:
        return PEAK_RATE * step / WARM_UP
    share = (step - WARM_UP) / (steps - WARM_UP)
    return LAST_RATE + 0.5 * (1 + math.cos(math.pi * share)) * (PEAK_RATE - LAST_RATE)


def validation_loss(loss_of, ids):
    """Mean loss over the whole validation text, in windows that follow one another."""
    windows = (len(ids) - 1) // CONTEXT
    inputs, labels = (ids[at : at + windows * CONTEXT].view(-1, CONTEXT) for at in (0, 1))
    with torch.inference_mode():
        losses = [loss_of(*pair, reduction="sum").item() for pair in zip(inputs.split(200), labels.split(200))]
    return sum(losses) / (windows * CONTEXT)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="a text file")
    parser.add_argument("--variant", choices=["eager", "sdpa", "compile"], default="eager")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2000)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1337)
    with open(options.data, encoding="utf8") as file:
        text = file.read()
    numbers = {character: index for index, character in enumerate(sorted(set(text)))}
    ids = torch.tensor([numbers[character] for character in text])
    train, validation = ids[: int(0.9 * len(ids))], ids[int(0.9 * len(ids)) :]
    fused = options.variant != "eager"
    model = CharGpt(len(numbers), fused)
    decayed = [parameter for parameter in model.parameters() if parameter.dim() >= 2]
    others = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups = [dict(params=decayed, weight_decay=0.1), dict(params=others, weight_decay=0)]
    adam = torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.99), fused=fused)
    window = torch.arange(CONTEXT)
    loss_of = model.loss
    if options.variant == "compile":
        # Once for each shape, before the clock starts and without drawing a number.
        loss_of = torch.compile(model.loss, dynamic=False)
        places = torch.zeros(BATCH, 1, dtype=torch.long) + window
        loss_of(train[places], train[places + 1]).backward()
        validation_loss(loss_of, validation)
    start = time.perf_counter()
    loss = validation_loss(loss_of, validation)
    for step in range(1, options.steps + 1):
        for group in adam.param_groups:
            group["lr"] = learning_rate(step, options.steps)
        places = torch.randint(len(train) - CONTEXT, (BATCH, 1)) + window
        adam.zero_grad(set_to_none=True)
        loss_of(train[places], train[places + 1]).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        if step % VALIDATE_EVERY == 0 or step == options.steps:
            loss = validation_loss(loss_of, validation)
    seconds = time.perf_counter() - start
    line = dict(
        variant=options.variant,
        threads=options.threads,
        steps=options.steps,
        seconds=seconds,
        validationLoss=loss,
        version=torch.__version__,
    )
    print(json.dumps(line))


main()
