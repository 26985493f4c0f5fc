import type { NetDevice } from '../../../simulator/net/net-device.ts';
import type { Defect } from '../../defect.ts';
import { net } from '../net-defect.ts';

/** Commands of the RX class that are refused. */
function refusing(device: NetDevice, commands: readonly number[]): void {
  const { rxMode } = device.control;
  device.control.rxMode = (command, data) =>
    !commands.includes(command) && rxMode.call(device.control, command, data);
}

/** Commands of the RX class. */
export const NET_FILTER_COMMANDS: readonly Defect[] = [
  net({
    id: 'net-rx-mode/promisc-refused',
    breaks: ['V1.1-5.1.6.5.1.1-D1.1'],
    what: 'answers PROMISC with ERR',
    seed: (device) => refusing(device, [0]),
  }),
  net({
    id: 'net-rx-mode/promisc-runs-out',
    breaks: ['V1.1-5.1.6.5.1.1-D1.1'],
    what: 'refuses PROMISC after 200 commands',
    fuzz: 'yes',
    seed(device) {
      const { rxMode } = device.control;
      let count = 0;
      device.control.rxMode = (command, data) => ++count <= 200 && rxMode.call(device.control, command, data);
    },
  }),
  net({
    id: 'net-rx-mode/allmulti-refused',
    breaks: ['V1.1-5.1.6.5.1.1-D1.2'],
    what: 'answers ALLMULTI with ERR',
    seed: (device) => refusing(device, [1]),
  }),
  net({
    id: 'net-rx-mode/allmulti-on-refused',
    breaks: ['V1.1-5.1.6.5.1.1-D1.2'],
    what: 'lets ALLMULTI be switched off only',
    seed(device) {
      const { rxMode } = device.control;
      device.control.rxMode = (command, data) =>
        !(command === 1 && data[0] === 1) && rxMode.call(device.control, command, data);
    },
  }),
  net({
    id: 'net-rx-mode/extra-refused',
    breaks: [
      'V1.1-5.1.6.5.1.1-D5.1',
      'V1.1-5.1.6.5.1.1-D5.2',
      'V1.1-5.1.6.5.1.1-D5.3',
      'V1.1-5.1.6.5.1.1-D5.4',
    ],
    what: 'offers the further modes and answers their commands with ERR',
    seed: (device) => refusing(device, [2, 3, 4, 5]),
  }),
  net({
    id: 'net-rx-mode/extra-shifted',
    breaks: ['V1.1-5.1.6.5.1.1-D5.4'],
    what: 'numbers the further modes one too high',
    seed(device) {
      const { rxMode } = device.control;
      device.control.rxMode = (command, data) =>
        rxMode.call(device.control, command > 1 ? command + 1 : command, data);
    },
  }),
];
