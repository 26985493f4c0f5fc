import { configField } from '../../specs/virtio-1.1/config-space.ts';
import { toHex } from '../kits/hex.ts';
import { defineStep, obj, TEXT } from './step.ts';

const CONFIG_VALUES = 'config-told';

/** `config-listen`: a configuration callback that reads a field. */
export const configListenStep = defineStep<{ field: string }, never>({
  name: 'config-listen',
  summary:
    'Register a configuration callback that reads `field` each time it is called; `config-told` judges.',
  example: '{config-listen: {field: capacity}}',
  schema: obj({ field: TEXT }, ['field']),
  run(session, args) {
    const { offset, width } = configField(session.deviceType, args.field);
    const values: string[] = [];
    session.saved.set(CONFIG_VALUES, values);
    session.virtio.onConfigChange(() => {
      session.configIrqs++;
      session.recorded.quiet++;
      const status = session.ops.getStatus();
      const bytes = new Uint8Array(width);
      session.ops.getConfig(offset, bytes);
      session.recorded.quiet--;
      values.push(toHex(bytes));
      session.recorder.push({ k: 'config-irq', status });
    });
  },
});

/** `config-told`: the callback came, and the new value was readable when it did. */
export const configToldStep = defineStep<{ field: string }, { values: string[]; now: string }>({
  name: 'config-told',
  summary:
    'Since `config-listen` the configuration callback came, and its last call could read the value of now.',
  example: '{config-told: {field: capacity}}',
  schema: obj({ field: TEXT }, ['field']),
  run(session, args) {
    const { offset, width } = configField(session.deviceType, args.field);
    const values =
      (session.saved.get(CONFIG_VALUES) as string[] | undefined) ?? session.stop('nobody listens');
    const bytes = new Uint8Array(width);
    session.ops.getConfig(offset, bytes);
    const seen = { values: [...values], now: toHex(bytes) };
    values.length = 0;
    return seen;
  },
  judge({ field }, { values, now }) {
    if (values.length === 0) return [{ expected: 'a configuration change notification', actual: 'none' }];
    return values.at(-1) === now
      ? []
      : [
          {
            expected: `${field} ${now} readable in the callback`,
            actual: `the callback read ${values.join(', ')}`,
          },
        ];
  },
});
