import { kitOf } from '../../kits/index.ts';
import { addRequest, type RequestOptions } from '../../session/requests.ts';
import { BOOL, defineStep, INT, obj, oneOf, TEXT } from '../step.ts';
import { FRAMING, type FramingArgs, framingOf } from './framing.ts';
import { KICK, type KickMode, release } from './release.ts';

interface RequestArgs extends FramingArgs {
  dir?: 'out' | 'in' | 'any';
  size?: number;
  seed?: number;
  as?: string;
  count?: number;
  publish?: boolean;
  kick?: KickMode;
}

/** `request`: valid requests of the device type. */
export const requestStep = defineStep<RequestArgs, never>({
  name: 'request',
  summary:
    'Submit a valid request of the device type: blk writes (`out`) or reads (`in`) sectors, net transmits or ' +
    'receives a frame. `count` makes several (named as-0, as-1, …). Does not wait.',
  example: '{request: {dir: out, as: a, cut: {r: [15, 1]}}}',
  schema: obj({
    dir: { ...oneOf('out', 'in', 'any'), description: 'any: `out` where the device can do that, else `in`.' },
    size: INT,
    seed: INT,
    as: TEXT,
    count: INT,
    publish: { ...BOOL, description: 'Make it available now (default true).' },
    kick: KICK,
    ...FRAMING,
  }),
  run(session, args) {
    const { dir: wanted = 'out' } = args;
    const dir = wanted !== 'any' ? wanted : kitOf(session).lacks(session, 'out') === null ? 'out' : 'in';
    const count = args.count ?? 1;
    for (let i = 0; i < count; i++) {
      const options: RequestOptions = {
        dir,
        size: args.size,
        seed: args.seed === undefined ? undefined : args.seed + i,
        name: args.as === undefined ? undefined : count === 1 ? args.as : `${args.as}-${i}`,
        ...framingOf(args),
      };
      addRequest(session, options);
    }
    release(session, kitOf(session).queue(session, dir), args);
  },
});
