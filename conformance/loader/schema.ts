import { ABILITIES } from '../../framework/parent.ts';
import { DEVICE_TYPES } from '../../specs/virtio-1.1/device-ids.ts';
import { STEPS } from '../steps/index.ts';
import { INT, type JsonSchema, list, obj, oneOf, TEXT } from '../steps/step.ts';

/** Keys that may stand beside the word of any step. */
const BESIDE = {
  for: { type: 'string', description: 'Requirement that a failure of this step is about.' },
  tier: { enum: ['warn', 'info'], description: 'A failure of this step counts as this at most.' },
  note: TEXT,
};

function stepSchema(name: string, summary: string, schema: JsonSchema): JsonSchema {
  return {
    type: 'object',
    description: summary,
    required: [name],
    additionalProperties: false,
    properties: { [name]: schema, ...BESIDE },
  };
}

/** Prefix of the schema definitions of steps. */
export const DEFINITION = 'step-';

/** JSON Schema of a catalogue file, put together from the steps of the language. */
export function catalogueSchema(): JsonSchema {
  const nested = list({ $ref: '#/definitions/step' }, 1);
  const words: [string, string, JsonSchema][] = [
    ...[...STEPS.values()].map((step): [string, string, JsonSchema] => [
      step.name,
      step.summary,
      step.schema,
    ]),
    ['control', 'The same stimulus, valid: when one of these steps fails, the case is blocked.', nested],
    [
      'repeat',
      'Repeat steps `times` over, or for each value of `each`; `as` names the counter or value (default i).',
      obj({ times: INT, each: { anyOf: [{ type: 'array' }, TEXT] }, as: TEXT, steps: nested }, ['steps']),
    ],
    [
      'when',
      'Steps that apply only if the expression holds.',
      obj({ if: TEXT, steps: nested }, ['if', 'steps']),
    ],
  ];
  const steps = Object.fromEntries(
    words.map(([word, summary, schema]) => [`${DEFINITION}${word}`, stepSchema(word, summary, schema)]),
  );
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'catalogue.schema.json',
    title: 'vdpa-cts catalogue file: a list of conformance cases',
    type: 'array',
    items: { $ref: '#/definitions/case' },
    definitions: {
      case: obj(
        {
          id: { type: 'string', pattern: '^[a-z0-9-]+/[a-z0-9-]+$' },
          requirements: list({ type: 'string', pattern: '^(V1\\.1|P1\\.1|VDPA|INV)-' }, 1),
          class: oneOf('conformance', 'resilience'),
          title: TEXT,
          why: { type: 'string', minLength: 10 },
          ambiguity: TEXT,
          needs: obj({
            device: oneOf(...DEVICE_TYPES),
            features: list(TEXT),
            offered: list(TEXT),
            'not-offered': list(TEXT),
            abilities: list(oneOf(...ABILITIES)),
            transport: oneOf('pci', 'mmio'),
            peer: list(TEXT),
            ops: list(TEXT),
            holds: list(obj({ if: TEXT, else: TEXT }, ['if', 'else'])),
          }),
          params: { type: 'object', additionalProperties: { type: 'array', minItems: 1 } },
          where: TEXT,
          trace: { const: 'reads' },
          steps: nested,
        },
        ['id', 'requirements', 'class', 'why', 'steps'],
      ),
      step: { anyOf: Object.keys(steps).map((word) => ({ $ref: `#/definitions/${word}` })) },
      ...steps,
    },
  };
}

/** Words that group steps; they are resolved before a case runs. */
export const GROUPING = ['control', 'repeat', 'when'] as const;

/** Keys beside the word of a step. */
export const BESIDE_KEYS = Object.keys(BESIDE);

/** The word of a step: its one key that is not a remark. */
export const wordOf = (step: Record<string, unknown>): string | undefined =>
  Object.keys(step).find((key) => !BESIDE_KEYS.includes(key));
