import type { NetDevice } from '../../../simulator/net/net-device.ts';

/** What a device in another language would do with an index out of range. */
export function crash(why: string): never {
  throw new RangeError(why);
}

/** Look at every command before it is carried out. */
export function onCommand(
  device: NetDevice,
  look: (class_: number, command: number, data: Uint8Array) => boolean | undefined,
): void {
  const { control } = device;
  const { dispatch } = control;
  control.dispatch = (class_, command, data) =>
    look(class_, command, data) ?? dispatch.call(control, class_, command, data);
}
