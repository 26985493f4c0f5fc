/** An event that no right device can have produced, given what came before. */
export interface Violation {
  /** Requirement that forbids it. */
  requirement: string;
  /** Every observation that would have been allowed, in words. */
  expected: string;
  actual: string;
  /** Index of the step during which it happened, and of the event. */
  step: number;
  event: number;
}

/** What a rule says about one event; the place is added by who applies it. */
export type Breach = Omit<Violation, 'step' | 'event'>;
