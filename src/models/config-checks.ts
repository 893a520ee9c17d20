/** Checks of configurations that collect every bad field before they speak. */
import { type ConfigIssue, refuseIssues } from '../errors.ts';
import { nameIssues, type OptionRules, ruleIssues } from '../nn/variants.ts';

/** The bad fields of a configuration. */
export class ConfigChecks<C extends object> {
  private readonly config: C;
  private readonly issues: ConfigIssue[] = [];

  constructor(config: C) {
    this.config = config;
  }

  /** Whether nothing was noted so far. */
  get fine(): boolean {
    return this.issues.length === 0;
  }

  /** Notes the field when it is not fine. */
  expect(path: keyof C & string, fine: boolean, expected: string): this {
    const got = JSON.stringify(this.config[path]);
    if (!fine) this.issues.push({ path, message: `expected ${expected}, got ${got}` });
    return this;
  }

  /** Whole numbers of at least `least`. */
  whole(paths: readonly (keyof C & string)[], least = 1): this {
    for (const path of paths) {
      const value = this.config[path];
      const fine = Number.isSafeInteger(value) && (value as number) >= least;
      this.expect(path, fine, `a whole number of at least ${least}`);
    }
    return this;
  }

  /** Dropout rates. */
  rates(paths: readonly (keyof C & string)[]): this {
    for (const path of paths) {
      const value = this.config[path] as number;
      this.expect(path, value >= 0 && value < 1, 'a rate of at least 0 and below 1');
    }
    return this;
  }

  /** Every field that has a rule, by it. */
  rules(rules: OptionRules): this {
    return this.also(ruleIssues(rules, this.config as Readonly<Record<string, unknown>>));
  }

  /** A name out of a list. */
  oneOf(path: keyof C & string, names: readonly string[]): this {
    return this.also(nameIssues(path, this.config[path], names));
  }

  /** Faults that others found. */
  also(issues: readonly ConfigIssue[]): this {
    this.issues.push(...issues);
    return this;
  }

  /** @throws {ConfigError} listing every field that was noted */
  done(where: string): C {
    refuseIssues(where, this.issues);
    return this.config;
  }
}
