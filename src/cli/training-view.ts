/** What a person sees while a model trains: a progress bar on a terminal, lines elsewhere, or JSON. */
import { SingleBar as Bar, type SingleBar } from 'cli-progress';
import type { TrainingEvent } from '../train/events.ts';
import { clock, metricLine } from './numbers.ts';
import { note, printJson } from './output.ts';

export interface TrainingView {
  show(event: TrainingEvent): void;
  close(): void;
}

type StepEvent = Extract<TrainingEvent, { type: 'step' }>;

/** Seconds between lines when nobody watches a terminal. */
const LINE_EVERY = 10;

function stepText({ step, loss, measures, tokensPerSecond, secondsLeft }: StepEvent): string {
  const left = secondsLeft === undefined ? '?' : clock(secondsLeft);
  const more = Object.entries(measures).map(([name, value]) => ` · ${name} ${value.toFixed(3)}`);
  return `step ${step} · loss ${loss.toFixed(3)}${more.join('')} · ${Math.round(tokensPerSecond).toLocaleString('en')} tokens/s · ${left} left`;
}

function describe(event: TrainingEvent): string | undefined {
  switch (event.type) {
    case 'note':
      return `note: ${event.text}`;
    case 'start': {
      const where = event.resumedAt > 0 ? `, going on from step ${event.resumedAt}` : '';
      const size = `${event.parameters.toLocaleString('en')} parameters, ${event.trainExamples.toLocaleString('en')} examples`;
      return `training ${event.name}: ${size}, ${event.device}, ${event.threads} ${event.threads === 1 ? 'thread' : 'threads'}${where}`;
    }
    case 'validation':
      return `step ${event.step} · validation ${metricLine(event.metrics)}${event.isBest ? ' · best so far' : ''}`;
    case 'testing':
      return event.examples > 0
        ? `evaluating on ${event.examples.toLocaleString('en')} held-out examples`
        : undefined;
    default:
      return undefined;
  }
}

class JsonView implements TrainingView {
  show(event: TrainingEvent): void {
    printJson(event);
  }
  close(): void {}
}

class LineView implements TrainingView {
  private lastLine = Number.NEGATIVE_INFINITY;

  show(event: TrainingEvent): void {
    const text = describe(event);
    if (text) note(text);
    if (event.type !== 'step' || event.seconds - this.lastLine < LINE_EVERY) return;
    this.lastLine = event.seconds;
    note(stepText(event));
  }
  close(): void {}
}

/** A bar that stays at the bottom; notes and validations scroll above it. */
class BarView implements TrainingView {
  private bar: SingleBar | undefined;

  show(event: TrainingEvent): void {
    const text = describe(event);
    if (text) this.above(text);
    if (event.type === 'step') this.advance(event);
    if (event.type === 'testing') this.close();
  }

  private advance(event: StepEvent): void {
    if (!this.bar) {
      this.bar = new Bar({
        format: '{bar} {percentage}% · {text}',
        barsize: 24,
        hideCursor: true,
        clearOnComplete: true,
      });
      this.bar.start(1000, 0, { text: '' });
    }
    this.bar.update(Math.round(event.done * 1000), { text: stepText(event) });
  }

  private above(text: string): void {
    this.close();
    note(text);
  }

  close(): void {
    this.bar?.stop();
    this.bar = undefined;
  }
}

/** The view that fits: JSON when asked for, a bar on a terminal, else lines. */
export function trainingView(json: boolean): TrainingView {
  if (json) return new JsonView();
  return process.stderr.isTTY ? new BarView() : new LineView();
}
