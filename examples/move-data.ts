/**
 * Moves data through two simulated devices: sectors through a disk, packets through a network card.
 *
 *     npx tsx examples/move-data.ts
 *
 * Each device is created, registered on a vDPA bus, bound to the virtio-vdpa bus driver, and run by a small
 * virtio driver. The devices have no time of their own: they work when they are pumped.
 */
import { PARENTS } from '../devices/registry.ts';
import { VdpaBus } from '../framework/bus.ts';
import { GuestMemory } from '../framework/memory/guest-memory.ts';
import { BlkDriver, SECTOR } from '../framework/virtio-vdpa/blk-driver.ts';
import { virtioVdpa } from '../framework/virtio-vdpa/device.ts';
import { NetDriver } from '../framework/virtio-vdpa/net-driver.ts';
import { namesOf } from '../specs/virtio-1.1/features.ts';

const bus = new VdpaBus();

/** A device of the target `name` on the bus, bound to virtio-vdpa, with memory of its own. */
function attach(name: string) {
  const memory = new GuestMemory(4 << 20);
  const instance = PARENTS.get(name)!.create({ port: memory.host.port(), seed: 1, options: {} });
  bus.register(instance.device);
  const virtio = bus.bind(instance.device.name, virtioVdpa);
  return { virtio, memory, instance, pump: (budget: number) => instance.pump!(budget) };
}

/** `size` bytes that tell one `seed` from another. */
function pattern(size: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + seed * 17 + (i >> 8)) & 0xff);
}

const equal = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

function moveSectors(): void {
  const { virtio, memory, instance, pump } = attach('simulator-blk');
  const disk = new BlkDriver(virtio, { memory, pump, packed: true });
  console.log(`simulator-blk: ${disk.capacity} sectors, serial "${disk.getId()}", packed ring`);
  console.log(`  features: ${namesOf(disk.features, 'blk').join(' ')}`);
  const image = pattern(1024 * SECTOR, 1);
  disk.write(100, image);
  disk.flush();
  const same = equal(disk.read(100, 1024), image);
  console.log(`  1024 sectors written, read back and ${same ? 'equal' : 'DIFFERENT'}`);
  disk.writeZeroes(100, 512);
  const zero = disk.read(100, 512).every((byte) => byte === 0);
  console.log(`  512 of them zeroed${zero ? '' : ', but they do NOT read as zero'}`);
  disk.close();
  bus.unregister(instance.device.name);
}

function movePackets(): void {
  const { virtio, memory, instance, pump } = attach('simulator-net');
  const card = new NetDriver(virtio, { memory, pump, rxBuffer: 512 });
  const far = instance.peer!;
  console.log(`simulator-net: ${Buffer.from(card.mac).toString('hex')}, MTU ${card.mtu}, split rings`);
  console.log(`  features: ${namesOf(card.features, 'net').join(' ')}`);
  const frames = Array.from({ length: 200 }, (_, i) => {
    const frame = pattern(60 + ((i * 97) % 1450), i);
    frame.set(card.mac, 0); // to the card, so that the far side can send it back
    frame.set([0x02, 0, 0, 0, 0, 0xfe, 0x88, 0xb5], 6); // from the far side, an experimental EtherType
    return frame;
  });
  for (const frame of frames) card.send(frame);
  card.drain();
  const taken = far.take();
  for (const { bytes } of taken) far.send(bytes);
  const received = card.receive();
  const same = received.length === 200 && received.every(({ bytes }, i) => equal(bytes, frames[i]));
  const spread = Math.max(...received.map(({ buffers }) => buffers));
  console.log(
    `  ${taken.length} packets sent, ${received.length} received, ${same ? 'all equal' : 'NOT all equal'}, ` +
      `over up to ${spread} buffers each`,
  );
  card.setPromiscuous(true);
  far.link!(false);
  console.log(`  promiscuous; link ${card.linkUp ? 'up' : 'down'} after the far side pulled the plug`);
  card.close();
  bus.unregister(instance.device.name);
}

moveSectors();
movePackets();
