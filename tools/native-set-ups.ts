/**
 * Set up and release what a real target needs, many times, and tell what was left behind.
 * Usage: node --import tsx tools/native-set-ups.ts [COUNT]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { EventFd } from '../framework/native/eventfd.ts';
import { Mapping } from '../framework/native/mapping.ts';
import { createMemfd } from '../framework/native/memfd.ts';
import { Resources } from '../framework/native/resources.ts';
import { receiveMessage, sendMessage, socketPair } from '../framework/native/socket.ts';

const SIZE = 1 << 20;

function setUp(): void {
  const owner = new Resources();
  try {
    const fd = owner.ownFd(createMemfd('set-up', SIZE));
    new Uint8Array(owner.own(new Mapping(fd, SIZE)).buffer)[SIZE - 1] = 1;
    for (let i = 0; i < 4; i++) owner.own(new EventFd()).signal();
    const { ours, theirs } = socketPair();
    owner.ownFd(ours);
    owner.ownFd(theirs);
    sendMessage(ours, new Uint8Array(1), [fd], 1000);
    for (const one of receiveMessage(theirs, 1, 1000).fds) owner.ownFd(one);
  } finally {
    owner.dispose();
  }
}

const count = () => ({
  descriptors: readdirSync('/proc/self/fd').length,
  shared: readFileSync('/proc/self/maps', 'utf8').split('memfd:set-up').length - 1,
});

const times = Number(process.argv[2] ?? 10_000);
setUp();
const before = count();
const begun = performance.now();
for (let i = 0; i < times; i++) setUp();
console.log(JSON.stringify({ times, before, after: count(), ms: Math.round(performance.now() - begun) }));
