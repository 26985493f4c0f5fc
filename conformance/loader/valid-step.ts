import { Ajv, type ValidateFunction } from 'ajv';
import { STEPS } from '../steps/index.ts';

const ajv = new Ajv({ allowUnionTypes: true, strict: false });
const compiled = new Map<string, ValidateFunction>();

/** Whether the catalogue would take a step with these arguments: a known word, arguments as its schema has them. */
export function isValidStep({ name, args }: { name: string; args: unknown }): boolean {
  const step = STEPS.get(name);
  if (step === undefined) return false;
  let validate = compiled.get(name);
  if (validate === undefined) {
    validate = ajv.compile(step.schema);
    compiled.set(name, validate);
  }
  return validate(args);
}
