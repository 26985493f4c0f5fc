import { OutcomeError } from '../../framework/outcome-error.ts';

/** Ends the steps of a case in an orderly way: what follows makes no sense any more. */
export class StopSteps extends OutcomeError {
  readonly code = 'STOP_STEPS';
}

/** The parent offers no means for a step: the case does not apply to it. */
export class ParentLacks extends StopSteps {}
