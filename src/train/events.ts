/** What a running training tells whoever watches it. */

export type TrainingEvent =
  | { readonly type: 'note'; readonly text: string }
  | {
      readonly type: 'start';
      readonly name: string;
      readonly folder: string;
      readonly parameters: number;
      readonly device: string;
      readonly threads: number;
      readonly trainExamples: number;
      readonly resumedAt: number;
    }
  | {
      readonly type: 'step';
      readonly step: number;
      readonly epoch: number;
      readonly loss: number;
      readonly learningRate: number;
      readonly gradNorm: number;
      /** Means that parts of the model measure, such as the share of tokens that a full expert dropped. */
      readonly measures: Readonly<Record<string, number>>;
      readonly tokensPerSecond: number;
      readonly seconds: number;
      /** Share of the training that is over, 0 … 1. */
      readonly done: number;
      readonly secondsLeft: number | undefined;
    }
  | {
      readonly type: 'validation';
      readonly step: number;
      readonly metrics: Readonly<Record<string, number>>;
      readonly isBest: boolean;
    }
  | { readonly type: 'checkpoint'; readonly step: number }
  | { readonly type: 'testing'; readonly examples: number };
